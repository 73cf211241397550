//! Whom a request comes from, once that is proved: what the layers insert and handlers read.
//!
//! ```
//! use portcullis_auth_core::principal::Principal;
//! use portcullis_auth_core::roles::{Aal, Role, Roles};
//!
//! let roles = Roles::builder()
//!     .permissions(["orders:read", "orders:write"])
//!     .role(Role::new("editor").allows(["orders:*"]))
//!     .build()?;
//! let principal = Principal::new("https://accounts.example.com", "u-17".parse()?)
//!     .roles(["editor"])
//!     .scopes("orders:read".parse()?)
//!     .amr(["pwd", "otp"])
//!     .authorized(&roles);
//! let access = principal.access_ref().unwrap();
//! assert!(access.may(&"orders:read".parse()?));
//! assert!(!access.may(&"orders:write".parse()?));
//! assert_eq!(principal.aal(), Some(Aal::Two));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! It is made of what was verified and nothing else. There is no anonymous principal: where nobody has proved anything,
//! there is none.

#[cfg(feature = "jwt")]
use std::borrow::Cow;
use std::sync::Arc;

use crate::id::{ClientId, SessionId, SubjectId, TenantId};
#[cfg(feature = "jwt")]
use crate::jwt::VerifiedToken;
use crate::roles::{Aal, Access, Roles, Scopes};
use crate::time::Timestamp;

/// By what the principal was recognised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credential {
    /// An access token.
    Token,
    /// The API key with this public id.
    ApiKey(Arc<str>),
}

/// Somebody who has proved who they are, and what they may do.
///
/// Who it is are [`issuer`](Self::issuer_ref) and [`subject`](Self::subject_ref) together: two issuers may call different
/// people by one name. Names and e-mail addresses are no identity.
#[derive(Clone, Debug)]
pub struct Principal {
    credential: Credential,
    issuer: Arc<str>,
    subject: SubjectId,
    tenant: Option<TenantId>,
    session: Option<SessionId>,
    client: Option<ClientId>,
    token_id: Option<Arc<str>>,
    scopes: Option<Scopes>,
    roles: Arc<[Arc<str>]>,
    access: Option<Access>,
    amr: Arc<[Arc<str>]>,
    acr: Option<Arc<str>>,
    auth_time: Option<Timestamp>,
}

impl Principal {
    /// A subject of an issuer, recognised by a token, who may do nothing yet.
    pub fn new(issuer: impl Into<Arc<str>>, subject: SubjectId) -> Self {
        Self {
            credential: Credential::Token,
            issuer: issuer.into(),
            subject,
            tenant: None,
            session: None,
            client: None,
            token_id: None,
            scopes: None,
            roles: Arc::default(),
            access: None,
            amr: Arc::default(),
            acr: None,
            auth_time: None,
        }
    }

