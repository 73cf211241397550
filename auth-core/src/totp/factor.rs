use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use uuid::Uuid;

use super::Sealed;
use crate::id::{InvalidId, SubjectId, TenantId};
use crate::time::Timestamp;

/// How long a factor may be pending.
pub const ENROLMENT_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How many active factors a subject may have.
pub const MAX_FACTORS: usize = 5;

/// Whose factor it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    tenant: TenantId,
    subject: SubjectId,
}

impl Owner {
    /// `subject` of `tenant`.
    #[must_use]
    pub fn new(tenant: &TenantId, subject: &SubjectId) -> Self {
        Self {
            tenant: tenant.clone(),
            subject: subject.clone(),
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }
}

/// Which factor. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactorId(Uuid);

impl FactorId {
    /// A new one: a UUID of version 7.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The one with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Its bytes, as stores keep them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for FactorId {
    type Err = InvalidId;

    /// Reads the form that `Display` writes, and no other.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // A session's id has the same form.
        let id: crate::id::SessionId = text.parse()?;
        Ok(Self::from_bytes(*id.as_bytes()))
    }
}

/// A factor as stores keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Which one.
    pub id: FactorId,
    /// Its secret.
    pub sealed: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner has proved to have it; none while it is pending.
    pub activated_at: Option<Timestamp>,
    /// The last step of which a code was accepted; -1 while it is pending.
    pub last_step: i64,
    /// How far the owner's clock was from ours at the last code, in steps: -1, 0 or 1. It widens no window; who sees it stay
    /// away from 0 can tell the owner to set the clock.
    pub drift: i8,
}

impl Factor {
    /// A pending one.
    #[must_use]
    pub(super) fn pending(id: FactorId, sealed: Sealed, now: Timestamp) -> Self {
        Self {
            id,
            sealed,
            created_at: now,
            activated_at: None,
            last_step: -1,
            drift: 0,
        }
    }

    /// Whether it can still be activated.
    pub(super) fn is_pending(&self, now: Timestamp) -> bool {
        self.activated_at.is_none() && now < self.created_at.plus(ENROLMENT_LIFETIME)
    }
}
