use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ApiKey, KeyId, StoredApiKey};
use crate::id::{SubjectId, TenantId};
use crate::roles::Access;
use crate::store::Answer;
use crate::time::Timestamp;

/// Where keys are kept. Each method is one atomic step; times come from the caller, never from the store's own clock. An error
/// means that nobody knows, never that there is no such key.
///
/// [`testing::store_conformance`](super::testing::store_conformance) is what every store must pass.
pub trait ApiKeyStore: fmt::Debug + Send + Sync + 'static {
    /// Adds a key, unless its owner has `max_live` keys that are live at its `created_at`.
    fn insert<'a>(&'a self, key: &'a StoredApiKey, max_live: u32) -> Answer<'a, Inserted>;

    /// Adds `successor` in the place of the key that its `replaces` names, which ends at `ends_at` unless it ends earlier.
    ///
    /// That key must be of the successor's tenant, live at the successor's `created_at`, and without a successor.
    fn replace<'a>(
        &'a self,
        successor: &'a StoredApiKey,
        ends_at: Timestamp,
    ) -> Answer<'a, Replaced>;

    /// The key with this id, live or not.
    fn find(&self, id: KeyId) -> Answer<'_, Option<StoredApiKey>>;

    /// The keys of an owner, or all of a tenant, live or not, newest first; 1,000 at most.
    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: Option<&'a SubjectId>,
    ) -> Answer<'a, Vec<ApiKey>>;

    /// Revokes a key of this tenant. None if there is none; otherwise the key, with the time at which it was first revoked.
    fn revoke<'a>(
        &'a self,
        tenant: &'a TenantId,
        id: KeyId,
        now: Timestamp,
    ) -> Answer<'a, Option<ApiKey>>;

    /// Writes down that the key was used, unless that was written in the `every` before.
    fn touch(&self, id: KeyId, now: Timestamp, every: Duration) -> Answer<'_, Touched>;

    /// Deletes all keys of an owner, live or not, and says how many.
    fn remove_owner<'a>(&'a self, tenant: &'a TenantId, owner: &'a SubjectId) -> Answer<'a, u64>;

    /// Deletes up to `limit` keys that were revoked or expired before `before`, and says how many.
    fn purge(&self, before: Timestamp, limit: u32) -> Answer<'_, u64>;
}

impl<S: ApiKeyStore + ?Sized> ApiKeyStore for Arc<S> {
    fn insert<'a>(&'a self, key: &'a StoredApiKey, max_live: u32) -> Answer<'a, Inserted> {
        (**self).insert(key, max_live)
    }

    fn replace<'a>(
        &'a self,
        successor: &'a StoredApiKey,
        ends_at: Timestamp,
    ) -> Answer<'a, Replaced> {
        (**self).replace(successor, ends_at)
    }

    fn find(&self, id: KeyId) -> Answer<'_, Option<StoredApiKey>> {
        (**self).find(id)
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: Option<&'a SubjectId>,
    ) -> Answer<'a, Vec<ApiKey>> {
        (**self).list(tenant, owner)
    }

    fn revoke<'a>(
        &'a self,
        tenant: &'a TenantId,
        id: KeyId,
        now: Timestamp,
    ) -> Answer<'a, Option<ApiKey>> {
        (**self).revoke(tenant, id, now)
    }

    fn touch(&self, id: KeyId, now: Timestamp, every: Duration) -> Answer<'_, Touched> {
        (**self).touch(id, now, every)
    }

    fn remove_owner<'a>(&'a self, tenant: &'a TenantId, owner: &'a SubjectId) -> Answer<'a, u64> {
        (**self).remove_owner(tenant, owner)
    }

    fn purge(&self, before: Timestamp, limit: u32) -> Answer<'_, u64> {
        (**self).purge(before, limit)
    }
}

/// What became of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is there.
    Done,
    /// Another key has its id.
    IdTaken,
    /// Its owner has as many as are allowed.
    TooMany,
}

/// What became of a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is there, and the old key's end is set.
    Done,
    /// Another key has its id.
    IdTaken,
    /// The old key is not there, or of another tenant.
    NotFound,
    /// The old key was revoked or has expired.
    Ended,
    /// The old key has a successor.
    AlreadyReplaced,
}

/// What was known of a key's use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// It had never been used.
    First,
    /// It had been used, and the time is newer now.
    Again,
    /// It was used a moment ago, or is not there: nothing was written.
    Unchanged,
}

/// What owners of keys may do now.
///
/// Asked when a key is not in the cache: after a change of rights, keys follow within 30 seconds, or at once after
/// [`ApiKeys::forget_owner`](super::ApiKeys::forget_owner).
pub trait Owners: fmt::Debug + Send + Sync + 'static {
    /// What `owner` may do in `tenant`. None if they are disabled or gone: their keys are dead then.
    fn rights<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: &'a SubjectId,
    ) -> Answer<'a, Option<Access>>;
}

impl<O: Owners + ?Sized> Owners for Arc<O> {
    fn rights<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: &'a SubjectId,
    ) -> Answer<'a, Option<Access>> {
        (**self).rights(tenant, owner)
    }
}
