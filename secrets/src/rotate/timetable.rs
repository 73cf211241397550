//! When a key may do what. Pure functions of time.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a key is good for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// Published and accepted, since the clock of the one that signs may run ahead; not signing yet.
    Pending,
    /// The one that signs.
    Active,
    /// Superseded: accepted, not signing.
    Retiring,
    /// Nothing that it signed can still be valid.
    Removed,
    /// Out at once, whatever the time.
    Revoked,
}

impl KeyState {
    /// Whether what the key has signed is to be believed.
    #[must_use]
    pub fn verifies(self) -> bool {
        matches!(self, Self::Pending | Self::Active | Self::Retiring)
    }
}

/// The times of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// Since when others can know it.
    pub published: SystemTime,
    /// From when on it signs, until another does.
    pub activates: SystemTime,
    /// Since when it must not be used at all.
    pub revoked: Option<SystemTime>,
}

impl KeyTimes {
    /// The state at `now` of a key whose successor begins to sign at `successor`.
    #[must_use]
    pub fn state(
        &self,
        successor: Option<SystemTime>,
        policy: &RingPolicy,
        now: SystemTime,
    ) -> KeyState {
        if self.revoked.is_some() {
            return KeyState::Revoked;
        }
        if now < self.activates {
            return KeyState::Pending;
        }
        // The time since the successor's start; none while it is still to come.
        match successor.and_then(|successor| now.duration_since(successor).ok()) {
            None => KeyState::Active,
            Some(since) if since < policy.retire => KeyState::Retiring,
            Some(_) => KeyState::Removed,
        }
    }

    /// Whether the key ever came to sign, or still may. A key that did has superseded those before it for good: that it
    /// was revoked later does not bring them back.
    #[must_use]
    pub fn supersedes(&self) -> bool {
        self.revoked.is_none_or(|revoked| revoked >= self.activates)
    }
}

/// The timetable of a ring: made by [`RingSettings::build`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPolicy {
    pub(super) period: Duration,
    pub(super) lead: Duration,
    pub(super) retire: Duration,
}

impl RingPolicy {
    /// The usual timetable for tokens that are valid for up to `longest`, with verifiers that allow for `leeway`.
    ///
    /// Defaults: a new key every 30 days, published 24 hours before it signs; a superseded key verifies for
    /// `longest + leeway` and one hour more; key sets may be cached for 300 s.
    pub fn settings(longest: Duration, leeway: Duration) -> RingSettings {
        let needed = longest.saturating_add(leeway);
        RingSettings {
            period: 30 * DAY,
            lead: DAY,
            max_age: Duration::from_secs(300),
            retire: needed.saturating_add(HOUR),
            needed,
        }
    }

    /// How long a key signs.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// How long a key is known before it signs.
    #[must_use]
    pub fn lead(&self) -> Duration {
        self.lead
    }

    /// How long a superseded key verifies.
    #[must_use]
    pub fn retire(&self) -> Duration {
        self.retire
    }
}

/// The settings of a [`RingPolicy`].
#[derive(Clone, Copy, Debug)]
#[must_use = "settings are checked when they are built"]
pub struct RingSettings {
    period: Duration,
    lead: Duration,
    max_age: Duration,
    retire: Duration,
    needed: Duration,
}

impl RingSettings {
    /// How long a key signs. Default: 30 days.
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// How long a key is published before it signs. Default: 24 hours.
    pub fn lead(mut self, lead: Duration) -> Self {
        self.lead = lead;
        self
    }

    /// How long others may keep a published key set: the `max-age` of the JWKS. Default: 300 s.
    pub fn jwks_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// How long a superseded key verifies. Default: what the longest token needs, and one hour.
    pub fn retire(mut self, retire: Duration) -> Self {
        self.retire = retire;
        self
    }

    /// Checks that no verifier can miss a key, and no key can go before what it signed.
    ///
    /// # Errors
    ///
    /// When keys are published less than twice the cache time and 5 minutes ahead, when they are removed before the
    /// longest token ends, or when they sign for less time than they are published ahead.
    pub fn build(self) -> Result<RingPolicy, PolicyError> {
        let least = self
            .max_age
            .saturating_mul(2)
            .saturating_add(Duration::from_secs(300));
        if self.lead < least {
            return Err(PolicyError::LeadTooShort(least));
        }
        if self.retire < self.needed {
            return Err(PolicyError::RetireTooShort(self.needed));
        }
        if self.period < self.lead {
            return Err(PolicyError::PeriodTooShort(self.lead));
        }
        Ok(RingPolicy {
            period: self.period,
            lead: self.lead,
            retire: self.retire,
        })
    }
}

/// Why a timetable cannot work. Each carries the least time that would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// Some verifier would not know a key when it begins to sign.
    LeadTooShort(Duration),
    /// A key would be gone before what it signed has ended.
    RetireTooShort(Duration),
    /// A key would be superseded before its successor could be known.
    PeriodTooShort(Duration),
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeadTooShort(least) => {
                write!(
                    f,
                    "keys must be published at least {} s before they sign",
                    least.as_secs()
                )
            }
            Self::RetireTooShort(least) => {
                write!(
                    f,
                    "superseded keys must verify for at least {} s",
                    least.as_secs()
                )
            }
            Self::PeriodTooShort(least) => {
                write!(f, "keys must sign for at least {} s", least.as_secs())
            }
        }
    }
}

impl Error for PolicyError {}
