use std::sync::Arc;

use crate::id::{SubjectId, TenantId};

/// Where a grant holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// In one tenant.
    Tenant(TenantId),
    /// In all tenants, also in such as are made later: for those who run the service.
    Global,
}

/// Somebody has a role somewhere. There are no grants that take away: what nobody granted is denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    subject: SubjectId,
    role: Arc<str>,
    reach: Reach,
}

impl Grant {
    /// Gives `subject` a role. Ask [`Roles::has_role`](super::Roles::has_role) before storing it.
    pub fn new(subject: SubjectId, role: impl Into<Arc<str>>, reach: Reach) -> Self {
        let role = role.into();
        Self {
            subject,
            role,
            reach,
        }
    }

    /// Who has it.
    #[must_use]
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }

    /// Which role.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Where.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether it says something of `subject` within `tenant`.
    #[must_use]
    pub fn applies(&self, subject: &SubjectId, tenant: &TenantId) -> bool {
        self.subject == *subject
            && match &self.reach {
                Reach::Tenant(own) => own == tenant,
                Reach::Global => true,
            }
    }
}
