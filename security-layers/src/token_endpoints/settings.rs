use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::request::Parts;
use portcullis_auth_core::audit::{AuditSink, TracingSink};
use portcullis_auth_core::id::{ClientId, SessionId, SubjectId, TenantId};
use portcullis_auth_core::jwt::SigningRing;
use portcullis_auth_core::refresh::{Issued, RefreshService};
use portcullis_auth_core::store::Answer;
use portcullis_auth_core::time::{Clock, SystemClock};
use portcullis_layer_core::origin::OriginPolicy;
use portcullis_secrets::SecretString;

use super::RefreshCookie;

/// Makes the access tokens that go with refresh tokens.
pub trait AccessTokens: fmt::Debug + Send + Sync + 'static {
    /// The `iss` of the tokens. The list of sessions is for bearers of these only: another issuer may know somebody else by
    /// the same name.
    fn issuer(&self) -> &str;

    /// An access token for a session that has just begun or gone on.
    ///
    /// Read the account anew: its state, its roles and its tenant may have changed since the last time. None if it may not
    /// sign in any more: the session is ended then. A failure keeps the session; the client tries again.
    fn issue<'a>(&'a self, session: &'a Issued) -> Answer<'a, Option<AccessToken>>;

    /// Of which session an access token is that a client gives back, if it is one of ours and good at present. The session ends
    /// then (RFC 7009 2.1), as by its refresh token. None, as for every token unless this is written: it lives on.
    fn session_of(&self, token: &str) -> Option<TokenSession> {
        let _ = token;
        None
    }
}

/// What an access token says of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSession {
    /// The claim `tenant`.
    pub tenant: TenantId,
    /// The claim `sub`.
    pub subject: SubjectId,
    /// The claim `client_id`.
    pub client: ClientId,
    /// The claim `sid`.
    pub session: SessionId,
}

/// What [`AccessTokens`] makes.
#[derive(Debug)]
pub struct AccessToken {
    /// The token.
    pub token: SecretString,
    /// How long it is good from now on: what the client is told (`expires_in`), in whole seconds. Parts of a second are dropped.
    pub lifetime: Duration,
}

type TenantOf = dyn Fn(&Parts) -> Option<TenantId> + Send + Sync;

/// The endpoints of sessions: refresh, revocation, the list of sessions, and the key set. See the [module docs](super).
#[derive(Clone)]
#[must_use = "endpoints answer nothing until they stand in a stack"]
pub struct TokenEndpoints(pub(super) Arc<Settings>);

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) service: RefreshService,
    pub(super) tokens: Arc<dyn AccessTokens>,
    pub(super) client: ClientId,
    /// None where the tokens say it.
    pub(super) tenant_of: Option<Arc<TenantOf>>,
    pub(super) refresh: Box<str>,
    pub(super) revoke: Box<str>,
    pub(super) sessions: Box<str>,
    pub(super) jwks: Option<(Box<str>, SigningRing)>,
    pub(super) cookie: Option<RefreshCookie>,
    pub(super) origins: Vec<Box<str>>,
    pub(super) max_age: Option<Duration>,
    pub(super) origin: OriginPolicy,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A setting of [`TokenEndpoints`] that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEndpoint(&'static str);

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidEndpoint {}

impl TokenEndpoints {
    /// Endpoints of `service`, whose clients get access tokens from `tokens`.
    ///
    /// They answer at `/auth/refresh`, `/auth/revoke` and `/auth/sessions`, for the tenant `tenant` and, where a request
    /// names none, for `client`. There is no cookie and no key set. Sessions other than one's own are ended by who has signed
    /// in within the last 10 minutes (ASVS 7.5.2). No proxy is believed.
    pub fn new(
        service: RefreshService,
        tokens: impl AccessTokens,
        tenant: TenantId,
        client: ClientId,
    ) -> Self {
        Self(Arc::new(Settings {
            service,
            tokens: Arc::new(tokens),
            client,
            tenant_of: Some(Arc::new(move |_| Some(tenant.clone()))),
            refresh: "/auth/refresh".into(),
            revoke: "/auth/revoke".into(),
            sessions: "/auth/sessions".into(),
            jwks: None,
            cookie: None,
            origins: Vec::new(),
            max_age: Some(Duration::from_secs(600)),
            origin: OriginPolicy::default(),
            audit: Arc::new(TracingSink),
            clock: Arc::new(SystemClock),
        }))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Reads the tenant of a request from its path or host, instead of the one tenant. Requests without are refused.
    pub fn tenant_with<F>(self, f: F) -> Self
    where
        F: Fn(&Parts) -> Option<TenantId> + Send + Sync + 'static,
    {
        self.set(|settings| settings.tenant_of = Some(Arc::new(f)))
    }

    /// Takes the tokens of all tenants, where neither path nor host say which one is meant: whose a token is, is what it says
    /// itself, and nobody but us can make one.
    pub fn all_tenants(self) -> Self {
        self.set(|settings| settings.tenant_of = None)
    }

    /// Sets where refresh tokens are exchanged, where tokens are given back, and where sessions are listed and ended.
    ///
    /// # Errors
    ///
    /// When one is no path, or two endpoints have the same.
    pub fn paths(
        self,
        refresh: &str,
        revoke: &str,
        sessions: &str,
    ) -> Result<Self, InvalidEndpoint> {
        let [refresh, revoke, sessions] = [path(refresh)?, path(revoke)?, path(sessions)?];
        self.set(|settings| {
            let cookie = settings.cookie.as_ref();
            settings.cookie = cookie.map(|cookie| cookie.moved(&refresh));
            settings.refresh = refresh;
            settings.revoke = revoke;
            settings.sessions = sessions;
        })
        .apart()
    }

    /// Serves the public keys of `ring` at `path`, which is `/.well-known/jwks.json` by custom.
    ///
    /// # Errors
    ///
    /// When it is no path, or that of another endpoint.
    pub fn jwks(self, path: &str, ring: SigningRing) -> Result<Self, InvalidEndpoint> {
        let path = self::path(path)?;
        self.set(|settings| settings.jwks = Some((path, ring)))
            .apart()
    }

    fn apart(self) -> Result<Self, InvalidEndpoint> {
        let settings = &self.0;
        let jwks = settings.jwks.as_ref().map(|(path, _)| path);
        let own = [&settings.refresh, &settings.revoke, &settings.sessions];
        let paths: Vec<_> = own.into_iter().chain(jwks).collect();
        let apart = |(index, path)| !paths[..index].contains(path);
        if paths.iter().enumerate().all(apart) {
            Ok(self)
        } else {
            Err(InvalidEndpoint("endpoints must have different paths"))
        }
    }

    /// Takes refresh tokens from cookies as well, and answers those who came with one with the next. `origins` are those of
    /// pages whose browser does not send `Sec-Fetch-Site`: `https://app.example`, without a slash at the end.
    ///
    /// # Errors
    ///
    /// When an origin is no `scheme://host[:port]`.
    pub fn cookie<'o>(
        self,
        scope: CookieScope,
        origins: impl IntoIterator<Item = &'o str>,
    ) -> Result<Self, InvalidEndpoint> {
        let origins = origins.into_iter().map(origin).collect::<Result<_, _>>()?;
        Ok(self.set(|settings| {
            settings.cookie = Some(RefreshCookie::new(scope, &settings.refresh));
            settings.origins = origins;
        }))
    }

    /// The `Set-Cookie` with which a sign-in hands out the first refresh token of a session; none without a
    /// [`cookie`](Self::cookie). Leave the token out of the body then.
    #[must_use]
    pub fn set_cookie(&self, session: &Issued) -> Option<HeaderValue> {
        let age = session.refresh_expires_at().since(self.0.clock.now());
        let token = session.refresh_token().expose_secret();
        self.0.cookie.as_ref()?.set(token, age)
    }

    /// The `Set-Cookie` with which a sign-out takes the refresh token away; none without a [`cookie`](Self::cookie).
    #[must_use]
    pub fn clear_cookie(&self) -> Option<HeaderValue> {
        self.0.cookie.as_ref()?.clear()
    }

    /// Sets how recently somebody must have signed in to end other sessions than their own; none if that does not matter. The
    /// default is 10 minutes (ASVS 7.5.2).
    pub fn max_age(self, max_age: Option<Duration>) -> Self {
        self.set(|settings| settings.max_age = max_age)
    }

    /// Says which proxies may report the client. Counts where no
    /// [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) stands further out.
    pub fn origin(self, origin: OriginPolicy) -> Self {
        self.set(|settings| settings.origin = origin)
    }

    /// Sets where events go; without, they go to `tracing`.
    pub fn audit(self, sink: Arc<dyn AuditSink>) -> Self {
        self.set(|settings| settings.audit = sink)
    }

    /// Sets the clock that lifetimes and the age of a sign-in are told by: that of the service. Without, it is that of the
    /// system.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.set(|settings| settings.clock = clock)
    }
}

