use std::sync::Arc;
use std::time::Duration;

use super::{Bucket, Key, Policy, Scope};
use crate::time::Timestamp;

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
    /// When. Not before any bucket began to count: another may have read the clock later and been charged earlier.
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
                at: now.max(device.at),
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
        let (mut count, mut total, mut at) = (0, 0, now);
        for (scope, bucket) in self.charged(buckets) {
            bucket.charge(scope, self.member, now);
            at = at.max(bucket.at);
            if scope == Scope::Identifier {
                (count, total) = (bucket.count, bucket.total);
            }
        }
        Verdict::Admitted(Admission {
            trusted: false,
            count,
            total,
            at,
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

impl Admission {
    /// Whether nothing more will be admitted after this, unless it succeeds.
    pub(super) fn is_last(&self, policy: &Policy) -> Option<Scope> {
        if self.trusted {
            let device = policy.limit(Scope::Device)?;
            return (self.count == device.max()).then_some(Scope::Device);
        }
        let last =
            self.count == policy.free_tries_ref() || self.total == policy.challenge_after_ref();
        last.then_some(Scope::Identifier)
    }
}
