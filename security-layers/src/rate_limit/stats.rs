use super::policy::PolicyName;

/// What a limiter has counted. See [`RateLimiter::stats`](super::RateLimiter::stats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimiterStats {
    /// Requests that were charged to at least one rule and passed.
    pub allowed: u64,
    /// The rules, in their order.
    pub rules: Vec<RuleStats>,
}

/// What one rule has counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// The rule's name.
    pub policy: PolicyName,
    /// Whether the rule only watches.
    pub shadow: bool,
    /// Requests for which it had nothing left: refused, or if in shadow let pass.
    pub exceeded: u64,
    /// Requests that did not have its key.
    pub keyless: u64,
    /// Keys of which something is spent at this moment.
    pub active_keys: usize,
    /// Keys that were forgotten while something of them was spent, to make room.
    pub evicted: u64,
    /// Requests of new keys that had to share a bucket because there was no room.
    pub overflowed: u64,
}