/// Where a browser sends the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a cookie has one of two prefixes")]
pub enum CookieScope {
    /// `__Host-rt`: with every request to the host, and nobody but the host can set it.
    Host,
    /// `__Secure-rt`: with requests for the refresh endpoint only, and sibling hosts can set it. The one for revocation does
    /// not get it: who signs out deletes the session.
    Endpoint,
}

fn path(text: &str) -> Result<Box<str>, InvalidEndpoint> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#;\"\\{}".contains(&byte);
    if text.len() > 1 && text.starts_with('/') && !text.ends_with('/') && text.bytes().all(fits) {
        Ok(text.into())
    } else {
        Err(InvalidEndpoint(
            "a path starts with a slash, does not end with one, and has no query",
        ))
    }
}

fn origin(text: &str) -> Result<Box<str>, InvalidEndpoint> {
    let (_, host) = text.split_once("://").unwrap_or_default();
    let scheme = text.starts_with("https://") || text.starts_with("http://");
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"/?#@,\"\\".contains(&byte);
    // Browsers write hosts in lower case, and nothing else would ever be equal.
    if scheme && !host.is_empty() && host.bytes().all(fits) && host == host.to_ascii_lowercase() {
        Ok(text.into())
    } else {
        Err(InvalidEndpoint(
            "an origin is a scheme and a host in lower case, and a port if it is not the usual one",
        ))
    }
}

impl fmt::Debug for TokenEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoints")
            .field("refresh", &self.0.refresh)
            .field("revoke", &self.0.revoke)
            .field("sessions", &self.0.sessions)
            .field("cookie", &self.0.cookie)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_origins_are_read_once() {
        for (text, valid) in [
            ("/a", true),
            ("/api/v1/auth/refresh", true),
            ("/", false),
            ("a", false),
            ("/a/", false),
            ("/a?b", false),
            ("/a;b", false),
            ("/a b", false),
        ] {
            assert_eq!(path(text).is_ok(), valid, "{text}");
        }
        for (text, valid) in [
            ("https://app.example", true),
            ("http://127.0.0.1:8080", true),
            ("https://[::1]:8443", true),
            ("https://App.example", false),
            ("https://app.example/", false),
            ("https://", false),
            ("app.example", false),
            ("ftp://app.example", false),
            ("https://user@app.example", false),
        ] {
            assert_eq!(origin(text).is_ok(), valid, "{text}");
        }
    }
}
