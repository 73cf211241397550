use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::Scope;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a /48 may do more than one of its /64: a household has a /56 or a /48, a mobile network puts many users into one.
const NETWORK: u32 = 8;

/// No row of failures is remembered for longer, so that made-up names do not stay for ever.
const LONGEST_MEMORY: u32 = 90;

/// So many failures in so long a time, counted from the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub(super) max: u32,
    pub(super) per: Duration,
}

impl Limit {
    /// `max` failures within `per`.
    ///
    /// # Errors
    ///
    /// More than 1,000 failures, and times shorter than a second or longer than a day.
    pub fn new(max: NonZeroU32, per: Duration) -> Result<Self, PolicyError> {
        if max.get() > 1000 {
            return Err(PolicyError("a limit is 1,000 failures at most"));
        }
        if !(Duration::from_secs(1)..=DAY).contains(&per) {
            return Err(PolicyError(
                "a limit is for a time of one second to one day",
            ));
        }
        let max = max.get();
        Ok(Self { max, per })
    }

    /// How many failures.
    #[must_use]
    pub const fn max(self) -> u32 {
        self.max
    }

    /// Within how long a time.
    #[must_use]
    pub const fn per(self) -> Duration {
        self.per
    }
}

/// A policy that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyError(&'static str);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for PolicyError {}

/// How much is allowed; see the table of the [module docs](super). The default is that table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    device: Limit,
    address: Limit,
    spray: Limit,
    free: u32,
    challenge_after: u32,
}

impl Policy {
    /// Sets how often somebody may fail on a trusted device before it counts as any other. The default is 10 per hour.
    #[must_use]
    pub fn device(self, device: Limit) -> Self {
        Self { device, ..self }
    }

    /// Sets how often one address (an IPv4 address, a /64 of IPv6) may fail; a /48 may do so eight times as often. The
    /// default is 30 per 10 minutes.
    #[must_use]
    pub fn address(self, address: Limit) -> Self {
        Self { address, ..self }
    }

    /// Sets for how many different identifiers one address may fail. The default is 20 per hour.
    #[must_use]
    pub fn spray(self, spray: Limit) -> Self {
        Self { spray, ..self }
    }

    /// Sets how many tries an identifier has before there must be a pause between them. The default is 5.
    ///
    /// # Errors
    ///
    /// More than are allowed before a challenge.
    pub fn free_tries(self, free: NonZeroU32) -> Result<Self, PolicyError> {
        let free = free.get();
        Self { free, ..self }.checked()
    }

    /// Sets after how many failures in a row a password from an untrusted device needs a second step. The default is 100,
    /// which is also the most (NIST SP 800-63B-4, 3.2.2).
    ///
    /// # Errors
    ///
    /// More than 100, and less than there are free tries.
    pub fn challenge_after(self, failures: NonZeroU32) -> Result<Self, PolicyError> {
        let challenge_after = failures.get();
        Self {
            challenge_after,
            ..self
        }
        .checked()
    }

    fn checked(self) -> Result<Self, PolicyError> {
        if self.challenge_after > 100 {
            return Err(PolicyError(
                "a challenge is due after 100 failures in a row at the latest",
            ));
        }
        if self.free > self.challenge_after {
            return Err(PolicyError(
                "there cannot be more free tries than failures before a challenge",
            ));
        }
        Ok(self)
    }

    /// The first pause between two tries, doubled after each.
    pub const FIRST_PAUSE: Duration = Duration::from_secs(30);

    /// The longest pause between two tries.
    pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

    /// How long after a pause nobody has to have failed for tries to be free again.
    pub const FORGIVEN_AFTER: Duration = Duration::from_secs(15 * 60);

    /// How long there must be between the last of `failures` and the next try.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(more) => (Self::FIRST_PAUSE * 2_u32.pow(more.min(10))).min(Self::LONGEST_PAUSE),
        }
    }

    /// The limit of a scope that has one: for the identifier, pauses stand in its place.
    #[must_use]
    pub fn limit(&self, scope: Scope) -> Option<Limit> {
        match scope {
            Scope::Device => Some(self.device),
            Scope::Identifier => None,
            Scope::Address => Some(self.address),
            Scope::Network => Some(Limit {
                max: self.address.max * NETWORK,
                per: self.address.per,
            }),
            Scope::Spray => Some(self.spray),
        }
    }

    /// How many tries an identifier has before there must be a pause between them.
    #[must_use]
    pub fn free_tries_ref(&self) -> u32 {
        self.free
    }

    /// After how many failures in a row there is a challenge.
    #[must_use]
    pub fn challenge_after_ref(&self) -> u32 {
        self.challenge_after
    }

    /// How long a row of failures is remembered: a day for each of them, 90 days at most. So a name that somebody made up is
    /// gone after a day, and who waits for that to happen has no more tries than who makes a hundred of them at once.
    #[must_use]
    pub fn memory(failures: u32) -> Duration {
        DAY * failures.min(LONGEST_MEMORY)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            device: Limit { max: 10, per: HOUR },
            address: Limit {
                max: 30,
                per: 10 * MINUTE,
            },
            spray: Limit { max: 20, per: HOUR },
            free: 5,
            challenge_after: 100,
        }
    }
}
