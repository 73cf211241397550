use std::time::Duration;

use portcullis_secrets::ApiKeySecret;

use super::service::actor;
use super::{
    ApiKey, ApiKeys, CreateError, CreateErrorKind, Inserted, KeyId, NewApiKey, Overlap, Replaced,
    StoredApiKey,
};
use crate::audit::{Context, Event, EventKind};
use crate::id::TenantId;
use crate::principal::Principal;
use crate::roles::{Permission, Scopes};
use crate::time::Timestamp;

const MAX_NAME: usize = 100;

/// Ids have 71 random bits: that two are the same happens once, if ever.
const TRIES: usize = 3;

/// A new key. This is the only time that its text is there: show it to whoever asked for it.
#[derive(Debug)]
pub struct CreatedKey {
    /// The whole text.
    pub secret: ApiKeySecret,
    /// What is known of it from now on.
    pub key: ApiKey,
}

impl ApiKeys {
    /// Makes a key in the tenant of `creator`.
    ///
    /// Whether who came with an API key may make others is for the caller to say: a key that got out could give itself
    /// successors.
    ///
    /// # Errors
    ///
    /// When the key would have scopes that its creator does not, when its owner may not have one more, and what else
    /// [`CreateErrorKind`] lists. Nothing has been stored then.
    pub async fn create(
        &self,
        new: NewApiKey,
        creator: &Principal,
        context: &Context,
    ) -> Result<CreatedKey, CreateError> {
        let now = self.inner.clock.now();
        let tenant = creator.tenant_ref().ok_or(CreateErrorKind::NoTenant)?;
        check_name(&new.name)?;
        self.check_scopes(&new.scopes, creator, tenant, context, now)?;
        let expires_at = expiry(new.lifetime, now)?;
        let owner = new.owner.unwrap_or_else(|| creator.subject_ref().clone());
        if self.inner.owners.rights(tenant, &owner).await?.is_none() {
            return Err(CreateErrorKind::Owner.into());
        }
        for _ in 0..TRIES {
            let (secret, stored) = self.issue(|id| ApiKey {
                id,
                environment: self.inner.format.environment(),
                tenant: tenant.clone(),
                owner: owner.clone(),
                name: new.name.clone(),
                scopes: new.scopes.clone(),
                networks: new.networks.clone(),
                created_by: creator.subject_ref().clone(),
                created_at: now,
                expires_at,
                revoked_at: None,
                last_used_at: None,
                replaces: None,
                replaced_by: None,
            })?;
            let max = self.inner.max_per_owner;
            match self.inner.store.insert(&stored, max).await? {
                Inserted::Done => {
                    let key = stored.key;
                    let event = self
                        .inner
                        .event(EventKind::ApiKeyCreated, &key, context, now);
                    self.inner.audit.record(&event.actor(actor(creator)));
                    return Ok(CreatedKey { secret, key });
                }
                Inserted::IdTaken => {}
                Inserted::TooMany => return Err(CreateErrorKind::TooMany.into()),
            }
        }
        Err(CreateErrorKind::NoRandomness.into())
    }

    /// Makes a successor for a key of this tenant: with the same owner, name, scopes and networks, and for as long a life.
    /// The old key goes on for the overlap, and then it is dead without anybody doing anything.
    ///
    /// Whether `by` may do this to the key, as its owner or as an administrator, is for the caller to ask before.
    ///
    /// # Errors
    ///
    /// When `by` lacks a scope of the key, since they get to see the new one; when the key is not there, has ended, or has a
    /// successor already. Nothing has been stored then.
    pub async fn rotate(
        &self,
        tenant: &TenantId,
        id: KeyId,
        overlap: Overlap,
        by: &Principal,
        context: &Context,
    ) -> Result<CreatedKey, CreateError> {
        let now = self.inner.clock.now();
        let old = self.get(tenant, id).await?;
        let old = old.ok_or(CreateErrorKind::NotFound)?;
        self.check_scopes(&old.scopes, by, tenant, context, now)?;
        let lifetime = old.expires_at.map(|end| end.since(old.created_at));
        let expires_at = expiry(lifetime, now)?;
        for _ in 0..TRIES {
            let (secret, stored) = self.issue(|id| ApiKey {
                id,
                created_by: by.subject_ref().clone(),
                created_at: now,
                expires_at,
                revoked_at: None,
                last_used_at: None,
                replaces: Some(old.id),
                replaced_by: None,
                ..old.clone()
            })?;
            let ends_at = now.plus(overlap.duration());
            match self.inner.store.replace(&stored, ends_at).await? {
                Replaced::Done => {
                    self.forget_key(id);
                    let key = stored.key;
                    let event = self
                        .inner
                        .event(EventKind::ApiKeyRotated, &key, context, now);
                    self.inner.audit.record(&event.actor(actor(by)));
                    return Ok(CreatedKey { secret, key });
                }
                Replaced::IdTaken => {}
                Replaced::NotFound => return Err(CreateErrorKind::NotFound.into()),
                Replaced::Ended => return Err(CreateErrorKind::Ended.into()),
                Replaced::AlreadyReplaced => return Err(CreateErrorKind::AlreadyReplaced.into()),
            }
        }
        Err(CreateErrorKind::NoRandomness.into())
    }

    fn check_scopes(
        &self,
        scopes: &Scopes,
        creator: &Principal,
        tenant: &TenantId,
        context: &Context,
        now: Timestamp,
    ) -> Result<(), CreateError> {
        let checked = check_scopes(scopes, creator);
        if checked == Err(CreateErrorKind::BeyondCreator) {
            let event = Event::new(EventKind::AuthzFail, now).reason("api_key_scopes");
            let event = event.tenant(tenant).subject(creator.subject_ref());
            let event = event.actor(actor(creator)).context(context);
            self.inner.audit.record(&event);
        }
        checked.map_err(CreateError::from)
    }

    fn issue(
        &self,
        key: impl FnOnce(KeyId) -> ApiKey,
    ) -> Result<(ApiKeySecret, StoredApiKey), CreateError> {
        let (id, secret) = self.inner.format.generate()?;
        let digest = secret.expose(|text| self.inner.peppers.digest(text));
        let key = key(id);
        Ok((secret, StoredApiKey { key, digest }))
    }
}

fn check_name(name: &str) -> Result<(), CreateError> {
    let length = name.chars().count();
    if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
        return Err(CreateErrorKind::Name.into());
    }
    Ok(())
}

fn check_scopes(scopes: &Scopes, creator: &Principal) -> Result<(), CreateErrorKind> {
    if scopes.is_empty() {
        return Err(CreateErrorKind::Scopes);
    }
    for scope in scopes.iter() {
        let permission = scope.parse::<Permission>();
        let permission = permission.map_err(|_| CreateErrorKind::Scopes)?;
        let access = creator.access_ref();
        if !access.is_some_and(|access| access.may(&permission)) {
            return Err(CreateErrorKind::BeyondCreator);
        }
    }
    Ok(())
}

fn expiry(lifetime: Option<Duration>, now: Timestamp) -> Result<Option<Timestamp>, CreateError> {
    match lifetime {
        Some(lifetime) if lifetime < Duration::from_secs(1) => {
            Err(CreateErrorKind::Lifetime.into())
        }
        Some(lifetime) => Ok(Some(now.plus(lifetime))),
        None => Ok(None),
    }
}
