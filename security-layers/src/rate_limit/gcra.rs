//! The generic cell rate algorithm, calculated by `governor`.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};

use super::quota::Quota;
use super::store::{Algorithm, Standing};

/// A [`Quota`] as GCRA sees it.
///
/// The state of a key is the time, in nanoseconds since the limiter began, at which its bucket will
/// be full again (GCRA's *theoretical arrival time*). A time that has passed says the same as none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gcra {
    quota: governor::Quota,
    /// Nanoseconds per unit.
    interval: u64,
    /// Nanoseconds in which an empty bucket fills up.
    full: u64,
}

impl Gcra {
    pub(super) fn new(quota: Quota) -> Self {
        let interval = quota.rate().interval();
        let burst = quota.capacity();
        let quota = governor::Quota::with_period(Duration::from_nanos(interval))
            .expect("an interval is at least one nanosecond")
            .allow_burst(burst);
        Self {
            quota,
            interval,
            full: interval * u64::from(burst.get()),
        }
    }
}

impl Algorithm for Gcra {
    type State = u64;
    type Next = u64;

    fn attempt(&self, tat: &mut u64, now: u64, cost: NonZeroU32) -> Result<u64, u64> {
        let level = Level(Cell::new(Nanos::new(tat.saturating_sub(now))));
        let limiter = Governor::new(self.quota, level, Now);
        // Without the cap, a request that costs more than the bucket holds could never pass.
        match limiter.check_n(cost.min(self.quota.burst_size())) {
            Ok(Ok(())) => Ok(now + limiter.into_state_store().0.get().as_u64()),
            Ok(Err(refused)) => Err(Nanos::from(refused.wait_time_from(NOW)).as_u64()),
            Err(_over_the_burst) => Err(self.full),
        }
    }

    fn commit(&self, tat: &mut u64, next: u64) {
        *tat = next;
    }

    fn busy(&self, tat: &mut u64, now: u64) -> u64 {
        tat.saturating_sub(now)
    }

    fn limited(&self, tat: &mut u64, now: u64) -> bool {
        tat.saturating_sub(now) > self.full - self.interval
    }

    fn standing(&self, tat: &mut u64, now: u64) -> Standing {
        let level = tat.saturating_sub(now);
        let remaining = (self.full - level.min(self.full)) / self.interval;
        // One unit more is there once the level is down to what `remaining + 1` units leave.
        let below = self.full.saturating_sub((remaining + 1) * self.interval);
        Standing {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            more: if level == 0 { 0 } else { level - below },
            full: level,
        }
    }
}

type Governor = RateLimiter<NotKeyed, Level, Now, NoOpMiddleware<Nanos>>;

/// Where governor finds and leaves a key's state: a copy, which becomes the key's new state only
/// once every other rule of the request has agreed.
///
/// It holds the distance from now to the theoretical arrival time, and governor's clock stands still
/// at zero: GCRA is about differences only, so this makes time an argument of ours.
struct Level(Cell<Nanos>);

impl StateStore for Level {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, level) = decide(Some(self.0.get()))?;
        self.0.set(level);
        Ok(outcome)
    }
}

/// The clock that always shows [`NOW`].
struct Now;

const NOW: Nanos = Nanos::new(0);

impl Clock for Now {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        NOW
    }
}
