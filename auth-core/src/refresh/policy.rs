use std::error::Error;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use super::Family;
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// As many tabs and requests as a page has, at once.
const MAX_GRACE_USES: NonZeroU16 = NonZeroU16::new(100).expect("it is not zero");
const MAX_SESSIONS: NonZeroU32 = NonZeroU32::new(50).expect("it is not zero");
/// The longest grace there is. Whoever holds a copy of the last token gets the current one for as long.
const MAX_GRACE: Duration = Duration::from_secs(300);
/// The longest that a session can be. Stores keep what outlives sessions for longer than this.
const MAX_ABSOLUTE: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How long sessions last, and what becomes of a token that comes twice. Made by [`RefreshSettings::build`].
///
/// The default is what [`RefreshPolicy::settings`] lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    pub(super) grace: Duration,
    pub(super) max_grace_uses: NonZeroU16,
    pub(super) late_retry: Option<Duration>,
    pub(super) coalesce_within: Duration,
    pub(super) fast_forward: bool,
    pub(super) idle: Duration,
    pub(super) absolute: Duration,
    pub(super) max_sessions: NonZeroU32,
}

impl RefreshPolicy {
    /// How long after `expires_at` a family is kept: a late token still finds out that it is late, not that it is unknown.
    pub const RETENTION: Duration = HOUR;

    /// Defaults: a grace of 10 s for up to 100 repetitions, no late retries, no coalescing, no fast-forwarding; sessions end
    /// after 14 days without a refresh and 30 days in any case; 50 sessions for a subject.
    pub const fn settings() -> RefreshSettings {
        RefreshSettings(Self {
            grace: Duration::from_secs(10),
            max_grace_uses: MAX_GRACE_USES,
            late_retry: None,
            coalesce_within: Duration::ZERO,
            fast_forward: false,
            idle: Duration::from_secs(14 * 24 * 60 * 60),
            absolute: Duration::from_secs(30 * 24 * 60 * 60),
            max_sessions: MAX_SESSIONS,
        })
    }

    /// For how long the predecessor of the current token is answered with the current one; none if it never is.
    #[must_use]
    pub fn replay_window(&self) -> Option<Duration> {
        let window = self.late_retry.unwrap_or(self.grace);
        (!self.grace.is_zero()).then_some(window)
    }

    /// How many times the same current token is given out again.
    #[must_use]
    pub const fn max_grace_uses(&self) -> NonZeroU16 {
        self.max_grace_uses
    }

    /// Below which age a current token is answered with itself.
    #[must_use]
    pub const fn coalesce_within(&self) -> Duration {
        self.coalesce_within
    }

    /// Whether a token of one generation after the current one is accepted.
    #[must_use]
    pub const fn fast_forwards(&self) -> bool {
        self.fast_forward
    }

    /// How long a session lasts without a refresh.
    #[must_use]
    pub const fn idle_lifetime(&self) -> Duration {
        self.idle
    }

    /// How long a session lasts whatever happens.
    #[must_use]
    pub const fn absolute_lifetime(&self) -> Duration {
        self.absolute
    }

    /// The most live sessions of one subject.
    #[must_use]
    pub const fn max_sessions(&self) -> NonZeroU32 {
        self.max_sessions
    }

    /// When `family` ends if nobody refreshes it after `now`.
    #[must_use]
    pub fn idle_end(&self, family: &Family, now: Timestamp) -> Timestamp {
        now.plus(self.idle).min(family.expires_at)
    }
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self::settings().0
    }
}

/// The settings of a [`RefreshPolicy`].
#[derive(Clone, Copy, Debug)]
#[must_use = "settings are checked when they are built"]
pub struct RefreshSettings(RefreshPolicy);

