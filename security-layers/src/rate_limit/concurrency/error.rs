use std::error::Error;
use std::fmt;

use http::StatusCode;
use portcullis_layer_core::refusal::{Reason, Refusal};

use super::super::error::{RateLimitedKind, missing_key, quota_exceeded};
use super::super::policy::PolicyName;
use crate::refusals::Counted;

/// Why a request was refused: its key has as many under way as it may have, or it has no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooManyInFlight {
    pub(super) kind: RateLimitedKind,
    pub(super) policy: PolicyName,
}

impl TooManyInFlight {
    /// What the request was short of.
    #[must_use]
    pub const fn kind(&self) -> RateLimitedKind {
        self.kind
    }

    /// The name of the limit.
    #[must_use]
    pub const fn policy(&self) -> &PolicyName {
        &self.policy
    }
}

impl fmt::Display for TooManyInFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RateLimitedKind::QuotaExceeded => f.write_str("too many requests are under way"),
            RateLimitedKind::BadRequest | RateLimitedKind::Forbidden => {
                f.write_str("what the limit is counted by is missing")
            }
        }
    }
}

impl Error for TooManyInFlight {}

impl Counted for TooManyInFlight {
    const LAYER: &'static str = "concurrency_limit";
    const REASONS: &'static [&'static str] = &["too_many_in_flight", "key_missing"];

    fn index(&self) -> usize {
        usize::from(self.kind != RateLimitedKind::QuotaExceeded)
    }
}

impl Reason for TooManyInFlight {
    // Without `Retry-After`: when a request under way will end is not known.
    fn refusal(&self) -> Refusal {
        match self.kind {
            RateLimitedKind::QuotaExceeded => quota_exceeded(&[self.policy.as_str()])
                .detail("wait for a request that is under way to end"),
            RateLimitedKind::BadRequest => missing_key(StatusCode::BAD_REQUEST),
            RateLimitedKind::Forbidden => missing_key(StatusCode::FORBIDDEN),
        }
    }
}
