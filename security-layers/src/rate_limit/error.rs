use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use http::header::RETRY_AFTER;
use portcullis_layer_core::refusal::{Reason, Refusal};

use super::fields::whole;
use super::policy::{MAX_RULES, PolicyName};
use crate::refusals::Counted;

/// Why a request was refused. Also found in the extensions of the refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimited {
    pub(super) kind: RateLimitedKind,
    pub(super) retry_after: u64,
    pub(super) names: Arc<[PolicyName]>,
    /// One bit for each of `names`.
    pub(super) violated: u8,
}

/// What a request was short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RateLimitedKind {
    /// A quota is used up.
    QuotaExceeded,
    /// The request has no key, and the rule demands one with [`MissingKey::BadRequest`](super::MissingKey::BadRequest).
    BadRequest,
    /// The request has no key, and the rule demands one with [`MissingKey::Forbidden`](super::MissingKey::Forbidden).
    Forbidden,
}

impl RateLimited {
    /// What the request was short of.
    #[must_use]
    pub const fn kind(&self) -> RateLimitedKind {
        self.kind
    }

    /// Whole seconds, rounded up and at least one, after which the same request would pass if nothing
    /// else is spent meanwhile. `None` if waiting does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        (self.kind == RateLimitedKind::QuotaExceeded).then_some(self.retry_after)
    }

    /// The rules that refused it.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyName> {
        let violated = |index: usize| self.violated & (1 << index) != 0;
        self.names
            .iter()
            .enumerate()
            .filter_map(move |(index, name)| violated(index).then_some(name))
    }
}

impl fmt::Display for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RateLimitedKind::QuotaExceeded => {
                write!(f, "a quota is used up for {} s", self.retry_after)
            }
            RateLimitedKind::BadRequest | RateLimitedKind::Forbidden => {
                f.write_str("what the limit is counted by is missing")
            }
        }
    }
}

impl Error for RateLimited {}

impl Counted for RateLimited {
    const LAYER: &'static str = "rate_limit";
    const REASONS: &'static [&'static str] = &["quota_exceeded", "key_missing"];

    fn index(&self) -> usize {
        usize::from(self.kind != RateLimitedKind::QuotaExceeded)
    }
}

impl Reason for RateLimited {
    fn refusal(&self) -> Refusal {
        match self.kind {
            RateLimitedKind::QuotaExceeded => {
                let policies: Vec<_> = self.policies().map(PolicyName::as_str).collect();
                // No detail: when to come back is in a header that every client reads.
                quota_exceeded(&policies).header(RETRY_AFTER, whole(self.retry_after))
            }
            RateLimitedKind::BadRequest => missing_key(StatusCode::BAD_REQUEST),
            RateLimitedKind::Forbidden => missing_key(StatusCode::FORBIDDEN),
        }
    }
}

/// Problem type and title as draft-ietf-httpapi-ratelimit-headers-10, section 5.1, registers them.
pub(super) fn quota_exceeded(policies: &[&str]) -> Refusal {
    Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "Request cannot be satisfied as assigned quota has been exceeded",
    )
    .member("violated-policies", policies)
}

pub(super) fn missing_key(status: StatusCode) -> Refusal {
    Refusal::new(
        status,
        "urn:problem-type:portcullis:rate-limit-key-missing",
        "Request lacks what its rate limit is counted by",
    )
}

/// Why a text is not a [`PolicyName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(String);

impl InvalidName {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a policy name, which is 1 to {} letters, digits, `-`, `_`, `.` and `/`",
            self.0.escape_debug(),
            PolicyName::MAX_LEN
        )
    }
}

impl Error for InvalidName {}

/// Why rules do not make a limiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRules(pub(super) RulesProblem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RulesProblem {
    None,
    TooMany(usize),
    SameName(PolicyName),
}

impl fmt::Display for InvalidRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            RulesProblem::None => f.write_str("a limiter without rules limits nothing"),
            RulesProblem::TooMany(count) => {
                write!(
                    f,
                    "{count} rules are more than the {MAX_RULES} that a limiter takes"
                )
            }
            RulesProblem::SameName(name) => write!(f, "two rules are called `{name}`"),
        }
    }
}

impl Error for InvalidRules {}

/// Why something is not a [`Quota`](super::Quota) or a [`SlidingWindow`](super::SlidingWindow).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidQuota(pub(super) QuotaProblem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QuotaProblem {
    Shape(String),
    Units(String),
    Period(String),
    Option(String),
    NoTime,
    TooLong,
}

impl fmt::Display for InvalidQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            QuotaProblem::Shape(text) => write!(
                f,
                "`{text}` is not a rate; write a number and a period, such as 100/min"
            ),
            QuotaProblem::Units(text) => {
                write!(f, "`{text}` is not a number from 1 to {}", u32::MAX)
            }
            QuotaProblem::Period(text) => {
                write!(f, "`{text}` is not a period such as s, min, 15min, h or d")
            }
            QuotaProblem::Option(text) => {
                write!(f, "`{text}` is not an option of this limit")
            }
            QuotaProblem::NoTime => f.write_str("a period of no time has no rate"),
            QuotaProblem::TooLong => f.write_str("a period may last 146 years and no longer"),
        }
    }
}

impl Error for InvalidQuota {}
