use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::cache::{CacheKey, Cached};
use super::service::Inner;
use super::{ApiKey, ApiKeys, KeyId, Touched, VerifyError, VerifyErrorKind};
use crate::audit::{Context, Event, EventKind, Severity};
use crate::id::TenantId;
use crate::principal::{Credential, Principal};
use crate::store::{StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// How often a key's last use is written, at most.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A key that was accepted, and whom it makes of a request's sender.
#[derive(Clone, Debug)]
pub struct VerifiedKey {
    pub(super) key: ApiKey,
    pub(super) principal: Arc<Principal>,
}

impl VerifiedKey {
    /// The key, as it was up to 30 seconds ago.
    #[must_use]
    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The key's owner, restricted to what the key may do.
    #[must_use]
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

impl ApiKeys {
    /// Whom a key makes of a request's sender.
    ///
    /// `tenant` is what the request's path or host says; none if it says nothing. `context` has the address that the key's
    /// networks are compared with. A key that was verified within the last 30 seconds is not asked for again.
    ///
    /// # Errors
    ///
    /// Why the key was not accepted; see [`VerifyErrorKind`] for the status of each. An event has been recorded.
    pub async fn verify(
        &self,
        presented: &str,
        tenant: Option<&TenantId>,
        context: &Context,
    ) -> Result<Arc<VerifiedKey>, VerifyError> {
        let now = self.inner.clock.now();
        let (id, digest) = self.read(presented, context, now)?;
        let cached = match self.inner.cache.get(&digest, now) {
            Some(cached) => cached,
            None => {
                self.look_up(id, presented, digest, tenant, context, now)
                    .await?
            }
        };
        self.accept(&cached, tenant, context, now)
    }

    /// What [`verify`](Self::verify) answers, errors included, if that takes no look into the store; none if it does. For
    /// whoever would rather not wait.
    pub fn verify_cached(
        &self,
        presented: &str,
        tenant: Option<&TenantId>,
        context: &Context,
    ) -> Option<Result<Arc<VerifiedKey>, VerifyError>> {
        let now = self.inner.clock.now();
        let (_, digest) = match self.read(presented, context, now) {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        };
        let cached = self.inner.cache.get(&digest, now)?;
        Some(self.accept(&cached, tenant, context, now))
    }

    fn read(
        &self,
        presented: &str,
        context: &Context,
        now: Timestamp,
    ) -> Result<(KeyId, CacheKey), VerifyError> {
        match self.inner.format.parse(presented) {
            Ok(id) => Ok((id, Sha256::digest(presented.as_bytes()).into())),
            Err(_) => {
                let malformed = VerifyErrorKind::Malformed;
                self.inner.rejected(malformed, None, None, context, now);
                Err(malformed.into())
            }
        }
    }

    async fn look_up(
        &self,
        id: KeyId,
        presented: &str,
        digest: CacheKey,
        tenant: Option<&TenantId>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Arc<Cached>, VerifyError> {
        let inner = &self.inner;
        let generation = inner.cache.generation();
        let Some(stored) = inner.store.find(id).await? else {
            // It must take as long as for a key that is there.
            inner.peppers.match_nothing(presented);
            inner.rejected(VerifyErrorKind::Unknown, Some(id), None, context, now);
            return Err(VerifyErrorKind::Unknown.into());
        };
        let key = stored.key;
        match inner.peppers.matches(&stored.digest, presented) {
            Some(true) => {}
            Some(false) => {
                inner.rejected(VerifyErrorKind::Unknown, Some(id), None, context, now);
                return Err(VerifyErrorKind::Unknown.into());
            }
            None => {
                let event = inner.event(EventKind::PepperUnknown, &key, context, now);
                inner.audit.record(&event.reason("api_key"));
                let gone = "the digest of an api key names a pepper that is not there";
                return Err(StoreError::new(StoreErrorKind::Corrupt, gone).into());
            }
        }
        // Before the owner's rights are read: a key that is dead costs one read.
        inner.judge(&key, tenant, context, now)?;
        let Some(rights) = inner.owners.rights(&key.tenant, &key.owner).await? else {
            let disabled = VerifyErrorKind::OwnerDisabled;
            inner.rejected(disabled, Some(id), Some(&key), context, now);
            return Err(disabled.into());
        };
        let principal = Principal::new(inner.issuer.clone(), key.owner.clone())
            .credential(Credential::ApiKey(key.id.as_str().into()))
            .tenant(key.tenant.clone())
            .scopes(key.scopes.clone())
            .access(rights.within(&key.scopes));
        let principal = Arc::new(principal);
        let cached = Arc::new(Cached::new(VerifiedKey { key, principal }, now));
        inner.cache.insert(digest, cached.clone(), generation);
        Ok(cached)
    }

    fn accept(
        &self,
        cached: &Cached,
        tenant: Option<&TenantId>,
        context: &Context,
        now: Timestamp,
    ) -> Result<Arc<VerifiedKey>, VerifyError> {
        let verified = &cached.verified;
        self.inner.judge(&verified.key, tenant, context, now)?;
        if cached.claims_touch(now, TOUCH_EVERY) {
            self.touch(verified.clone(), context.clone(), now);
        }
        Ok(verified.clone())
    }

    /// Writes down the use of a key, beside the request. A key is good whether that succeeds or not.
    fn touch(&self, verified: Arc<VerifiedKey>, context: Context, now: Timestamp) {
        // Outside of a runtime there is no beside.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let inner = self.inner.clone();
        runtime.spawn(async move {
            let key = &verified.key;
            match inner.store.touch(key.id, now, TOUCH_EVERY).await {
                Ok(Touched::First) => {
                    let event = inner.event(EventKind::ApiKeyUsedFirst, key, &context, now);
                    inner.audit.record(&event);
                }
                Ok(Touched::Again | Touched::Unchanged) => {}
                Err(error) => {
                    let id = tracing::field::display(key.id);
                    tracing::debug!(key_id = id, %error, "the last use of an api key was not written");
                }
            }
        });
    }
}

impl Inner {
    fn judge(
        &self,
        key: &ApiKey,
        tenant: Option<&TenantId>,
        context: &Context,
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        key.check(tenant, context.ip_ref(), now).map_err(|kind| {
            self.rejected(kind, Some(key.id), Some(key), context, now);
            kind.into()
        })
    }

    fn rejected(
        &self,
        kind: VerifyErrorKind,
        id: Option<KeyId>,
        key: Option<&ApiKey>,
        context: &Context,
        now: Timestamp,
    ) {
        let event = match (kind, key) {
            (VerifyErrorKind::Expired, Some(key)) => {
                self.event(EventKind::ApiKeyExpired, key, context, now)
            }
            (_, Some(key)) => self.event(EventKind::ApiKeyRejected, key, context, now),
            (_, None) => Event::new(EventKind::ApiKeyRejected, now).context(context),
        };
        let event = match id {
            Some(id) => event.key_id(id.as_str()),
            None => event,
        };
        let event = match kind {
            // Whoever holds a key knows whose it is.
            VerifyErrorKind::OtherTenant => event.severity(Severity::High),
            _ => event,
        };
        self.audit.record(&event.reason(kind.as_str()));
    }
}
