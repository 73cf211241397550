//! Which project: its name means nothing without the tenant whose it is.

use std::fmt;

use portcullis_auth_core::id::TenantId;

use super::name::Name;

/// The name of a project within a tenant. Statements that take one cannot forget the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProjectName {
    tenant: TenantId,
    name: Name,
}

impl ProjectName {
    pub(crate) const fn new(tenant: TenantId, name: Name) -> Self {
        Self { tenant, name }
    }

    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_str()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.name.as_str()
    }
}

/// As it stands in paths, which say nothing of tenants.
impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
