use std::net::IpAddr;
use std::time::Duration;

use super::{Environment, KeyDigest, KeyId, Network, VerifyErrorKind};
use crate::id::{SubjectId, TenantId};
use crate::roles::Scopes;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is known of a key. There is nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: KeyId,
    /// What it is for.
    pub environment: Environment,
    /// Whose data it reaches.
    pub tenant: TenantId,
    /// On whose behalf it acts: it can never do what they cannot.
    pub owner: SubjectId,
    /// What its owner calls it.
    pub name: String,
    /// What it is restricted to.
    pub scopes: Scopes,
    /// From where it may be used; from anywhere if there are none.
    pub networks: Vec<Network>,
    /// Who made it.
    pub created_by: SubjectId,
    /// When.
    pub created_at: Timestamp,
    /// From this moment on it is dead; none if that was asked for.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// The key that it follows.
    pub replaces: Option<KeyId>,
    /// The key that follows it.
    pub replaced_by: Option<KeyId>,
}

/// What a store keeps of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApiKey {
    /// What is known of it.
    pub key: ApiKey,
    /// By what it is recognised.
    pub digest: KeyDigest,
}

impl ApiKey {
    /// Whether it is neither revoked nor expired.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the key may be used now, by somebody at `ip`, in a request to `tenant`. None is a request that has nothing to
    /// do with tenants, or an address that nobody knows: that is none of the key's networks.
    ///
    /// # Errors
    ///
    /// Why not, by what comes first of: another tenant, a key that was revoked, one that has expired, an address outside of
    /// its networks.
    pub fn check(
        &self,
        tenant: Option<&TenantId>,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), VerifyErrorKind> {
        if tenant.is_some_and(|tenant| *tenant != self.tenant) {
            return Err(VerifyErrorKind::OtherTenant);
        }
        if self.revoked_at.is_some() {
            return Err(VerifyErrorKind::Revoked);
        }
        if !self.is_live(now) {
            return Err(VerifyErrorKind::Expired);
        }
        let here = |network: &Network| ip.is_some_and(|ip| network.contains(ip));
        if !self.networks.is_empty() && !self.networks.iter().any(here) {
            return Err(VerifyErrorKind::Address);
        }
        Ok(())
    }
}

/// A key that somebody asks for. See [`ApiKeys::create`](super::ApiKeys::create).
#[derive(Clone, Debug)]
#[must_use = "there is no key until it is created"]
pub struct NewApiKey {
    pub(super) name: String,
    pub(super) scopes: Scopes,
    pub(super) owner: Option<SubjectId>,
    pub(super) networks: Vec<Network>,
    pub(super) lifetime: Option<Duration>,
}

impl NewApiKey {
    /// A key for whoever creates it, which lives for 365 days and may be used from anywhere.
    ///
    /// The name has 1 to 100 characters. The scopes are permissions, such as `orders:read` and `users:*`, and at least one.
    pub fn new(name: impl Into<String>, scopes: Scopes) -> Self {
        Self {
            name: name.into(),
            scopes,
            owner: None,
            networks: Vec::new(),
            lifetime: Some(365 * DAY),
        }
    }

    /// Sets on whose behalf it acts, if that is not who creates it.
    pub fn owner(mut self, owner: SubjectId) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Sets from where it may be used: from anywhere by default, and if there are none.
    pub fn networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.networks = networks.into_iter().collect();
        self
    }

    /// Sets how long it lives: 365 days by default, a second at least.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Lets it live until it is revoked. Such keys are forgotten, and found by others.
    pub fn without_expiry(mut self) -> Self {
        self.lifetime = None;
        self
    }
}

/// For how long a key goes on after it got a successor: 24 hours, unless it is told otherwise, and 7 days at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap(Duration);

/// An overlap of more than 7 days, in which nobody would change the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverlapTooLong(());

impl Overlap {
    /// An overlap of up to 7 days. Zero ends the old key at once.
    ///
    /// # Errors
    ///
    /// When it is longer.
    pub fn new(overlap: Duration) -> Result<Self, OverlapTooLong> {
        if overlap > 7 * DAY {
            return Err(OverlapTooLong(()));
        }
        Ok(Self(overlap))
    }

    /// How long that is.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Default for Overlap {
    fn default() -> Self {
        Self(DAY)
    }
}

impl std::fmt::Display for OverlapTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key and its successor overlap for 7 days at most")
    }
}

impl std::error::Error for OverlapTooLong {}
