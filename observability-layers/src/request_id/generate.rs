//! UUIDv7 (RFC 9562, 5.7) without a system call per id.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _};
use uuid::Uuid;

thread_local! {
    static GENERATOR: RefCell<Generator> = RefCell::new(Generator::new(seeded()));
}

/// A fresh id, greater than every one that this thread made before.
pub(super) fn generate(now: SystemTime) -> HeaderValue {
    let millis = unix_millis(now);
    let id = GENERATOR
        .try_with(|generator| generator.borrow_mut().next(millis))
        // A thread that is just ending has lost its generator.
        .unwrap_or_else(|_| Generator::new(seeded()).next(millis));
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    id.hyphenated().encode_lower(&mut text);
    // Owned in place: one allocation, and clones only count. `Bytes` from a vector would allocate
    // again at the first clone.
    HeaderValue::from_maybe_shared(Bytes::from_owner(text))
        .expect("hexadecimal digits and hyphens are visible ASCII")
}

fn unix_millis(now: SystemTime) -> u64 {
    // A clock that stands before 1970 makes ids that sort first, but are as unique as any.
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

// Ids need to be unique, not secret. So where the operating system gives no randomness, the keys of
// the standard library's hash maps will do, and a request is never refused for it.
fn seeded() -> StdRng {
    StdRng::try_from_rng(&mut SysRng)
        .unwrap_or_else(|_| StdRng::seed_from_u64(RandomState::new().hash_one(0)))
}

const COUNTER_BITS: u32 = 42;
const COUNTER_MAX: u64 = (1 << COUNTER_BITS) - 1;
// How far the wall clock may step back before ids follow it: an hour corrected by NTP must not
// keep the ids of a month in that hour.
const STEP_BACK_MILLIS: u64 = 10_000;

/// Counts within a millisecond (RFC 9562, 6.2, method 1), so that ids of one thread sort in the
/// order they were made, also while the clock steps back a little.
#[derive(Debug)]
struct Generator {
    random: StdRng,
    millis: u64,
    counter: u64,
}

impl Generator {
    fn new(random: StdRng) -> Self {
        Self {
            random,
            millis: 0,
            counter: COUNTER_MAX,
        }
    }

    fn next(&mut self, now_millis: u64) -> Uuid {
        let stepped_back = self.millis.saturating_sub(now_millis) > STEP_BACK_MILLIS;
        if now_millis > self.millis || stepped_back {
            self.restart(now_millis);
        } else if self.counter < COUNTER_MAX {
            self.counter += 1;
        } else {
            self.restart(self.millis.saturating_add(1));
        }
        let tail = u128::from(self.random.next_u32());
        let counter = u128::from(self.counter);
        Uuid::from_u128(
            u128::from(self.millis) << 80
                | 0x7 << 76
                | (counter >> 30) << 64
                | 0b10 << 62
                | (counter & 0x3fff_ffff) << 32
                | tail,
        )
    }

    // The top bit stays clear, so that no start leaves too little room to count.
    fn restart(&mut self, millis: u64) {
        self.millis = millis;
        self.counter = self.random.next_u64() >> (64 - COUNTER_BITS + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn generator(seed: u64) -> Generator {
        Generator::new(StdRng::seed_from_u64(seed))
    }

    fn millis_of(id: Uuid) -> u64 {
        u64::try_from(id.as_u128() >> 80).unwrap()
    }

    #[test]
    fn ids_are_version_7_of_the_rfc_variant_and_carry_the_time() {
        let id = generator(1).next(NOW);
        assert_eq!(id.get_version(), Some(uuid::Version::SortRand));
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(millis_of(id), NOW);
    }

    #[test]
    fn full_counter_borrows_the_next_millisecond() {
        let mut generator = generator(1);
        let before = generator.next(NOW);
        generator.counter = COUNTER_MAX;
        let after = generator.next(NOW);
        assert!(after > before);
        assert_eq!(millis_of(after), NOW + 1);
    }

    #[test]
    fn ids_follow_a_clock_that_was_set_back_far() {
        let mut generator = generator(1);
        generator.next(NOW);
        assert_eq!(millis_of(generator.next(NOW - STEP_BACK_MILLIS)), NOW);
        let corrected = NOW - STEP_BACK_MILLIS - 1;
        assert_eq!(millis_of(generator.next(corrected)), corrected);
    }

    #[test]
    fn time_out_of_range_makes_ids_all_the_same() {
        let before_1970 = UNIX_EPOCH - std::time::Duration::from_secs(1);
        assert_eq!(generate(before_1970).len(), 36);
        let mut generator = generator(1);
        assert_ne!(generator.next(u64::MAX), generator.next(u64::MAX));
    }

    #[test]
    fn ids_are_unique_over_threads() {
        const EACH: usize = 20_000;
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| {
                    // One fixed time for all: only counter and randomness can tell ids apart.
                    let now = UNIX_EPOCH + std::time::Duration::from_millis(NOW);
                    (0..EACH).map(|_| generate(now)).collect::<Vec<_>>()
                })
            })
            .collect();
        let ids: HashSet<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(ids.len(), 8 * EACH);
    }

    proptest! {
        #[test]
        fn ids_of_a_thread_sort_in_the_order_they_were_made(
            seed: u64,
            steps in prop::collection::vec(-STEP_BACK_MILLIS.cast_signed()..5_000, 1..200),
        ) {
            let mut generator = generator(seed);
            let mut last = generator.next(NOW);
            for step in steps {
                // Relative to the latest time the generator saw, which is the furthest it may be from.
                let now = generator.millis.saturating_add_signed(step);
                let id = generator.next(now);
                prop_assert!(id > last);
                prop_assert_eq!(id.get_version(), Some(uuid::Version::SortRand));
                prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
                last = id;
            }
        }
    }
}
