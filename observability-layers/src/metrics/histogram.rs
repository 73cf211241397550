//! Histograms of whole numbers, observed with two additions and no lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where the buckets of a histogram end, and how its numbers are written.
#[derive(Debug)]
pub(super) struct Scale<const BOUNDS: usize> {
    /// Upper bounds, inclusive, in the unit that is counted.
    pub(super) bounds: [u64; BOUNDS],
    /// The same in the unit that is shown, as OpenMetrics writes its `le`: always a fraction.
    pub(super) labels: [&'static str; BOUNDS],
    /// How many of the counted unit make one of the shown.
    pub(super) per_unit: u64,
}

/// Seconds, counted in nanoseconds, with the bounds of OpenTelemetry's HTTP conventions.
pub(super) static SECONDS: Scale<14> = Scale {
    bounds: [
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        75_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        750_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        7_500_000_000,
        10_000_000_000,
    ],
    labels: [
        "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75", "1.0", "2.5",
        "5.0", "7.5", "10.0",
    ],
    per_unit: 1_000_000_000,
};

/// Bytes, by powers of ten from a kilobyte to more than a body is usually allowed to have.
pub(super) static BYTES: Scale<5> = Scale {
    bounds: [1_000, 10_000, 100_000, 1_000_000, 10_000_000],
    labels: ["1000.0", "10000.0", "100000.0", "1000000.0", "10000000.0"],
    per_unit: 1,
};

/// Counts by bucket and their sum. `BUCKETS` is one more than the bounds of its scale.
///
/// The sum wraps around; of nanoseconds it holds 584 years of request time, and `rate()` reads the
/// wrapping as a restart.
#[derive(Debug)]
pub(super) struct Histogram<const BUCKETS: usize> {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

/// What a histogram held at one moment. The count is that of the buckets, so the two always agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot<const BUCKETS: usize> {
    pub(super) buckets: [u64; BUCKETS],
    pub(super) count: u64,
    pub(super) sum: u64,
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    pub(super) const fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            sum: AtomicU64::new(0),
        }
    }

    /// Adds `value` and gives back the index of its bucket.
    pub(super) fn observe<const BOUNDS: usize>(&self, scale: &Scale<BOUNDS>, value: u64) -> usize {
        let bucket = scale.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
        bucket
    }

    pub(super) fn snapshot(&self) -> Snapshot<BUCKETS> {
        let buckets = self.buckets.each_ref();
        let buckets = buckets.map(|bucket| bucket.load(Ordering::Relaxed));
        Snapshot {
            buckets,
            count: buckets.iter().copied().fold(0, u64::wrapping_add),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let histogram = Histogram::<6>::new();
        for (value, bucket) in [
            (0, 0),
            (1_000, 0),
            (1_001, 1),
            (10_000_000, 4),
            (10_000_001, 5),
            (u64::MAX, 5),
        ] {
            assert_eq!(histogram.observe(&BYTES, value), bucket, "{value}");
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.buckets, [2, 1, 0, 0, 1, 2]);
        assert_eq!(snapshot.count, 6);
    }

    #[test]
    fn labels_say_what_the_bounds_are() {
        fn check<const N: usize>(scale: &Scale<N>) {
            assert!(scale.bounds.is_sorted());
            for (bound, label) in scale.bounds.iter().zip(scale.labels) {
                let shown: f64 = label.parse().unwrap();
                assert_eq!(shown, *bound as f64 / scale.per_unit as f64);
            }
        }
        check(&SECONDS);
        check(&BYTES);
    }
}
