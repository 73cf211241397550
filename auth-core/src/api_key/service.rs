use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cache::Cache;
use super::{ApiKey, ApiKeyStore, KeyFormat, KeyId, Owners, Peppers};
use crate::audit::{Actor, AuditSink, Context, Event, EventKind};
use crate::id::{SubjectId, TenantId};
use crate::principal::{Credential, Principal};
use crate::store::StoreError;
use crate::time::{Clock, Timestamp};

/// Makes, checks, replaces and revokes keys. See the [module docs](super) for an example. A clone shares everything.
#[derive(Clone)]
pub struct ApiKeys {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) format: KeyFormat,
    pub(super) peppers: Peppers,
    pub(super) issuer: Arc<str>,
    pub(super) store: Arc<dyn ApiKeyStore>,
    pub(super) owners: Arc<dyn Owners>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) max_per_owner: u32,
    pub(super) cache: Cache,
}

impl ApiKeys {
    /// What keys of this service look like.
    #[must_use]
    pub fn format(&self) -> &KeyFormat {
        &self.inner.format
    }

    /// The key of this id, live or not; none if it is of another tenant or environment.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn get(&self, tenant: &TenantId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let stored = self.inner.store.find(id).await?;
        let own = stored.map(|stored| stored.key).filter(|key| {
            key.tenant == *tenant && key.environment == self.inner.format.environment()
        });
        Ok(own)
    }

    /// The keys of an owner, or all of a tenant, live or not, newest first; the last 1,000 at most, and of these the ones of
    /// this environment.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn list(
        &self,
        tenant: &TenantId,
        owner: Option<&SubjectId>,
    ) -> Result<Vec<ApiKey>, StoreError> {
        let mut keys = self.inner.store.list(tenant, owner).await?;
        keys.retain(|key| key.environment == self.inner.format.environment());
        Ok(keys)
    }

    /// Revokes a key, and says whether this tenant has one of this id. Here it ends at once, in other instances within 30
    /// seconds.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn revoke(
        &self,
        tenant: &TenantId,
        id: KeyId,
        by: &Principal,
        context: &Context,
    ) -> Result<bool, StoreError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let Some(key) = inner.store.revoke(tenant, id, now).await? else {
            return Ok(false);
        };
        self.forget_key(id);
        // A second time changes nothing, and there is nothing to tell of.
        if key.revoked_at == Some(now) {
            let event = inner.event(EventKind::ApiKeyRevoked, &key, context, now);
            inner.audit.record(&event.actor(actor(by)));
        }
        Ok(true)
    }

    /// Deletes all keys of somebody whose account is deleted, and says how many there were.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn remove_owner(
        &self,
        tenant: &TenantId,
        owner: &SubjectId,
    ) -> Result<u64, StoreError> {
        let removed = self.inner.store.remove_owner(tenant, owner).await?;
        self.forget_owner(tenant, owner);
        if removed > 0 {
            let event = Event::new(EventKind::TokenDelete, self.inner.clock.now());
            let event = event.tenant(tenant).subject(owner);
            self.inner
                .audit
                .record(&event.reason("api_keys").count(removed));
        }
        Ok(removed)
    }

    /// Has the rights of an owner read anew by the next request: after they were disabled, or lost a role.
    pub fn forget_owner(&self, tenant: &TenantId, owner: &SubjectId) {
        let own = |key: &ApiKey| key.tenant == *tenant && key.owner == *owner;
        self.inner.cache.forget(own);
    }

    pub(super) fn forget_key(&self, id: KeyId) {
        self.inner.cache.forget(|key| key.id == id);
    }

    /// Deletes up to `limit` keys that ended longer than `after` ago, and says how many. To be called now and then.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn purge(&self, after: Duration, limit: u32) -> Result<u64, StoreError> {
        let before = self.inner.clock.now().minus(after);
        self.inner.store.purge(before, limit).await
    }
}

impl Inner {
    pub(super) fn event(
        &self,
        kind: EventKind,
        key: &ApiKey,
        context: &Context,
        now: Timestamp,
    ) -> Event {
        Event::new(kind, now)
            .tenant(&key.tenant)
            .subject(&key.owner)
            .key_id(key.id.as_str())
            .context(context)
    }
}

/// Who did something, as events name them.
pub(super) fn actor(principal: &Principal) -> Actor {
    match principal.credential_ref() {
        Credential::ApiKey(id) => Actor::ApiKey(id.clone()),
        Credential::Token => Actor::User(principal.subject_ref().clone()),
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("format", &self.inner.format)
            .field("peppers", &self.inner.peppers)
            .field("store", &self.inner.store)
            .field("cache", &self.inner.cache)
            .finish_non_exhaustive()
    }
}
