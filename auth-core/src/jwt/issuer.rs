use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithms;
use super::claims::{Claims, Name};
use super::error::JwtErrorKind;
use super::header::Header;
use super::kind::{TokenKind, Type};
use super::source::KeySource;
use crate::id::SessionId;
use crate::time::Timestamp;

/// Whose access tokens look how.
///
/// What all have in common: `iss`, `exp` and `sub` are required, `aud` is unless it says otherwise, `nbf` and `iat` are
/// checked where they are. A `typ` that names another kind of token is never accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// Tokens of our own of one kind, as [`TokenIssuer`](super::TokenIssuer) issues them: `typ` is that of the kind; `iat`,
    /// `jti` and `tenant` are required; `client_id` and `sid` are, where the kind has them.
    Own(TokenKind),
    /// Access tokens of RFC 9068: `typ` is `at+jwt`; `iat`, `jti` and `client_id` are required.
    Rfc9068,
    /// Access tokens of an OpenID provider that has no profile of its own: `typ` is absent, `JWT` or `at+jwt`. With `nonce`,
    /// `at_hash` or `c_hash` it is an ID token, and those are for clients.
    GenericOidc,
    /// Access tokens of Amazon Cognito, which have no `aud`: `client_id` is compared with the audiences instead, and
    /// `token_use` must be `access`.
    Cognito,
    /// Access tokens of Microsoft Entra for several tenants: the name of the issuer contains `{tenantid}`, in whose place
    /// tokens have their `tid`, which must be one of these.
    AzureTemplate(Vec<String>),
    /// Access tokens of Keycloak: the claim `typ` must be `Bearer`.
    Keycloak,
}

/// An issuer whose tokens are accepted: its name, its keys, and what its tokens must say. Made by [`Issuer::settings`].
#[derive(Clone, Debug)]
pub struct Issuer {
    name: Arc<str>,
    profile: Profile,
    audiences: Vec<Box<str>>,
    algorithms: Algorithms,
    leeway: Duration,
    max_lifetime: Duration,
    keys: Arc<dyn KeySource>,
}

/// The settings of an [`Issuer`].
#[derive(Clone, Debug)]
#[must_use = "settings are checked when they are built"]
pub struct IssuerSettings(Issuer);

const PLACEHOLDER: &str = "{tenantid}";

impl Issuer {
    /// The issuer called `name`, whose tokens are accepted if they are meant for `audience`.
    ///
    /// Defaults: the algorithms [`Algorithms::own`] for our own tokens and [`Algorithms::common`] for others; a leeway of
    /// 30 s for clocks that differ; no token is valid for longer than 24 hours.
    pub fn settings(
        name: &str,
        audience: &str,
        profile: Profile,
        keys: impl KeySource,
    ) -> IssuerSettings {
        let algorithms = match profile {
            Profile::Own(_) => Algorithms::own(),
            _ => Algorithms::common(),
        };
        IssuerSettings(Self {
            name: name.into(),
            profile,
            audiences: vec![audience.into()],
            algorithms,
            leeway: Duration::from_secs(30),
            max_lifetime: Duration::from_secs(24 * 60 * 60),
            keys: Arc::new(keys),
        })
    }

