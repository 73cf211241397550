use std::time::Duration;

use tokio::time::Instant;

use super::RotateErrorKind;
use crate::source::Version;

/// How a [`Rotating`](super::Rotating) value is doing, for metrics and health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The version in force. `None`: its lease has ended.
    pub version: Option<Version>,
    /// How long ago a load last succeeded, whether it brought a new value or not. Grows while loads fail.
    pub age: Duration,
    /// How often a new value came into force since the start.
    pub rotations: u64,
    /// How many loads have failed since the start.
    pub failures: u64,
    /// Why the last load failed. `None`: it did not.
    pub failing: Option<RotateErrorKind>,
}

/// The account of loads. Pure: time is an argument.
#[derive(Debug)]
pub(super) struct Health {
    confirmed: Instant,
    renew_after: Option<Duration>,
    rotations: u64,
    failures: u64,
    in_a_row: u32,
    failing: Option<RotateErrorKind>,
    stale: bool,
}

/// What is to be said about a failure.
pub(super) struct Report {
    pub(super) age: Duration,
    /// Once for each reason until a load succeeds, not once for each attempt.
    pub(super) new_reason: bool,
    pub(super) stale: bool,
}

impl Health {
    pub(super) fn new(now: Instant, renew_after: Option<Duration>) -> Self {
        Self {
            confirmed: now,
            renew_after,
            rotations: 0,
            failures: 0,
            in_a_row: 0,
            failing: None,
            stale: false,
        }
    }

    pub(super) fn succeeded(&mut self, now: Instant, renew_after: Option<Duration>) {
        self.confirmed = now;
        self.renew_after = renew_after;
        self.in_a_row = 0;
        self.failing = None;
        self.stale = false;
    }

    pub(super) fn rotated(&mut self) {
        self.rotations = self.rotations.saturating_add(1);
    }

    pub(super) fn failed(
        &mut self,
        now: Instant,
        why: RotateErrorKind,
        stale_after: Duration,
    ) -> Report {
        self.failures = self.failures.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let age = self.age(now);
        let stale = !self.stale && age >= stale_after;
        self.stale |= stale;
        Report {
            age,
            new_reason: self.failing.replace(why) != Some(why),
            stale,
        }
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.confirmed)
    }

    pub(super) fn status(&self, version: Option<Version>, now: Instant) -> Status {
        Status {
            version,
            age: self.age(now),
            rotations: self.rotations,
            failures: self.failures,
            failing: self.failing,
        }
    }

    /// How long to wait before the next load: sooner than a full period when a lease wants it, or when the last load
    /// failed (1 s, 2 s, 4 s, ... up to the period).
    pub(super) fn next_load(&self, period: Duration) -> Duration {
        const SHORTEST: Duration = Duration::from_secs(1);
        let wait = match self.in_a_row {
            0 => self.renew_after.unwrap_or(period),
            n => SHORTEST.saturating_mul(1 << (n - 1).min(16)),
        };
        wait.clamp(SHORTEST, period)
    }
}
