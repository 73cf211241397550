//! On whose behalf a request is made: what layers that authenticate tell layers that log.

use std::sync::Arc;

/// Extension, of the request or of the response: on whose behalf the request was made.
///
/// Whoever authenticates puts it there; behind the observing layer, that is into the response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    user: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
}

impl Subject {
    /// Nobody in particular.
    pub const fn new() -> Self {
        Self {
            user: None,
            tenant: None,
        }
    }

    /// Sets the user: an identifier, not a name or an address.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets the tenant.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The tenant.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}
