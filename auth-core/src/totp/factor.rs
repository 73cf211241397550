use std::time::Duration;

use super::Sealed;
use crate::id::{SubjectId, TenantId, uuid_id};
use crate::time::Timestamp;

/// How long a factor may be pending: ten minutes.
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

uuid_id! {
    /// Which factor.
    FactorId, "a factor id is a hyphenated lower-case uuid"
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
    /// The last step of which a code was accepted, counted as in [`Match::Fresh`](super::Match::Fresh); -1 while it is pending.
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

    /// Whether it can still be activated: it never was, and was made less than [`ENROLMENT_LIFETIME`] ago.
    #[must_use]
    pub fn is_pending(&self, now: Timestamp) -> bool {
        self.activated_at.is_none() && now < self.created_at.plus(ENROLMENT_LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_has_one_name() {
        let factor = FactorId::generate();
        let name = factor.to_string();
        assert_eq!(name.parse(), Ok(factor));
        let other = name.replace('-', "").parse::<FactorId>();
        assert_eq!(
            other.unwrap_err().to_string(),
            "a factor id is a hyphenated lower-case uuid"
        );
    }
}
