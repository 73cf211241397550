use std::time::Duration;

use governor::clock::FakeRelativeClock;
use proptest::prelude::*;

use super::super::Quota;
use super::super::gcra::Gcra;
use super::super::store::Algorithm;
use super::{SECOND, agrees_with_itself, n, take};

#[test]
fn a_burst_passes_at_once_and_then_one_unit_per_interval() {
    let gcra = Gcra::new(Quota::per_minute(n(60)).burst(n(3)));
    let mut state = 0;
    let mut at = |now, cost| take(&gcra, &mut state, now, cost);
    let start = 5 * SECOND;
    for _ in 0..3 {
        assert_eq!(at(start, 1), Ok(()));
    }
    assert_eq!(at(start, 1), Err(SECOND));
    assert_eq!(at(start + SECOND - 1, 1), Err(1));
    assert_eq!(at(start + SECOND, 1), Ok(()));
    assert_eq!(
        at(start + SECOND, 2),
        Err(2 * SECOND),
        "a cost of two waits for two"
    );
    // A long quiet time saves up no more than the burst.
    assert_eq!(at(start + 1000 * SECOND, 3), Ok(()));
    assert_eq!(at(start + 1000 * SECOND, 1), Err(SECOND));
}

#[test]
fn a_cost_above_the_burst_passes_on_a_full_bucket_only() {
    let gcra = Gcra::new(Quota::per_second(n(4)));
    let mut state = 0;
    assert_eq!(take(&gcra, &mut state, 0, 1), Ok(()));
    assert_eq!(take(&gcra, &mut state, 0, 1000), Err(SECOND / 4));
    assert_eq!(take(&gcra, &mut state, SECOND / 4, 1000), Ok(()));
    assert_eq!(take(&gcra, &mut state, SECOND / 4, 1), Err(SECOND / 4));
}

#[test]
fn a_clock_that_another_thread_read_earlier_gives_nothing_away() {
    let gcra = Gcra::new(Quota::per_second(n(1)));
    let mut state = 0;
    assert_eq!(take(&gcra, &mut state, 10 * SECOND, 1), Ok(()));
    assert_eq!(take(&gcra, &mut state, 9 * SECOND, 1), Err(2 * SECOND));
}

/// The bucket as one would explain it: so many nanoseconds' worth in it, one unit worth an interval.
struct Bucket {
    interval: u64,
    size: u64,
    content: u64,
    seen: u64,
}

impl Bucket {
    fn take(&mut self, now: u64, cost: u64) -> bool {
        let size = self.size * self.interval;
        self.content = size.min(self.content + (now - self.seen));
        self.seen = now;
        let cost = cost.min(self.size) * self.interval;
        let enough = cost <= self.content;
        self.content -= if enough { cost } else { 0 };
        enough
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, u32)>> {
    // Mostly short steps and small costs, so that the edge of the limit is met often.
    let pause = prop_oneof![4 => 0..SECOND / 2, 1 => 0..100 * SECOND];
    let cost = prop_oneof![4 => 1..3u32, 1 => 1..100u32];
    prop::collection::vec((pause, cost), 1..200)
}

proptest! {
    #[test]
    fn it_decides_as_a_bucket_and_as_governor_do(
        units in 1u32..50, period in 1u64..20 * SECOND, burst in 1u32..50, steps in steps()
    ) {
        let quota = Quota::per(n(units), Duration::from_nanos(period)).unwrap().burst(n(burst));
        let gcra = Gcra::new(quota);
        let mut state = 0;

        let interval = (period / u64::from(units)).max(1);
        let size = u64::from(burst);
        let mut bucket = Bucket { interval, size, content: size * interval, seen: 0 };

        let clock = FakeRelativeClock::default();
        let peer = governor::Quota::with_period(Duration::from_nanos(interval)).unwrap();
        let peer = governor::RateLimiter::direct_with_clock(peer.allow_burst(n(burst)), clock.clone());

        let mut now = 0;
        for (pause, cost) in steps {
            now += pause;
            clock.advance(Duration::from_nanos(pause));
            let result = take(&gcra, &mut state, now, cost);
            prop_assert_eq!(result.is_ok(), bucket.take(now, u64::from(cost)));
            let peer = peer.check_n(n(cost.min(burst))).unwrap();
            prop_assert_eq!(result.is_ok(), peer.is_ok());
            if let Err(wait) = result {
                // Not a nanosecond too early or too late.
                prop_assert!(wait > 0);
                prop_assert!(gcra.attempt(&mut state, now + wait, n(cost)).is_ok());
                prop_assert!(gcra.attempt(&mut state, now + wait - 1, n(cost)).is_err());
            }
            agrees_with_itself(&gcra, |tat| *tat, &state, now);
        }
    }

    #[test]
    fn extreme_settings_neither_overflow_nor_panic(
        units in 1u32.., period in 1u64..1 << 62, burst in 1u32..,
        steps in prop::collection::vec((0u64..1 << 56, 1u32..), 1..50)
    ) {
        let quota = Quota::per(n(units), Duration::from_nanos(period)).unwrap().burst(n(burst));
        let gcra = Gcra::new(quota);
        let (mut state, mut now) = (0, 0);
        for (pause, cost) in steps {
            now += pause;
            if let Err(wait) = take(&gcra, &mut state, now, cost) {
                prop_assert!(gcra.attempt(&mut state, now + wait, n(cost)).is_ok());
            }
            let standing = gcra.standing(&mut state, now);
            prop_assert!(standing.remaining <= quota.capacity().get());
            prop_assert!(standing.more <= standing.full);
        }
    }
}
