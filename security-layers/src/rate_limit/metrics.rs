use std::fmt;

use portcullis_layer_core::clock::Clock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::concurrency::{ConcurrencyLimitLayer, ConcurrencyStats};
use super::limiter::RateLimiter;
use super::policy::PolicyName;
use super::stats::{RateLimiterStats, RuleStats};

/// The numbers of rate limiters and concurrency limits, for a `prometheus_client` registry.
///
/// One collector takes them all, because a metric may be described only once in a scrape; a label
/// `limiter` tells them apart, a label `policy` the rules of one limiter.
///
/// ```
/// use std::num::NonZeroU32;
/// use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitCollector, RateLimiter, Rule};
/// use prometheus_client::{encoding::text::encode, registry::Registry};
///
/// let quota: Quota = "100/min".parse()?;
/// let limiter = RateLimiter::from(Rule::new(quota, Key::client_ip()));
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(RateLimitCollector::new().limiter("api".parse()?, &limiter)));
///
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("rate_limit_requests_allowed_total{limiter=\"api\"} 0"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct RateLimitCollector {
    limiters: Vec<Source<RateLimiterStats>>,
    concurrency: Vec<Source<ConcurrencyStats>>,
}

struct Source<T> {
    name: PolicyName,
    read: Box<dyn Fn() -> T + Send + Sync>,
}

impl<T> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl<T> Source<T> {
    fn read(&self) -> (&str, T) {
        (self.name.as_str(), (self.read)())
    }
}

impl RateLimitCollector {
    /// Collects nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `limiter`, under a name that no other of this collector has.
    #[must_use]
    pub fn limiter<C: Clock>(mut self, name: PolicyName, limiter: &RateLimiter<C>) -> Self {
        let limiter = limiter.clone();
        let read = Box::new(move || limiter.stats());
        self.limiters.push(Source { name, read });
        self
    }

    /// Adds the concurrency limit `layer`, under a name that no other of this collector has.
    #[must_use]
    pub fn concurrency<R>(mut self, name: PolicyName, layer: &ConcurrencyLimitLayer<R>) -> Self {
        let read = Box::new(layer.reader());
        self.concurrency.push(Source { name, read });
        self
    }
}

impl Collector for RateLimitCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let limiters: Vec<_> = self.limiters.iter().map(Source::read).collect();
        let concurrency: Vec<_> = self.concurrency.iter().map(Source::read).collect();

        if !limiters.is_empty() {
            let allowed = limiters
                .iter()
                .map(|(name, stats)| ([("limiter", *name)], ConstCounter::new(stats.allowed)));
            family(
                &mut encoder,
                "rate_limit_requests_allowed",
                "Requests that were counted and let pass",
                allowed,
            )?;
            for (name, help, read) in COUNTERS {
                let series = by_rule(&limiters, read);
                let series = series.map(|(labels, value)| (labels, ConstCounter::new(value)));
                family(&mut encoder, name, help, series)?;
            }
            let active = by_rule(&limiters, |rule| rule.active_keys as u64);
            family(
                &mut encoder,
                "rate_limit_buckets_active",
                "Keys of which something is spent",
                active.map(|(labels, value)| (labels, ConstGauge::new(value))),
            )?;
        }
        if !concurrency.is_empty() {
            let series = |read: fn(&ConcurrencyStats) -> u64| {
                let read = move |(name, stats): &(_, _)| ([("limiter", *name)], read(stats));
                concurrency.iter().map(read)
            };
            let in_flight = series(|stats| stats.in_flight);
            family(
                &mut encoder,
                "rate_limit_concurrent_requests",
                "Requests under way",
                in_flight.map(|(labels, value)| (labels, ConstGauge::new(value))),
            )?;
            let refused = series(|stats| stats.refused);
            family(
                &mut encoder,
                "rate_limit_concurrent_requests_rejected",
                "Requests refused because as many were under way",
                refused.map(|(labels, value)| (labels, ConstCounter::new(value))),
            )?;
        }
        Ok(())
    }
}

type Read = fn(&RuleStats) -> u64;

const COUNTERS: [(&str, &str, Read); 5] = [
    (
        "rate_limit_requests_rejected",
        "Requests refused by a policy",
        |rule| if rule.shadow { 0 } else { rule.exceeded },
    ),
    (
        "rate_limit_requests_shadow_rejected",
        "Requests let pass that a policy in shadow would have refused",
        |rule| if rule.shadow { rule.exceeded } else { 0 },
    ),
    (
        "rate_limit_requests_without_key",
        "Requests without the key that a policy goes by",
        |rule| rule.keyless,
    ),
    (
        "rate_limit_buckets_evicted",
        "Keys forgotten while something of them was spent, to make room",
        |rule| rule.evicted,
    ),
    (
        "rate_limit_requests_overflowed",
        "Requests of new keys that shared a bucket because there was no room",
        |rule| rule.overflowed,
    ),
];

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

fn by_rule<'a>(
    limiters: &'a [(&'a str, RateLimiterStats)],
    read: Read,
) -> impl Iterator<Item = (Labels<'a, 2>, u64)> {
    limiters.iter().flat_map(move |(name, stats)| {
        let labels = |rule: &'a RuleStats| [("limiter", *name), ("policy", rule.policy.as_str())];
        stats
            .rules
            .iter()
            .map(move |rule| (labels(rule), read(rule)))
    })
}

fn family<'a, M: EncodeMetric, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Labels<'a, N>, M)>,
) -> Result<(), fmt::Error> {
    let mut series = series.peekable();
    let Some((_, first)) = series.peek() else {
        return Ok(());
    };
    let mut metric = encoder.encode_descriptor(name, help, None, first.metric_type())?;
    for (labels, value) in series {
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}