impl RefreshSettings {
    /// For how long the predecessor of the current token is still answered, with the current token. Default: 10 s; at most
    /// 300 s; zero is [`strict`](Self::strict).
    ///
    /// Two tabs that refresh at once, and a client that did not hear the answer, live by it. In that time a thief who has the
    /// predecessor gets the current token; the next rotation, by either of the two, exposes the other.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.0.grace = grace;
        self
    }

    /// Each token is good for one request: whoever repeats one ends the session, tabs and lost answers included.
    pub fn strict(self) -> Self {
        self.grace(Duration::ZERO)
    }

    /// How many times the same current token is given out again, over all that come within the grace. Default: 100; any
    /// number that is not zero.
    pub fn max_grace_uses(mut self, uses: NonZeroU16) -> Self {
        self.0.max_grace_uses = uses;
        self
    }

    /// For mobile clients that are offline for long: as long as the current token was never used, its predecessor is answered
    /// with it for up to `max`: longer than the grace, and no longer than a session lasts unused. Default: off, only within the
    /// grace.
    ///
    /// It costs that a thief who has the predecessor can wait as long. A client that uses its tokens ends that chance.
    pub fn offline_mobile(mut self, max: Duration) -> Self {
        self.0.late_retry = Some(max);
        self
    }

    /// Answers a current token that is younger than this with itself instead of a successor. Default: zero, which does not; at
    /// most the grace.
    ///
    /// A request that its sibling overtakes by two rotations would otherwise look like a theft.
    pub fn coalesce_within(mut self, age: Duration) -> Self {
        self.0.coalesce_within = age;
        self
    }

    /// Accepts a token of one generation after the current one. Default: off.
    ///
    /// Only for stores that can lose a write that they acknowledged, such as Redis without [`WAIT`] at a failover.
    ///
    /// [`WAIT`]: https://redis.io/docs/latest/commands/wait/
    pub fn fast_forward(mut self) -> Self {
        self.0.fast_forward = true;
        self
    }

    /// After how long without a refresh a session ends. Default: 14 days; from a millisecond to what the session lasts in any
    /// case.
    pub fn idle_lifetime(mut self, idle: Duration) -> Self {
        self.0.idle = idle;
        self
    }

    /// After how long a session ends in any case. Default: 30 days; at most 366.
    pub fn absolute_lifetime(mut self, absolute: Duration) -> Self {
        self.0.absolute = absolute;
        self
    }

    /// The times of NIST SP 800-63B-4 for one factor: 30 days in any case; without a refresh the same.
    pub fn aal1(self) -> Self {
        self.idle_lifetime(30 * DAY).absolute_lifetime(30 * DAY)
    }

    /// The times of NIST SP 800-63B-4 for two factors: an hour without a refresh, 24 hours in any case.
    pub fn aal2(self) -> Self {
        self.idle_lifetime(HOUR).absolute_lifetime(DAY)
    }

    /// The times of NIST SP 800-63B-4 for two factors of which one is hardware: 15 minutes without a refresh, 12 hours in
    /// any case.
    pub fn aal3(self) -> Self {
        self.idle_lifetime(15 * MINUTE).absolute_lifetime(12 * HOUR)
    }

    /// The most live sessions of one subject; one more ends the least recently refreshed (ASVS 7.1.2). Default: 50.
    pub fn max_sessions(mut self, sessions: NonZeroU32) -> Self {
        self.0.max_sessions = sessions;
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// When a setting is out of the range that it tells of: a grace of more than 300 s; late retries without a grace, or that end
    /// no later than it or later than an idle session; a token that coalesces for longer than the grace; an idle session of less
    /// than a millisecond or longer than every session; sessions of more than 366 days.
    pub fn build(self) -> Result<RefreshPolicy, RefreshPolicyError> {
        let policy = self.0;
        let strict = policy.grace.is_zero();
        let fault = if policy.grace > MAX_GRACE {
            "the grace is at most 300 seconds"
        } else if policy.late_retry.is_some_and(|max| max <= policy.grace) {
            "late retries end after the grace does"
        } else if policy.late_retry.is_some_and(|max| max > policy.idle) {
            "late retries end before an idle session does"
        } else if strict && policy.late_retry.is_some() {
            "without a grace there are no late retries"
        } else if policy.coalesce_within > policy.grace {
            "a token coalesces for no longer than the grace"
        } else if policy.idle < Duration::from_millis(1) {
            "a session lasts"
        } else if policy.idle > policy.absolute {
            "an idle session ends no later than every session"
        } else if policy.absolute > MAX_ABSOLUTE {
            "a session ends after 366 days at most"
        } else {
            return Ok(policy);
        };
        Err(RefreshPolicyError(fault))
    }
}

/// Settings that contradict themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicyError(&'static str);

impl fmt::Display for RefreshPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for RefreshPolicyError {}
