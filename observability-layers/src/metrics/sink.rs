//! The sink that counts.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::exemplar::Exemplar;
use super::histogram::{BYTES, SECONDS};
use super::series::{Key, Table};
use super::stripes::Stripes;
use crate::observe::{Fields, Outcome, Record, Sink};

/// Counts requests, by method, route and status. See the [module docs](super) for what it exposes.
///
/// A handle: clones count into the same series. It is a [`Sink`], and a
/// [`Collector`](prometheus_client::collector::Collector) for a registry of your own; [`Metrics`](super::Metrics)
/// has one already.
#[derive(Clone)]
pub struct HttpMetrics {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) table: Table,
    pub(super) started: Stripes,
    pub(super) overflowed: AtomicU64,
    pub(super) unfinished: [AtomicU64; 4],
}

/// The outcomes that are counted apart, in the order of [`Inner::unfinished`].
pub(super) const UNFINISHED: [Outcome; 4] = [
    Outcome::Failed,
    Outcome::Cancelled,
    Outcome::TimedOut,
    Outcome::Panicked,
];

impl HttpMetrics {
    /// Keeps up to 2,000 series, which is the limit that OpenTelemetry sets: about 1.5 MiB when all are
    /// in use, and as much again for the exemplars when each has had a sampled trace.
    pub fn new() -> Self {
        const SERIES: NonZeroU16 = NonZeroU16::new(2_000).expect("it is not zero");
        Self::with_max_series(SERIES)
    }

    /// Keeps up to `max` combinations of method, route and status. Further ones are counted under
    /// the route `_other`, and in `http_metrics_overflow_total`.
    pub fn with_max_series(max: NonZeroU16) -> Self {
        Self {
            inner: Arc::new(Inner {
                table: Table::new(max.get()),
                started: Stripes::default(),
                overflowed: AtomicU64::new(0),
                unfinished: Default::default(),
            }),
        }
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpMetrics").finish_non_exhaustive()
    }
}

impl Sink for HttpMetrics {
    fn fields(&self) -> Fields {
        Fields::REQUEST_BYTES | Fields::TRACE
    }

    fn started(&self) {
        self.inner.started.increment();
    }

    fn completed(&self, record: &Record<'_>) {
        let (series, overflowed) = self.inner.table.get(Key::of(record));
        if overflowed {
            self.inner.overflowed.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = nanos(record.duration);
        let bucket = series.durations.observe(&SECONDS, nanos);
        if record.status.is_some() {
            series.response_sizes.observe(&BYTES, record.response_bytes);
        }
        if let Some(bytes) = record.request_bytes {
            series.request_sizes.observe(&BYTES, bytes);
        }
        if let Some(trace) = record.trace
            && trace.is_sampled()
        {
            let exemplar = Exemplar {
                trace: *trace,
                nanos,
            };
            series.exemplars.keep(bucket, exemplar);
        }
        if record.outcome != Outcome::Finished
            && let Some(place) = UNFINISHED.iter().position(|one| *one == record.outcome)
        {
            self.inner.unfinished[place].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inner {
    /// How many requests are under way: those that started less those that are in some series.
    pub(super) fn in_flight(&self) -> u64 {
        // The ends are read first: a request that is seen to end was seen to start.
        let ended = self.table.iter();
        let ended = ended.map(|series| series.durations.snapshot().count);
        let ended = ended.fold(0, u64::wrapping_add);
        self.started.sum().saturating_sub(ended)
    }
}

fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::super::series::Series;

    // Measured with the allocator's share and labels of usual length; this is what most of it is.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn series_are_no_larger_than_was_said_of_2_000() {
        assert_eq!(size_of::<Series>(), 384);
        assert!(size_of::<super::super::exemplar::Latest>() <= 960);
    }
}
