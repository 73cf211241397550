//! The decision: what is remembered, and what becomes of it. Pure, and the same for all stores that can run it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Policy;
use crate::time::Timestamp;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A trusted device, with one identifier.
    Device,
    /// An identifier, from all untrusted devices.
    Identifier,
    /// An IPv4 address or a /64 of IPv6.
    Address,
    /// A /48 of IPv6.
    Network,
    /// The different identifiers that one address tried.
    Spray,
}

impl Scope {
    /// As events and stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Identifier => "identifier",
            Self::Address => "address",
            Self::Network => "network",
            Self::Spray => "spray",
        }
    }
}

/// Under what a bucket is kept: a keyed hash, so that a store knows neither names nor addresses.
pub type Key = [u8; 16];

/// What is remembered under one [`Key`]. The default is that of a key never seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Failures, and attempts under way, that count at present.
    pub count: u32,
    /// For an identifier: failures since somebody signed in.
    pub total: u32,
    /// For an identifier the time of the last failure, for the others the start of the time for which the limit is.
    pub at: Timestamp,
    /// For the spray of an address: the identifiers, each by the start of its keyed hash, with how many of its attempts count.
    pub members: BTreeMap<u64, u32>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            count: 0,
            total: 0,
            at: Timestamp::MIN,
            members: BTreeMap::new(),
        }
    }
}

impl Bucket {
    /// When the bucket says no more than an empty one, so that it can be deleted.
    #[must_use]
    pub fn forgotten_at(&self, scope: Scope, policy: &Policy) -> Timestamp {
        match policy.limit(scope) {
            Some(limit) => self.at.plus(limit.per()),
            None => self.at.plus(Policy::memory(self.total)),
        }
    }

    /// How much would be lost with it.
    pub(super) fn weight(&self) -> u32 {
        let members = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        self.count.max(self.total).max(members)
    }

    pub(super) fn forget(&mut self, scope: Scope, policy: &Policy, now: Timestamp) {
        if now >= self.forgotten_at(scope, policy) {
            *self = Self::default();
        } else if scope == Scope::Identifier {
            let pause = policy.pause(self.count) + Policy::FORGIVEN_AFTER;
            if now >= self.at.plus(pause) {
                self.count = 0;
            }
        }
    }

    /// How long nothing more may be charged here; zero if it may now.
    pub(super) fn wait(
        &self,
        scope: Scope,
        policy: &Policy,
        member: u64,
        now: Timestamp,
    ) -> Duration {
        let until = match policy.limit(scope) {
            // Without a pause there is no wait, not even for a clock that is behind the one of the last failure.
            None if policy.pause(self.count).is_zero() => now,
            None => self.at.plus(policy.pause(self.count)),
            Some(_) if self.members.contains_key(&member) => now,
            Some(limit) if self.weight() < limit.max() => now,
            Some(limit) => self.at.plus(limit.per()),
        };
        until.since(now)
    }

    pub(super) fn charge(&mut self, scope: Scope, member: u64, now: Timestamp) {
        if self.weight() == 0 || scope == Scope::Identifier {
            self.at = now;
        }
        match scope {
            Scope::Spray => {
                let attempts = self.members.entry(member).or_default();
                *attempts = attempts.saturating_add(1);
            }
            Scope::Identifier => {
                self.count = self.count.saturating_add(1);
                self.total = self.total.saturating_add(1);
            }
            Scope::Device | Scope::Address | Scope::Network => {
                self.count = self.count.saturating_add(1);
            }
        }
    }

    /// Takes one charge back, unless the time for which it counted has ended since.
    pub(super) fn refund(&mut self, scope: Scope, member: u64, charged_at: Timestamp) {
        if scope != Scope::Identifier && self.at > charged_at {
            return;
        }
        self.count = self.count.saturating_sub(1);
        self.total = self.total.saturating_sub(1);
        match self.members.get_mut(&member) {
            Some(attempts) if *attempts > 1 => *attempts -= 1,
            _ => drop(self.members.remove(&member)),
        }
    }
}
