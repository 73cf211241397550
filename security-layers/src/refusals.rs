//! How many requests the layers refused, by layer and by reason.
//!
//! ```
//! # #[cfg(feature = "limits")] {
//! use portcullis_security_layers::limits::{HeaderLimitLayer, UriLimitLayer};
//! use portcullis_security_layers::refusals::Refusals;
//!
//! let refusals = Refusals::new();
//! let uri = UriLimitLayer::default().count_in(&refusals);
//! let headers = HeaderLimitLayer::default().count_in(&refusals);
//!
//! assert_eq!(refusals.count("uri_limit", "uri_too_long"), 0);
//! # let _layers = (uri, headers);
//! # }
//! ```
//!
//! One `Refusals` serves a whole stack: with the feature `metrics` it is a Prometheus collector of
//! the counter `requests_refused_total{layer, reason}`. Both labels are names from the source of the
//! layers, never text from a request, so the number of series is fixed. A layer that was not told to
//! count in one counts nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counters of refused requests. Clones share their counters.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    series: Arc<Mutex<BTreeMap<Series, Arc<AtomicU64>>>>,
}

type Series = (&'static str, &'static str);

impl Refusals {
    /// Counters that all start at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests `layer` refused for `reason`; zero for names that no layer uses.
    #[must_use]
    pub fn count(&self, layer: &str, reason: &str) -> u64 {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let found = series
            .iter()
            .find(|((a, b), _)| *a == layer && *b == reason);
        found.map_or(0, |(_, counter)| counter.load(Ordering::Relaxed))
    }

    // A series exists from the moment that a layer may count in it, so that a scrape shows its zero
    // and a rate over it sees the first refusal.
    fn counter(&self, series: Series) -> Arc<AtomicU64> {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(series).or_default())
    }

    #[cfg(feature = "metrics")]
    fn snapshot(&self) -> Vec<(Series, u64)> {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(series, counter)| (*series, counter.load(Ordering::Relaxed)))
            .collect()
    }
}

/// What a layer keeps to count: one handle for each of its `N` reasons, or none at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Option<Arc<[Arc<AtomicU64>]>>);

impl Counters {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn of<E: Counted>(refusals: &Refusals) -> Self {
        let reasons = E::REASONS.iter();
        Self(Some(
            reasons
                .map(|reason| refusals.counter((E::LAYER, reason)))
                .collect(),
        ))
    }

    /// Counts one refusal and tells the operator's log of it, at a level that a flood does not reach.
    pub(crate) fn record<E: Counted>(&self, reason: &E) {
        let index = reason.index();
        let name = E::REASONS.get(index).copied().unwrap_or_default();
        tracing::debug!(target: "portcullis::refusal", layer = E::LAYER, reason = name);
        if let Some(counter) = self.0.as_ref().and_then(|counters| counters.get(index)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A reason whose refusals are counted under fixed names.
pub(crate) trait Counted {
    /// The value of the label `layer`.
    const LAYER: &'static str;
    /// The values of the label `reason`.
    const REASONS: &'static [&'static str];

    /// Which of [`REASONS`](Self::REASONS) this one is.
    fn index(&self) -> usize {
        0
    }
}

#[cfg(feature = "metrics")]
impl prometheus_client::collector::Collector for Refusals {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeMetric as _;
        use prometheus_client::metrics::{MetricType, counter::ConstCounter};

        let mut metric = encoder.encode_descriptor(
            "requests_refused",
            "Requests that a layer refused",
            None,
            MetricType::Counter,
        )?;
        for ((layer, reason), count) in self.snapshot() {
            let labels = [("layer", layer), ("reason", reason)];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Night;

    impl Counted for Night {
        const LAYER: &'static str = "gate";
        const REASONS: &'static [&'static str] = &["night"];
    }

    #[test]
    fn layers_that_share_refusals_add_up_and_others_do_not_count() {
        let refusals = Refusals::new();
        let (one, two) = (
            Counters::of::<Night>(&refusals),
            Counters::of::<Night>(&refusals),
        );
        one.record(&Night);
        two.clone().record(&Night);
        Counters::default().record(&Night);
        assert_eq!(refusals.clone().count("gate", "night"), 2);
        assert_eq!(refusals.count("gate", "day"), 0);
    }

    #[cfg(feature = "metrics")]
    #[test]
    fn a_scrape_shows_each_series_from_the_start() {
        let refusals = Refusals::new();
        let counters = Counters::of::<Night>(&refusals);
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(refusals));
        let scrape = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text
        };
        assert!(scrape().contains("requests_refused_total{layer=\"gate\",reason=\"night\"} 0\n"));
        counters.record(&Night);
        assert!(scrape().contains("requests_refused_total{layer=\"gate\",reason=\"night\"} 1\n"));
    }
}
