use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::{Permit, Scope};

/// What a gate says to an attempt.
#[derive(Debug)]
#[must_use = "who does not look does not limit"]
pub enum Decision {
    /// Check the proof now, and tell the permit how it went.
    Permit(Permit),
    /// Check nothing; answer `429` with `Retry-After`, for identifiers that exist and for others.
    Limited(Limited),
    /// Check nothing. Somebody has failed for this identifier a hundred times in a row: a link by mail or a challenge comes
    /// first, then the attempt again with [`challenge_passed`](super::Attempt::challenge_passed).
    ChallengeRequired,
}

/// There is no room for an attempt at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    pub(super) scope: Scope,
    pub(super) retry_after: Duration,
}

impl Limited {
    /// What was exhausted. For the operator: do not tell the client.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// After how long another attempt may be made.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// The value of a header `Retry-After`: whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_after_secs(&self) -> u64 {
        let part = u64::from(self.retry_after.subsec_nanos() > 0);
        (self.retry_after.as_secs() + part).max(1)
    }
}

/// A gate that cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateError(pub(super) &'static str);

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for GateError {}
