use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Acceptance, Accepted, Attempted, CHALLENGE_LIFETIME, Challenge, Factor, FactorId, Hash,
    MAX_FACTORS, Owner, Proof, Redeemed, TotpStore, Tries,
};
use crate::id::ClientId;
use crate::store::{Answer, StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// The most owners and the most open challenges.
const MAX_ENTRIES: usize = 100_000;

/// Keeps everything in this process, and forgets it when the process ends: for tests and for trying things out.
///
/// It takes 100,000 owners and as many open challenges; more are errors of the kind [`Full`](StoreErrorKind::Full).
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    owners: HashMap<Owner, Account>,
    challenges: HashMap<Hash, Challenge>,
}

#[derive(Default)]
struct Account {
    factors: BTreeMap<FactorId, Factor>,
    tries: Tries,
    recovery: HashSet<Hash>,
}

impl Account {
    fn active(&self) -> impl Iterator<Item = &Factor> {
        let factors = self.factors.values();
        factors.filter(|factor| factor.activated_at.is_some())
    }
}

impl State {
    fn account(&mut self, owner: &Owner) -> Result<&mut Account, StoreError> {
        if self.owners.len() >= MAX_ENTRIES && !self.owners.contains_key(owner) {
            return Err(StoreErrorKind::Full.into());
        }
        Ok(self.owners.entry(owner.clone()).or_default())
    }

    fn open_challenge(&mut self, hash: &Hash, now: Timestamp) -> Option<&mut Challenge> {
        let challenge = self.challenges.get_mut(hash)?;
        let open = challenge.used_at.is_none() && now < challenge.expires_at;
        open.then_some(challenge)
    }

    fn purge(&mut self, now: Timestamp, limit: usize) -> u64 {
        let challenges = self.challenges.values();
        let over = challenges.filter(|challenge| now >= challenge.expires_at);
        let over: Vec<_> = over.map(|challenge| challenge.hash).take(limit).collect();
        let mut purged = 0;
        for hash in over {
            self.challenges.remove(&hash);
            purged += 1;
        }
        let mut left = limit;
        for account in self.owners.values_mut() {
            account.factors.retain(|_, factor| {
                let over = factor.activated_at.is_none() && !factor.is_pending(now) && left > 0;
                left -= usize::from(over);
                purged += u64::from(over);
                !over
            });
        }
        purged
    }
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // No change is made in steps of which a panic could leave out the second.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStore")
            .field("owners", &state.owners.len())
            .field("challenges", &state.challenges.len())
            .finish()
    }
}

