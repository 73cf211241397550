use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::{MetricType, counter::ConstCounter};

use super::layer::MaskLayer;

/// The numbers of one [`MaskLayer`] and its clones, for a `prometheus_client` registry:
/// `mask_responses_total{outcome}` and `mask_replacements_total{kind}`.
///
/// ```
/// use portcullis_security_layers::mask::{MaskCollector, MaskLayer};
/// use prometheus_client::{encoding::text::encode, registry::Registry};
///
/// let layer = MaskLayer::new();
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(MaskCollector::new(&layer)));
///
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("mask_responses_total{outcome=\"compressed\"} 0"));
/// # Ok::<_, std::fmt::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaskCollector(MaskLayer);

impl MaskCollector {
    /// Collects what `layer` counts.
    #[must_use]
    pub fn new(layer: &MaskLayer) -> Self {
        Self(layer.clone())
    }
}

impl Collector for MaskCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.0.stats();
        let mut family = |name, help, label, series: &[(&str, u64)]| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (value, count) in series {
                let labels = [(label, *value)];
                ConstCounter::new(*count).encode(metric.encode_family(&labels)?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        family(
            "mask_responses",
            "Responses that may contain secrets: searched, or left as they were and why",
            "outcome",
            &[
                ("scanned", stats.scanned),
                ("compressed", stats.compressed),
                ("grpc", stats.grpc),
                ("partial", stats.partial),
            ],
        )?;
        family(
            "mask_replacements",
            "Known secrets and values of fields that were masked",
            "kind",
            &[("secret", stats.secrets), ("field", stats.fields)],
        )
    }
}
