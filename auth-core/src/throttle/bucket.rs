//! The decision: what is remembered, and what becomes of it. Pure, and the same for all stores that can run it.

use std::collections::BTreeMap;
use std::sync::Arc;
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

    fn forget(&mut self, scope: Scope, policy: &Policy, now: Timestamp) {
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
    fn wait(&self, scope: Scope, policy: &Policy, member: u64, now: Timestamp) -> Duration {
        let until = match policy.limit(scope) {
            None => self.at.plus(policy.pause(self.count)),
            Some(_) if self.members.contains_key(&member) => now,
            Some(limit) if self.weight() < limit.max() => now,
            Some(limit) => self.at.plus(limit.per()),
        };
        until.since(now)
    }

    fn charge(&mut self, scope: Scope, member: u64, now: Timestamp) {
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
    fn refund(&mut self, scope: Scope, member: u64, charged_at: Timestamp) {
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

/// One attempt, as stores see it.
#[derive(Clone, Debug)]
pub struct Charge {
    pub(super) policy: Arc<Policy>,
    pub(super) slots: Vec<(Scope, Key)>,
    pub(super) member: u64,
    pub(super) guess: bool,
    pub(super) challenged: bool,
}

/// What became of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every bucket had room and was charged.
    Admitted(Admission),
    /// Nothing was charged.
    Limited {
        /// What has no room; of several, what has none for longest.
        scope: Scope,
        /// When all have room, if nobody else takes it.
        retry_after: Duration,
    },
    /// Nothing was charged: a second step has to be taken first.
    ChallengeRequired,
}

/// What was charged, so that it can be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether the device was charged, and nothing else.
    pub trusted: bool,
    /// The count of the device or else of the identifier, this attempt included. Zero if neither was charged.
    pub count: u32,
    /// The failures in a row of the device or else of the identifier, this attempt included.
    pub total: u32,
    /// When.
    pub at: Timestamp,
}

/// How an attempt ended that is not a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was right: device and identifier start anew, and address and network get their charge back.
    Succeeded,
    /// Nothing was checked: all get their charge back. A name stays in the spray if another attempt for it counts.
    Withdrawn,
}

impl Charge {
    /// What is asked and where it is kept, at most once for each scope. [`decide`](Self::decide) wants the buckets in this
    /// order.
    #[must_use]
    pub fn slots(&self) -> &[(Scope, Key)] {
        &self.slots
    }

    /// What is counted in the spray of the address: the identifier.
    #[must_use]
    pub fn member(&self) -> u64 {
        self.member
    }

    /// Whether the attempt guesses at something that somebody chose. One with a proof that cannot be guessed is held back by
    /// its address only.
    #[must_use]
    pub fn guess(&self) -> bool {
        self.guess
    }

    /// Whether the second step was taken.
    #[must_use]
    pub fn challenged(&self) -> bool {
        self.challenged
    }

    /// How much is allowed.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Charges all buckets, or none. Whoever calls this must hold all of them from the reading to the writing.
    pub fn decide(&self, buckets: &mut [Bucket], now: Timestamp) -> Verdict {
        self.forget(buckets, now);
        let policy = &self.policy;
        if self.guess
            && let Some(device) = self.find(Scope::Device, buckets)
            && device.wait(Scope::Device, policy, 0, now).is_zero()
        {
            device.charge(Scope::Device, 0, now);
            return Verdict::Admitted(Admission {
                trusted: true,
                count: device.count,
                total: device.count,
                at: now,
            });
        }
        if self.guess
            && !self.challenged
            && let Some(identifier) = self.find(Scope::Identifier, buckets)
            && identifier.total >= policy.challenge_after_ref()
        {
            return Verdict::ChallengeRequired;
        }
        let longest = self
            .charged(buckets)
            .map(|(scope, bucket)| (scope, bucket.wait(scope, policy, self.member, now)))
            .filter(|(_, wait)| !wait.is_zero())
            .max_by_key(|(_, wait)| *wait);
        if let Some((scope, retry_after)) = longest {
            return Verdict::Limited { scope, retry_after };
        }
        let (mut count, mut total) = (0, 0);
        for (scope, bucket) in self.charged(buckets) {
            bucket.charge(scope, self.member, now);
            if scope == Scope::Identifier {
                (count, total) = (bucket.count, bucket.total);
            }
        }
        Verdict::Admitted(Admission {
            trusted: false,
            count,
            total,
            at: now,
        })
    }

    /// Admits without charging anything.
    pub(super) fn uncounted(&self, now: Timestamp) -> Verdict {
        let trusted = self.slots.iter().any(|(scope, _)| *scope == Scope::Device);
        Verdict::Admitted(Admission {
            trusted,
            count: 0,
            total: 0,
            at: now,
        })
    }

    /// Settles what was admitted. As with [`decide`](Self::decide), all buckets must be held.
    pub fn settle(
        &self,
        admission: &Admission,
        settlement: Settlement,
        buckets: &mut [Bucket],
        now: Timestamp,
    ) {
        self.forget(buckets, now);
        for ((scope, _), bucket) in self.slots.iter().zip(buckets) {
            match (scope, settlement) {
                (Scope::Device | Scope::Identifier, Settlement::Succeeded) => {
                    *bucket = Bucket::default();
                }
                // A name whose password is known is no guess: an office behind one address signs in name by name.
                (Scope::Spray, Settlement::Succeeded) => {
                    bucket.members.remove(&self.member);
                }
                _ if self.charges(*scope, admission.trusted) => {
                    bucket.refund(*scope, self.member, admission.at);
                }
                _ => {}
            }
        }
    }

    /// Whether an attempt is charged here, of which a trusted device vouches or does not.
    fn charges(&self, scope: Scope, trusted: bool) -> bool {
        match scope {
            Scope::Device => self.guess && trusted,
            Scope::Identifier | Scope::Spray => self.guess && !trusted,
            Scope::Address | Scope::Network => !trusted,
        }
    }

    fn keys(&self, of: impl Fn(Scope) -> bool) -> Vec<Key> {
        let slots = self.slots.iter().filter(|(scope, _)| of(*scope));
        slots.map(|(_, key)| *key).collect()
    }

    /// What may be charged.
    pub(super) fn chargeable(&self) -> Vec<Key> {
        self.keys(|scope| self.charges(scope, true) || self.charges(scope, false))
    }

    /// What was charged.
    pub(super) fn charged_by(&self, admission: &Admission) -> Vec<Key> {
        self.keys(|scope| self.charges(scope, admission.trusted))
    }

    /// Where there must be room for the attempt to be admitted, if `scope` has none: there, or for the device.
    pub(super) fn needed(&self, scope: Scope) -> Vec<Key> {
        self.keys(|other| other == scope || self.charges(other, true))
    }

    fn forget(&self, buckets: &mut [Bucket], now: Timestamp) {
        for ((scope, _), bucket) in self.slots.iter().zip(buckets) {
            bucket.forget(*scope, &self.policy, now);
        }
    }

    fn find<'b>(&self, wanted: Scope, buckets: &'b mut [Bucket]) -> Option<&'b mut Bucket> {
        let mut slots = self.slots.iter().zip(buckets);
        slots.find_map(|((scope, _), bucket)| (*scope == wanted).then_some(bucket))
    }

    /// What an attempt is charged to that no trusted device vouches for.
    fn charged<'b>(
        &self,
        buckets: &'b mut [Bucket],
    ) -> impl Iterator<Item = (Scope, &'b mut Bucket)> {
        let slots = self.slots.iter().map(|(scope, _)| *scope).zip(buckets);
        slots.filter(|(scope, _)| self.charges(*scope, false))
    }
}
