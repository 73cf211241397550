//! A counter that many threads can move without waiting for each other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// More would help only with more threads than this adding at the same instant.
const STRIPES: usize = 16;

/// One number in several places, each on a cache line of its own, so that threads which count at
/// the same time do not take the line from each other.
#[derive(Debug, Default)]
pub(super) struct Stripes([Stripe; STRIPES]);

// Two lines of 64 bytes, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

impl Stripes {
    pub(super) fn increment(&self) {
        self.0[place()].0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sum(&self) -> u64 {
        let values = self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed));
        values.fold(0, u64::wrapping_add)
    }
}

fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    // A thread that is ending may have lost its place; any other will do.
    PLACE.try_with(|place| *place).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn no_increment_is_lost_between_threads() {
        let stripes = Stripes::default();
        thread::scope(|scope| {
            for _ in 0..2 * STRIPES {
                scope.spawn(|| (0..1_000).for_each(|_| stripes.increment()));
            }
        });
        assert_eq!(stripes.sum(), 2_000 * STRIPES as u64);
    }
}
