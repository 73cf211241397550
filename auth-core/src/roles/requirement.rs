use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::bits::Bits;
use super::{Aal, Permission, Roles, RolesError};
use crate::id::TenantId;
use crate::principal::Principal;
use crate::time::Timestamp;

/// What a request needs of whoever makes it. All that is set must hold; the default asks for nothing but a principal.
///
/// See the [module docs](super) for an example.
#[derive(Clone, Debug, Default)]
#[must_use = "a requirement does nothing until it is checked"]
pub struct Requirement {
    permissions: Vec<Needed>,
    roles: Vec<Arc<str>>,
    scopes: Vec<Arc<str>>,
    /// All permissions and scopes, as a challenge lists them.
    listed: Option<Arc<str>>,
    tenant: bool,
    aal: Option<Aal>,
    max_age: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Needed {
    permission: Permission,
    roles: Roles,
    mask: Bits,
}

impl Requirement {
    /// Adds a permission of the catalogue; with a `*`, all that it stands for there.
    ///
    /// # Errors
    ///
    /// When the catalogue has no such permission: nobody could ever have it.
    pub fn permission(
        mut self,
        roles: &Roles,
        permission: &Permission,
    ) -> Result<Self, RolesError> {
        self.permissions.push(Needed {
            permission: permission.clone(),
            roles: roles.clone(),
            mask: roles.known(permission)?,
        });
        self.list(permission.as_str());
        Ok(self)
    }

    /// Adds a role, by its name. Permissions are the better question: a role that includes this one is not this one, and
    /// scopes do not narrow roles.
    pub fn role(mut self, name: impl Into<Arc<str>>) -> Self {
        self.roles.push(name.into());
        self
    }

    /// Adds a scope that the token must have by exactly this name: for tokens of issuers that know nothing of our roles.
    ///
    /// # Errors
    ///
    /// When it is not one scope of RFC 6749 3.3.
    pub fn scope(mut self, scope: &str) -> Result<Self, super::InvalidScopes> {
        let one = super::Scopes::try_from(vec![scope])?;
        if one.is_empty() {
            return Err(super::InvalidScopes(()));
        }
        self.scopes.push(scope.into());
        self.list(scope);
        Ok(self)
    }

    /// Asks that the request has a tenant, and that it is the principal's.
    ///
    /// A request that has a tenant is refused to principals of others in any case; this refuses requests without one too.
    pub fn tenant(mut self) -> Self {
        self.tenant = true;
        self
    }

    /// Asks for a level of authentication, or a higher one. Without, any will do.
    pub fn aal(mut self, level: Aal) -> Self {
        self.aal = Some(level);
        self
    }

    /// Asks that the subject has proved who they are, and not merely gone on with a session, within this time. Nothing is
    /// recent enough where `auth_time` is not known. Without, it does not matter how long ago that was.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    fn list(&mut self, name: &str) {
        self.listed = Some(match &self.listed {
            Some(listed) => format!("{listed} {name}").into(),
            None => name.into(),
        });
    }

    /// Whether `principal` may go on, in a request to `tenant`.
    ///
    /// `tenant` is what the path or the host says: a header that any client can write is no authority. `None` is a request
    /// that has nothing to do with tenants.
    ///
    /// # Errors
    ///
    /// What is missing first, in this order: the tenant, the rights, the authentication. Who lacks rights is not asked to
    /// sign in again for nothing.
    pub fn check(
        &self,
        principal: &Principal,
        tenant: Option<&TenantId>,
        now: Timestamp,
    ) -> Result<(), Shortfall> {
        let own_tenant = match (tenant, principal.tenant_ref()) {
            (Some(asked), Some(own)) => asked == own,
            (Some(_), None) => false,
            (None, _) => !self.tenant,
        };
        if !own_tenant {
            return Err(Shortfall::Tenant);
        }
        if !self.has_rights(principal) {
            return Err(Shortfall::Rights {
                scope: self.listed.clone(),
            });
        }
        let fresh = self.max_age.is_none_or(|max_age| {
            let at = principal.auth_time_ref();
            at.is_some_and(|at| now.since(at) <= max_age)
        });
        if fresh && self.aal.is_none_or(|level| principal.aal() >= Some(level)) {
            return Ok(());
        }
        Err(Shortfall::StepUp {
            acr: self.aal.map(Aal::as_str),
            max_age: self.max_age,
        })
    }

    fn has_rights(&self, principal: &Principal) -> bool {
        let access = principal.access_ref();
        let scopes = principal.scopes_ref();
        self.permissions.iter().all(|needed| {
            access.is_some_and(|access| {
                access
                    .holds(&needed.roles, &needed.mask)
                    .unwrap_or_else(|| access.may(&needed.permission))
            })
        }) && self
            .scopes
            .iter()
            .all(|scope| scopes.is_some_and(|scopes| scopes.contains(scope)))
            && self.roles.iter().all(|role| principal.has_role(role))
    }
}

/// Why somebody who is known may not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shortfall {
    /// They lack a permission, a scope or a role: `403` with `insufficient_scope`.
    Rights {
        /// What is asked for, as the attribute `scope` of the challenge (RFC 6750 section 3); none if only a role is.
        scope: Option<Arc<str>>,
    },
    /// They belong to another tenant: `403`, or `404` where it would tell what exists.
    Tenant,
    /// They would have to sign in again: `401` with `insufficient_user_authentication` (RFC 9470).
    StepUp {
        /// The parameter `acr_values` of the challenge.
        acr: Option<&'static str>,
        /// The parameter `max_age` of the challenge, there in seconds.
        max_age: Option<Duration>,
    },
}

impl Shortfall {
    /// One word for logs and counters: `rights`, `tenant` or `step_up`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Rights { .. } => "rights",
            Self::Tenant => "tenant",
            Self::StepUp { .. } => "step_up",
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rights { .. } => "the principal may not do this",
            Self::Tenant => "the principal belongs to another tenant",
            Self::StepUp { .. } => "the principal has to sign in again, or with more factors",
        })
    }
}

impl Error for Shortfall {}
