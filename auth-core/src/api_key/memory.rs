use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{ApiKey, ApiKeyStore, Inserted, KeyId, Replaced, StoredApiKey, Touched};
use crate::id::{SubjectId, TenantId};
use crate::store::{Answer, StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// Keeps keys in memory, for tests and for services that make their keys at start: they end with the process.
///
/// At the limit, new keys are refused with [`StoreErrorKind::Full`]; none is forgotten.
pub struct MemoryStore {
    keys: Mutex<HashMap<KeyId, StoredApiKey>>,
    capacity: usize,
}

impl MemoryStore {
    /// A store for up to 100,000 keys.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// A store for up to `capacity` keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let keys = Mutex::default();
        Self { keys, capacity }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<KeyId, StoredApiKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, key: &StoredApiKey, max_live: u32) -> Result<Inserted, StoreError> {
        let mut keys = self.keys();
        let new = &key.key;
        if keys.contains_key(&new.id) {
            return Ok(Inserted::IdTaken);
        }
        let own = |old: &&ApiKey| {
            old.tenant == new.tenant && old.owner == new.owner && old.is_live(new.created_at)
        };
        let live = keys.values().map(|stored| &stored.key).filter(own).count();
        if live >= usize::try_from(max_live).unwrap_or(usize::MAX) {
            return Ok(Inserted::TooMany);
        }
        self.room(&keys)?;
        keys.insert(new.id, key.clone());
        Ok(Inserted::Done)
    }

    fn succeed(&self, successor: &StoredApiKey, ends: Timestamp) -> Result<Replaced, StoreError> {
        let mut keys = self.keys();
        let new = &successor.key;
        if keys.contains_key(&new.id) {
            return Ok(Replaced::IdTaken);
        }
        self.room(&keys)?;
        let old = new.replaces.and_then(|old| keys.get_mut(&old));
        let Some(old) = old.filter(|old| old.key.tenant == new.tenant) else {
            return Ok(Replaced::NotFound);
        };
        if !old.key.is_live(new.created_at) {
            return Ok(Replaced::Ended);
        }
        if old.key.replaced_by.is_some() {
            return Ok(Replaced::AlreadyReplaced);
        }
        old.key.replaced_by = Some(new.id);
        old.key.expires_at = Some(old.key.expires_at.map_or(ends, |end| end.min(ends)));
        keys.insert(new.id, successor.clone());
        Ok(Replaced::Done)
    }

    fn room(&self, keys: &HashMap<KeyId, StoredApiKey>) -> Result<(), StoreError> {
        if keys.len() < self.capacity {
            Ok(())
        } else {
            Err(StoreErrorKind::Full.into())
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("keys", &self.keys().len())
            .field("capacity", &self.capacity)
            .finish()
    }
}

impl ApiKeyStore for MemoryStore {
    fn insert<'a>(&'a self, key: &'a StoredApiKey, max_live: u32) -> Answer<'a, Inserted> {
        Box::pin(async move { self.add(key, max_live) })
    }

    fn replace<'a>(
        &'a self,
        successor: &'a StoredApiKey,
        ends_at: Timestamp,
    ) -> Answer<'a, Replaced> {
        Box::pin(async move { self.succeed(successor, ends_at) })
    }

    fn find(&self, id: KeyId) -> Answer<'_, Option<StoredApiKey>> {
        Box::pin(async move { Ok(self.keys().get(&id).cloned()) })
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: Option<&'a SubjectId>,
    ) -> Answer<'a, Vec<ApiKey>> {
        Box::pin(async move {
            let keys = self.keys();
            let all = keys.values().map(|stored| &stored.key);
            let own = all.filter(|key| {
                key.tenant == *tenant && owner.is_none_or(|owner| key.owner == *owner)
            });
            let mut own = own.cloned().collect::<Vec<_>>();
            own.sort_by_key(|key| Reverse((key.created_at, key.id)));
            own.truncate(super::MAX_LISTED.into());
            Ok(own)
        })
    }

    fn revoke<'a>(
        &'a self,
        tenant: &'a TenantId,
        id: KeyId,
        now: Timestamp,
    ) -> Answer<'a, Option<ApiKey>> {
        Box::pin(async move {
            let mut keys = self.keys();
            let stored = keys.get_mut(&id);
            Ok(stored
                .filter(|stored| stored.key.tenant == *tenant)
                .map(|stored| {
                    stored.key.revoked_at.get_or_insert(now);
                    stored.key.clone()
                }))
        })
    }

    fn touch(&self, id: KeyId, now: Timestamp, every: Duration) -> Answer<'_, Touched> {
        Box::pin(async move {
            let mut keys = self.keys();
            let Some(stored) = keys.get_mut(&id) else {
                return Ok(Touched::Unchanged);
            };
            let touched = match stored.key.last_used_at {
                None => Touched::First,
                Some(last) if last.plus(every) <= now => Touched::Again,
                Some(_) => return Ok(Touched::Unchanged),
            };
            stored.key.last_used_at = Some(now);
            Ok(touched)
        })
    }

    fn remove_owner<'a>(&'a self, tenant: &'a TenantId, owner: &'a SubjectId) -> Answer<'a, u64> {
        Box::pin(async move {
            let mut keys = self.keys();
            let before = keys.len();
            keys.retain(|_, stored| stored.key.tenant != *tenant || stored.key.owner != *owner);
            Ok((before - keys.len()) as u64)
        })
    }

    fn purge(&self, before: Timestamp, limit: u32) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut keys = self.keys();
            let ended = |key: &ApiKey| {
                let end = [key.revoked_at, key.expires_at].into_iter().flatten().min();
                end.is_some_and(|end| end < before)
            };
            let mut deleted = 0;
            keys.retain(|_, stored| {
                let goes = deleted < limit && ended(&stored.key);
                deleted += u32::from(goes);
                !goes
            });
            Ok(deleted.into())
        })
    }
}