    /// What an access token says of its subject, who may do nothing yet: the claims `sub`, `sid`, `client_id` or `azp`, `jti`,
    /// `scope` or `scp`, `amr`, `acr` and `auth_time`; `tenant` and `roles` of tokens of our own only, since what another issuer
    /// calls an administrator is nobody here.
    ///
    /// None if the subject, the tenant or the client is no valid id, or a scope has a character that none can have: that is no
    /// reason to know less. Any other claim of a form that is not its own counts as absent; scopes of such a form let nothing
    /// through.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn from_token(token: &VerifiedToken) -> Option<Self> {
        let claims = token.claims();
        // Where tokens of many tenants are accepted under one name, the token's own says whose subject it is.
        let issuer = if claims.issuer() == &**token.issuer() {
            Arc::clone(token.issuer())
        } else {
            claims.issuer().into()
        };
        // What our own issuer says of tenants and roles is about ours. Another's words may mean anything.
        let (tenant, roles) = match token.is_own() {
            true => (claims.tenant(), claims.roles()),
            false => (None, Vec::new()),
        };
        let scopes = claims.scopes().map(Scopes::try_from);
        Some(Self {
            credential: Credential::Token,
            issuer,
            subject: claims.subject().parse().ok()?,
            tenant: tenant.map(str::parse).transpose().ok()?,
            session: claims.session(),
            client: claims.client().map(str::parse).transpose().ok()?,
            token_id: claims.token_id().map(Into::into),
            scopes: scopes.transpose().ok()?,
            roles: shared(roles),
            access: None,
            amr: shared(claims.amr()),
            acr: claims.acr().map(Into::into),
            auth_time: claims.auth_time(),
        })
    }

    /// Sets by what the principal was recognised.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Sets the tenant that the credential belongs to.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Sets the login that the token comes of (`sid`).
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the program that acts for the subject (`client_id`).
    #[must_use]
    pub fn client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the token's own name (`jti`).
    #[must_use]
    pub fn token_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.token_id = Some(id.into());
        self
    }

    /// Sets what the credential is restricted to. Without, it is not restricted further than the subject is; with none at
    /// all, it lets nothing through.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Sets the roles that the subject has in the tenant.
    #[must_use]
    pub fn roles<R: Into<Arc<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the methods by which the subject signed in (`amr`, RFC 8176).
    #[must_use]
    pub fn amr<M: Into<Arc<str>>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.amr = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what the issuer says of how the subject signed in (`acr`).
    #[must_use]
    pub fn acr(mut self, acr: impl Into<Arc<str>>) -> Self {
        self.acr = Some(acr.into());
        self
    }

    /// Sets when the subject last proved who they are (`auth_time`).
    #[must_use]
    pub fn auth_time(mut self, at: Timestamp) -> Self {
        self.auth_time = Some(at);
        self
    }

    /// Sets what the principal may do, as worked out elsewhere.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = Some(access);
        self
    }

    /// Works out what the principal may do: what its roles allow within its scopes. Roles and scopes are set before.
    #[must_use]
    pub fn authorized(self, roles: &Roles) -> Self {
        let access = roles.access(self.roles.iter());
        let access = match &self.scopes {
            Some(scopes) => access.within(scopes),
            None => access,
        };
        self.access(access)
    }

    /// By what the principal was recognised.
    #[must_use]
    pub fn credential_ref(&self) -> &Credential {
        &self.credential
    }

    /// Who vouches for the subject (`iss`).
    #[must_use]
    pub fn issuer_ref(&self) -> &str {
        &self.issuer
    }

    /// Who it is, to that issuer (`sub`).
    #[must_use]
    pub fn subject_ref(&self) -> &SubjectId {
        &self.subject
    }

    /// The tenant that the credential belongs to.
    #[must_use]
    pub fn tenant_ref(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The login that the token comes of.
    #[must_use]
    pub fn session_ref(&self) -> Option<SessionId> {
        self.session
    }

    /// The program that acts for the subject.
    #[must_use]
    pub fn client_ref(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// The token's own name.
    #[must_use]
    pub fn token_id_ref(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// What the credential is restricted to; none if it is not.
    #[must_use]
    pub fn scopes_ref(&self) -> Option<&Scopes> {
        self.scopes.as_ref()
    }

    /// The roles that the subject has in the tenant.
    pub fn roles_ref(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| &**role)
    }

    /// Whether the subject has the role of this name in the tenant.
    #[must_use]
    pub fn has_role(&self, name: &str) -> bool {
        self.roles_ref().any(|role| role == name)
    }

    /// What the principal may do; none if that was never worked out, and then it is nothing.
    #[must_use]
    pub fn access_ref(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// The methods by which the subject signed in.
    pub fn amr_ref(&self) -> impl Iterator<Item = &str> {
        self.amr.iter().map(|method| &**method)
    }

    /// What the issuer says of how the subject signed in.
    #[must_use]
    pub fn acr_ref(&self) -> Option<&str> {
        self.acr.as_deref()
    }

    /// When the subject last proved who they are.
    #[must_use]
    pub fn auth_time_ref(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// How sure that is: what `amr` amounts to, or `acr` if that names a higher level. None if neither says anything.
    #[must_use]
    pub fn aal(&self) -> Option<Aal> {
        let named = self.acr_ref().and_then(Aal::from_acr);
        named.max(Aal::from_amr(self.amr_ref()))
    }
}

/// All that are empty share one.
#[cfg(feature = "jwt")]
fn shared(texts: Vec<Cow<'_, str>>) -> Arc<[Arc<str>]> {
    match texts.is_empty() {
        true => Arc::default(),
        false => texts.into_iter().map(Into::into).collect(),
    }
}
