use std::sync::Arc;

use crate::id::{ClientId, SubjectId, TenantId};
use crate::roles::Scopes;
use crate::time::Timestamp;

/// Who has signed in, with what, and for what.
#[derive(Clone, Debug)]
pub struct Login {
    pub(super) tenant: TenantId,
    pub(super) subject: SubjectId,
    pub(super) client: ClientId,
    pub(super) scopes: Scopes,
    pub(super) amr: Scopes,
    pub(super) acr: Option<Arc<str>>,
    pub(super) auth_time: Option<Timestamp>,
    pub(super) dpop_jkt: Option<Arc<str>>,
}

impl Login {
    /// `subject` of `tenant`, who has signed in with `client`: now, without scopes, and by nothing that is told.
    #[must_use]
    pub fn new(tenant: TenantId, subject: SubjectId, client: ClientId) -> Self {
        Self {
            tenant,
            subject,
            client,
            scopes: Scopes::default(),
            amr: Scopes::default(),
            acr: None,
            auth_time: None,
            dpop_jkt: None,
        }
    }

    /// Sets the most that the session's access tokens may be used for.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets by which methods (RFC 8176), as words with spaces between: `pwd otp`.
    #[must_use]
    pub fn amr(mut self, methods: Scopes) -> Self {
        self.amr = methods;
        self
    }

    /// Sets how sure that is (`acr`).
    #[must_use]
    pub fn acr(mut self, acr: &str) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Sets when that was, where it was not just now.
    #[must_use]
    pub fn auth_time(mut self, moment: Timestamp) -> Self {
        self.auth_time = Some(moment);
        self
    }

    /// Binds the session's refresh tokens to the key with this thumbprint (RFC 9449 5).
    #[must_use]
    pub fn dpop_jkt(mut self, thumbprint: &str) -> Self {
        self.dpop_jkt = Some(thumbprint.into());
        self
    }
}

/// A refresh token, and by whom it is presented.
#[derive(Clone, Copy)]
pub struct RefreshRequest<'a> {
    pub(super) token: &'a str,
    /// None for that of the token.
    pub(super) tenant: Option<&'a TenantId>,
    pub(super) client: &'a ClientId,
    pub(super) scopes: Option<&'a Scopes>,
    pub(super) dpop_jkt: Option<&'a str>,
}

impl<'a> RefreshRequest<'a> {
    /// `token` as it was received, presented by `client` at the endpoint of `tenant`.
    #[must_use]
    pub fn new(token: &'a str, tenant: &'a TenantId, client: &'a ClientId) -> Self {
        Self {
            tenant: Some(tenant),
            ..Self::of_any_tenant(token, client)
        }
    }

    /// `token` as it was received, presented by `client` at an endpoint that all tenants share: whose it is, is what the token
    /// says, which nobody but us can make.
    #[must_use]
    pub fn of_any_tenant(token: &'a str, client: &'a ClientId) -> Self {
        Self {
            token,
            tenant: None,
            client,
            scopes: None,
            dpop_jkt: None,
        }
    }

    /// Asks for an access token that is good for less than the session is (RFC 6749 6). The next one may have all again.
    #[must_use]
    pub fn scopes(mut self, scopes: &'a Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Sets the thumbprint of the key that the client has proved to hold (RFC 9449).
    #[must_use]
    pub fn dpop_jkt(mut self, thumbprint: &'a str) -> Self {
        self.dpop_jkt = Some(thumbprint);
        self
    }
}

impl std::fmt::Debug for RefreshRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshRequest")
            .field("tenant", &self.tenant)
            .field("client", self.client)
            .field("scopes", &self.scopes)
            .field("dpop_jkt", &self.dpop_jkt)
            .finish_non_exhaustive()
    }
}