impl TotpStore for MemoryStore {
    fn enrol<'a>(&'a self, owner: &'a Owner, factor: &'a Factor) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let account = state.account(owner)?;
            if account.active().count() >= MAX_FACTORS {
                return Ok(false);
            }
            account
                .factors
                .retain(|_, kept| kept.activated_at.is_some());
            account.factors.insert(factor.id, factor.clone());
            Ok(true)
        })
    }

    fn factors<'a>(&'a self, owner: &'a Owner) -> Answer<'a, Vec<Factor>> {
        Box::pin(async move {
            let state = self.state();
            let account = state.owners.get(owner);
            Ok(account.map_or_else(Vec::new, |account| {
                account.factors.values().cloned().collect()
            }))
        })
    }

    fn activate<'a>(
        &'a self,
        owner: &'a Owner,
        factor: FactorId,
        step: i64,
        drift: i8,
        now: Timestamp,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let account = state.owners.get_mut(owner);
            let factor = account.and_then(|account| account.factors.get_mut(&factor));
            let Some(factor) = factor.filter(|factor| factor.is_pending(now)) else {
                return Ok(false);
            };
            factor.activated_at = Some(now);
            factor.last_step = step;
            factor.drift = drift;
            Ok(true)
        })
    }

    fn remove<'a>(&'a self, owner: &'a Owner, factor: FactorId) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut state = self.state();
            let account = state.owners.get_mut(owner);
            let removed = account.and_then(|account| account.factors.remove(&factor));
            Ok(removed.is_some())
        })
    }

    fn open<'a>(&'a self, challenge: &'a Challenge) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            if state.challenges.len() >= MAX_ENTRIES {
                // It was opened now, and what has expired is in nobody's way.
                let now = challenge.expires_at.minus(CHALLENGE_LIFETIME);
                state.challenges.retain(|_, kept| now < kept.expires_at);
            }
            if state.challenges.len() >= MAX_ENTRIES {
                return Err(StoreErrorKind::Full.into());
            }
            state.challenges.insert(challenge.hash, challenge.clone());
            Ok(())
        })
    }

    fn attempt<'a>(
        &'a self,
        challenge: &'a Hash,
        client: &'a ClientId,
        proof: Proof,
        now: Timestamp,
    ) -> Answer<'a, Attempted> {
        Box::pin(async move {
            let state = &mut *self.state();
            let Some(challenge) = state.challenges.get_mut(challenge) else {
                return Ok(Attempted::Invalid);
            };
            let Some(account) = state.owners.get_mut(&challenge.owner) else {
                return Ok(Attempted::Invalid);
            };
            let decided = challenge.decide(&mut account.tries, client, proof, now);
            let factors = account.active().cloned().collect();
            Ok(decided.told(challenge.clone(), account.tries, factors))
        })
    }

    fn accept<'a>(&'a self, acceptance: &'a Acceptance, now: Timestamp) -> Answer<'a, Accepted> {
        Box::pin(async move {
            let mut state = self.state();
            if state.open_challenge(&acceptance.challenge, now).is_none() {
                return Ok(Accepted::ChallengeOver);
            }
            let account = state.account(&acceptance.owner)?;
            let factor = account.factors.get_mut(&acceptance.factor);
            let Some(factor) = factor.filter(|factor| {
                factor.activated_at.is_some() && factor.last_step < acceptance.step
            }) else {
                return Ok(Accepted::Replayed);
            };
            factor.last_step = acceptance.step;
            factor.drift = acceptance.drift;
            if let Some(resealed) = &acceptance.resealed {
                factor.sealed = resealed.clone();
            }
            account.tries.succeeded();
            if let Some(challenge) = state.open_challenge(&acceptance.challenge, now) {
                challenge.used_at = Some(now);
            }
            Ok(Accepted::Yes)
        })
    }

    fn redeem<'a>(
        &'a self,
        challenge: &'a Hash,
        owner: &'a Owner,
        code: &'a Hash,
        now: Timestamp,
    ) -> Answer<'a, Redeemed> {
        Box::pin(async move {
            let mut state = self.state();
            if state.open_challenge(challenge, now).is_none() {
                return Ok(Redeemed::ChallengeOver);
            }
            let account = state.account(owner)?;
            if !account.recovery.remove(code) {
                return Ok(Redeemed::Unknown);
            }
            account.tries = Tries::default();
            let left = u32::try_from(account.recovery.len()).unwrap_or(u32::MAX);
            if let Some(challenge) = state.open_challenge(challenge, now) {
                challenge.used_at = Some(now);
            }
            Ok(Redeemed::Yes(left))
        })
    }

    fn replace_recovery_codes<'a>(&'a self, owner: &'a Owner, codes: &'a [Hash]) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            state.account(owner)?.recovery = codes.iter().copied().collect();
            Ok(())
        })
    }

    fn recovery_codes_left<'a>(&'a self, owner: &'a Owner) -> Answer<'a, u32> {
        Box::pin(async move {
            let state = self.state();
            let account = state.owners.get(owner);
            let left = account.map_or(0, |account| account.recovery.len());
            Ok(u32::try_from(left).unwrap_or(u32::MAX))
        })
    }

    fn thaw<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()> {
        Box::pin(async move {
            if let Some(account) = self.state().owners.get_mut(owner) {
                account.tries = Tries::default();
            }
            Ok(())
        })
    }

    fn forget<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut state = self.state();
            state.owners.remove(owner);
            state
                .challenges
                .retain(|_, challenge| challenge.owner != *owner);
            Ok(())
        })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Box::pin(async move { Ok(self.state().purge(now, limit)) })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn challenges_that_are_over_leave_room_for_others() {
        let store = MemoryStore::default();
        let start = Timestamp::from_secs(1_790_000_000).unwrap();
        let owner = Owner::new(&"acme".parse().unwrap(), &"ann".parse().unwrap());
        let client: ClientId = "app".parse().unwrap();
        let open = async |n: usize, now: Timestamp| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            let challenge = Challenge {
                hash,
                owner: owner.clone(),
                client: client.clone(),
                epoch: 0,
                expires_at: now.plus(CHALLENGE_LIFETIME),
                tries: 0,
                used_at: None,
            };
            store.open(&challenge).await.map_err(|error| error.kind())
        };
        for n in 0..MAX_ENTRIES {
            assert_eq!(open(n, start).await, Ok(()));
        }
        let last = start.plus(CHALLENGE_LIFETIME - Duration::from_millis(1));
        assert_eq!(open(MAX_ENTRIES, last).await, Err(StoreErrorKind::Full));
        let over = start.plus(CHALLENGE_LIFETIME);
        assert_eq!(open(MAX_ENTRIES, over).await, Ok(()));
        assert_eq!(store.state().challenges.len(), 1);
    }
}
