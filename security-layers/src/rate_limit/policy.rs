//! What is limited, by whom, and how strictly.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::sync::Arc;

use http::request;

use super::callback::Callback;
use super::error::InvalidName;
use super::key::{Key, MissingKey};
use super::quota::Limit;

/// The most rules that one limiter takes: a request may have to hold a lock for each.
pub(super) const MAX_RULES: usize = 8;

/// The name of a rule: in the RateLimit fields, in refusals, metrics and audit events.
///
/// 1 to 32 ASCII letters, digits, `-`, `_`, `.` and `/`, so that it stands unescaped in all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PolicyName(Arc<str>);

impl PolicyName {
    pub(super) const MAX_LEN: usize = 32;

    /// The default name of a concurrency limit.
    pub(super) fn concurrency() -> Self {
        Self("concurrency".into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PolicyName {
    /// `default`.
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for PolicyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.into()));
        }
        Err(InvalidName::new(text))
    }
}

impl TryFrom<&str> for PolicyName {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) type CostFn = dyn Fn(&request::Parts) -> NonZeroU32 + Send + Sync;

/// One limit, and to whom it applies.
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until a limiter takes it"]
pub struct Rule {
    pub(super) name: PolicyName,
    pub(super) limit: Limit,
    pub(super) key: Key,
    pub(super) missing: MissingKey,
    pub(super) cost: Option<Callback<CostFn>>,
    pub(super) shadow: bool,
    pub(super) capacity: NonZeroUsize,
}

impl Rule {
    /// 131,072 keys: 2 MiB for a [`Quota`](super::Quota).
    const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add((1 << 17) - 1);

    /// Gives each `key` this much.
    ///
    /// The defaults: the name is `default`, requests without the key share a bucket, each request
    /// costs one unit, the rule is enforced, and 131,072 keys are remembered.
    pub fn new(limit: impl Into<Limit>, key: Key) -> Self {
        Self {
            name: PolicyName::default(),
            limit: limit.into(),
            key,
            missing: MissingKey::default(),
            cost: None,
            shadow: false,
            capacity: Self::CAPACITY,
        }
    }

    /// Sets the name; each rule of a limiter has its own.
    pub fn name(mut self, name: PolicyName) -> Self {
        self.name = name;
        self
    }

    /// Sets what happens to requests without the key.
    pub const fn missing_key(mut self, missing: MissingKey) -> Self {
        self.missing = missing;
        self
    }

    /// Takes the units that a request costs from `f`. A cost above the burst (or the window) counts
    /// as all of it: such a request passes when nothing at all has been spent.
    pub fn cost_with<F>(mut self, f: F) -> Self
    where
        F: Fn(&request::Parts) -> NonZeroU32 + Send + Sync + 'static,
    {
        self.cost = Some(Callback(Arc::new(f)));
        self
    }

    /// Only watches: counts and reports what it would refuse, and lets it pass. A rule in shadow is
    /// not told of in the RateLimit fields.
    pub const fn shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    /// Sets how many keys can be remembered at once.
    ///
    /// The memory for them is taken at the start: 16 bytes each for a [`Quota`](super::Quota); 40 for
    /// a [`SlidingWindow`](super::SlidingWindow), which adds what its own page says. Take half as much
    /// again as there will be busy keys (a key is busy until its bucket is full again); see the
    /// [module docs](super) for what happens beyond.
    pub const fn capacity(mut self, keys: NonZeroUsize) -> Self {
        self.capacity = keys;
        self
    }

    pub(super) fn cost_of(&self, parts: &request::Parts) -> NonZeroU32 {
        self.cost
            .as_ref()
            .map_or(NonZeroU32::MIN, |cost| cost(parts))
    }
}
