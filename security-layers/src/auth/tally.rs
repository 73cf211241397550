use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How credentials of one kind were judged: a counter for each word of a fixed list. A clone shares the numbers.
///
/// With the feature `metrics` it is a `prometheus_client::collector::Collector`.
#[derive(Clone, Debug)]
pub struct Tally {
    metric: &'static Metric,
    counts: Arc<[AtomicU64]>,
}

/// What a [`Tally`] is called.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "metrics"),
    expect(dead_code, reason = "names are for a scrape")
)]
pub(super) struct Metric {
    /// Without `_total`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) label: &'static str,
    /// The values of the label. The most frequent one stands first: it is found first.
    pub(super) values: &'static [&'static str],
}

impl Tally {
    pub(super) fn new(metric: &'static Metric) -> Self {
        let counts = metric.values.iter().map(|_| AtomicU64::new(0)).collect();
        Self { metric, counts }
    }

    pub(super) fn count(&self, value: &str) {
        if let Some(count) = self.find(value) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often this was the judgement; zero for words that are not on the list.
    #[must_use]
    pub fn of(&self, value: &str) -> u64 {
        self.find(value)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn find(&self, value: &str) -> Option<&AtomicU64> {
        let index = self
            .metric
            .values
            .iter()
            .position(|known| *known == value)?;
        self.counts.get(index)
    }
}

#[cfg(feature = "metrics")]
impl prometheus_client::collector::Collector for Tally {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeMetric as _;
        use prometheus_client::metrics::{MetricType, counter::ConstCounter};

        let Metric {
            name, help, label, ..
        } = self.metric;
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in self.metric.values.iter().zip(self.counts.iter()) {
            let count = ConstCounter::new(count.load(Ordering::Relaxed));
            count.encode(metric.encode_family(&[(*label, *value)])?)?;
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_shows_each_judgement_from_the_start() {
        static METRIC: Metric = Metric {
            name: "auth_tries",
            help: "Tries",
            label: "result",
            values: &["valid", "wrong"],
        };
        let tally = Tally::new(&METRIC);
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(tally.clone()));
        tally.count("wrong");
        tally.count("never heard of");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert_eq!(
            text,
            "# HELP auth_tries Tries\n# TYPE auth_tries counter\n\
             auth_tries_total{result=\"valid\"} 0\nauth_tries_total{result=\"wrong\"} 1\n# EOF\n"
        );
        assert_eq!((tally.of("wrong"), tally.of("never heard of")), (1, 0));
    }
}
