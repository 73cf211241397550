//! When a lease is renewed. Pure functions of time.

use std::time::Duration;

use tokio::time::Instant;

use crate::source::Lease;

/// Something that Vault has given for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// What was granted at first: a renewal that grants much less has met `max_ttl`.
    first: Duration,
    renew_at: Instant,
    ends: Instant,
    renewable: bool,
}

/// What is to be done about a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Keep,
    Renew,
    Replace,
}

impl Term {
    /// `None`: it has no end. `jitter` is any number.
    pub(super) fn new(
        now: Instant,
        granted: Duration,
        renewable: bool,
        jitter: u32,
    ) -> Option<Self> {
        if granted.is_zero() {
            return None;
        }
        Some(Self {
            first: granted,
            renew_at: now.checked_add(renewal(granted, jitter))?,
            ends: now.checked_add(granted)?,
            renewable,
        })
    }

    /// The term after a renewal. `None`: it will not get longer any more, so it is time for another.
    pub(super) fn renewed(
        &self,
        now: Instant,
        granted: Duration,
        renewable: bool,
        jitter: u32,
    ) -> Option<Self> {
        if granted < self.first / 2 {
            return None;
        }
        let first = self.first;
        Self::new(now, granted, renewable, jitter).map(|term| Self { first, ..term })
    }

    pub(super) fn step(&self, now: Instant) -> Step {
        if now < self.renew_at {
            Step::Keep
        } else if self.renewable && now < self.ends {
            Step::Renew
        } else {
            Step::Replace
        }
    }

    pub(super) fn ended(&self, now: Instant) -> bool {
        now >= self.ends
    }

    /// How long it still lasts, and when it wants to be renewed.
    pub(super) fn left(&self, now: Instant) -> Lease {
        Lease {
            valid_for: self.ends.saturating_duration_since(now),
            renew_after: self.renew_at.saturating_duration_since(now),
        }
    }
}

/// Two thirds of `granted`, give or take up to a tenth of that.
fn renewal(granted: Duration, jitter: u32) -> Duration {
    let share = 2.0 / 3.0 * (0.9 + 0.2 * f64::from(jitter) / f64::from(u32::MAX));
    granted.mul_f64(share)
}

/// A random number; its quality does not matter.
pub(super) fn jitter() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}