    /// Its name: the `iss` of its tokens, byte by byte.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its tokens look.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// For how long after their end its tokens are accepted.
    #[must_use]
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    /// For how long its tokens may be valid.
    #[must_use]
    pub fn max_lifetime(&self) -> Duration {
        self.max_lifetime
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn keys(&self) -> &dyn KeySource {
        &*self.keys
    }

    /// Whether a token that says it is from `iss` is to be judged by these rules. If it is rightly so is still to be seen.
    pub(super) fn is_called(&self, iss: &str) -> bool {
        match self.template() {
            None => *self.name == *iss,
            Some((before, after)) => iss.starts_with(before) && iss.ends_with(after),
        }
    }

    fn template(&self) -> Option<(&str, &str)> {
        match self.profile {
            Profile::AzureTemplate(_) => self.name.split_once(PLACEHOLDER),
            _ => None,
        }
    }

    pub(super) fn check_header(&self, header: &Header) -> Result<(), JwtErrorKind> {
        if !self.algorithms.contains(&header.algorithm) {
            return Err(JwtErrorKind::Algorithm);
        }
        const ACCESS: Type = Type::Own(TokenKind::Access);
        let fits = match (&self.profile, header.typ) {
            (Profile::Own(kind), typ) => typ == Type::Own(*kind),
            (Profile::Rfc9068, typ) => typ == ACCESS,
            (_, typ) => matches!(typ, Type::Absent | Type::Jwt | ACCESS),
        };
        fits.then_some(()).ok_or(JwtErrorKind::Type)
    }

    /// Checks all that a token of this issuer, with a good signature, must say, and returns until when it is valid.
    pub(super) fn check_claims(
        &self,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<Timestamp, JwtErrorKind> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let expires = self.check_times(claims, now)?;
        if !matches!(claims.known(Name::Subject), Some(sub) if (1..=255).contains(&sub.len())) {
            return Err(JwtErrorKind::Subject);
        }
        self.check_profile(claims)?;
        Ok(expires)
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), JwtErrorKind> {
        let iss = claims.known(Name::Issuer).ok_or(JwtErrorKind::Issuer)?;
        let Some((before, after)) = self.template() else {
            return (*iss == *self.name)
                .then_some(())
                .ok_or(JwtErrorKind::Issuer);
        };
        let tenant = claims.known(Name::TenantId).unwrap_or_default();
        match &self.profile {
            Profile::AzureTemplate(tenants) if tenants.iter().any(|known| known == tenant) => {}
            _ => return Err(JwtErrorKind::Tenant),
        }
        iss.strip_prefix(before)
            .and_then(|iss| iss.strip_suffix(after))
            .filter(|middle| *middle == tenant)
            .map(drop)
            .ok_or(JwtErrorKind::Issuer)
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), JwtErrorKind> {
        let is_ours = |audience: &str| self.audiences.iter().any(|ours| **ours == *audience);
        let fits = match self.profile {
            Profile::Cognito => claims.known(Name::Client).is_some_and(is_ours),
            _ => claims.any(Name::Audience, is_ours) == Ok(true),
        };
        fits.then_some(()).ok_or(JwtErrorKind::Audience)
    }

    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<Timestamp, JwtErrorKind> {
        let Ok(Some(expires)) = claims.date(Name::Expires) else {
            return Err(JwtErrorKind::Expiry);
        };
        let issued = claims
            .date(Name::IssuedAt)
            .map_err(|_| JwtErrorKind::IssuedAt)?;
        let not_before = claims
            .date(Name::NotBefore)
            .map_err(|_| JwtErrorKind::NotBefore)?;
        if now >= expires.plus(self.leeway) {
            return Err(JwtErrorKind::Expired);
        }
        // Of a token that does not say since when it is valid, what is left must not be too long already.
        let longest = match issued {
            Some(issued) => issued.plus(self.max_lifetime),
            None => now.plus(self.max_lifetime).plus(self.leeway),
        };
        if expires > longest {
            return Err(JwtErrorKind::Lifetime);
        }
        let latest = now.plus(self.leeway);
        if not_before.is_some_and(|not_before| not_before > latest) {
            return Err(JwtErrorKind::NotBefore);
        }
        let required = matches!(self.profile, Profile::Own(_) | Profile::Rfc9068);
        match issued {
            None if required => Err(JwtErrorKind::IssuedAt),
            Some(issued) if issued > latest => Err(JwtErrorKind::IssuedAt),
            _ => Ok(expires),
        }
    }

    fn check_profile(&self, claims: &Claims) -> Result<(), JwtErrorKind> {
        let require = |names: &[Name]| {
            let there = |name: &Name| claims.known(*name).is_some_and(|text| !text.is_empty());
            names
                .iter()
                .all(there)
                .then_some(())
                .ok_or(JwtErrorKind::MissingClaim)
        };
        let access = |is_access: bool| is_access.then_some(()).ok_or(JwtErrorKind::NotAccessToken);
        let of_id_tokens = [Name::Nonce, Name::AccessHash, Name::CodeHash];
        match &self.profile {
            Profile::Own(kind) => {
                require(kind.required())?;
                // A session that is there has the form of ours.
                let session = claims.known(Name::Session).map(str::parse::<SessionId>);
                let well_formed = !matches!(session, Some(Err(_)));
                well_formed.then_some(()).ok_or(JwtErrorKind::MissingClaim)
            }
            Profile::Rfc9068 => require(&[Name::TokenId, Name::Client]),
            Profile::GenericOidc | Profile::AzureTemplate(_) => {
                access(!of_id_tokens.into_iter().any(|name| claims.has(name)))
            }
            Profile::Cognito => access(claims.known(Name::TokenUse) == Some("access")),
            Profile::Keycloak => access(claims.known(Name::Type) == Some("Bearer")),
        }
    }
}

impl TokenKind {
    /// The claims that its tokens have besides those that all have.
    fn required(self) -> &'static [Name] {
        match self {
            Self::Access | Self::Refresh | Self::Logout => {
                &[Name::TokenId, Name::Tenant, Name::Client, Name::Session]
            }
            Self::Mfa => &[Name::TokenId, Name::Tenant, Name::Client],
            Self::Reset => &[Name::TokenId, Name::Tenant],
        }
    }
}

impl IssuerSettings {
    /// Also accepts tokens that are meant for `audience`.
    pub fn audience(mut self, audience: &str) -> Self {
        self.0.audiences.push(audience.into());
        self
    }

    /// What it signs with. HMAC is for issuers whose secret we share, and never beside anything else.
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.0.algorithms = algorithms;
        self
    }

    /// By how much clocks may differ, up to 300 s. Default: 30 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway;
        self
    }

    /// The longest time between `iat` and `exp`, a second at least. Default: 24 hours.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.max_lifetime = lifetime;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a name is empty, when the leeway is more than 300 s, when no token could be valid, and for
    /// [`Profile::AzureTemplate`] when the name does not have `{tenantid}` exactly once or when there are no tenants.
    pub fn build(self) -> Result<Issuer, IssuerError> {
        let Self(issuer) = &self;
        if issuer.name.is_empty() {
            return Err(IssuerError("an issuer must have a name"));
        }
        if issuer.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(IssuerError("an audience must have a name"));
        }
        if issuer.leeway > Duration::from_secs(300) {
            return Err(IssuerError("a leeway is 300 s at most"));
        }
        if issuer.max_lifetime < Duration::from_secs(1) {
            return Err(IssuerError("tokens must be valid for a second at least"));
        }
        if let Profile::AzureTemplate(tenants) = &issuer.profile {
            if issuer.name.matches(PLACEHOLDER).count() != 1 {
                return Err(IssuerError(
                    "the name of an issuer for several tenants has {tenantid} once",
                ));
            }
            if tenants.is_empty() || tenants.iter().any(String::is_empty) {
                return Err(IssuerError("the tenants that are allowed must be named"));
            }
        }
        Ok(self.0)
    }
}

/// Settings of an issuer that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerError(pub(super) &'static str);

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for IssuerError {}
