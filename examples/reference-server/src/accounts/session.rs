//! The tokens of a session.

use portcullis_auth_core::jwt::{IssueError, IssuedToken, NewToken, TokenKind};
use portcullis_auth_core::refresh::Issued;
use portcullis_auth_core::store::{Answer, StoreError, StoreErrorKind};
use portcullis_security_layers::token_endpoints::{
    AccessToken, AccessTokens, CookieScope, InvalidEndpoint, TokenEndpoints, TokenSession,
};

use super::Accounts;
use crate::settings::DEFAULT_TENANT;
use crate::stack::Error;
use crate::store::User;

/// Where refresh tokens are exchanged, by clients that know OAuth as well.
pub(crate) const REFRESH: &str = "/api/v1/auth/refresh";
/// Where they are given back.
pub(crate) const REVOKE: &str = "/api/v1/auth/revoke";

/// A session that has begun, and the access token beside it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) issued: Issued,
    pub(crate) access: IssuedToken,
    /// It is good for little until its owner has chosen another password.
    pub(crate) must_change: bool,
}

impl Accounts {
    /// Signs an access token for a session, with the roles that its owner has now.
    pub(super) fn sign(&self, issued: &Issued, user: &User) -> Result<IssuedToken, IssueError> {
        let token = NewToken::access(
            issued.subject(),
            issued.tenant(),
            issued.client(),
            issued.session(),
        )
        .roles(user.roles_in_sessions().iter().map(String::as_str))
        .amr(issued.amr().iter())
        .auth_time(issued.auth_time())
        .epoch(issued.epoch());
        let access = self.issuer.issue(&token, self.now())?;
        self.numbers.token_issued();
        Ok(access)
    }

    /// What clients do with their sessions: refresh them, give tokens back, list and end them; and the keys of access tokens.
    pub(crate) fn token_endpoints(&self) -> Result<TokenEndpoints, Error> {
        let tenant = DEFAULT_TENANT.parse()?;
        let ring = self.issuer.ring(TokenKind::Access).cloned();
        let ring = ring.ok_or("there is no key for access tokens")?;
        let endpoints = TokenEndpoints::new(
            self.refresh.clone(),
            self.clone(),
            tenant,
            self.client.clone(),
        )
        .all_tenants()
        .paths(REFRESH, REVOKE, "/api/v1/sessions")?
        .jwks("/.well-known/jwks.json", ring)?
        .audit(self.sink());
        Ok(self.with_cookie(endpoints)?)
    }

    /// Browsers that say nothing of where a request comes from are believed on pages of our own name.
    fn with_cookie(&self, endpoints: TokenEndpoints) -> Result<TokenEndpoints, InvalidEndpoint> {
        endpoints.cookie(CookieScope::Host, [self.issuer.name()])
    }
}

impl AccessTokens for Accounts {
    fn issuer(&self) -> &str {
        self.issuer.name()
    }

    fn issue<'a>(&'a self, session: &'a Issued) -> Answer<'a, Option<AccessToken>> {
        Box::pin(async move {
            let user = self.store.user(session.tenant(), session.subject()).await?;
            let Some(user) = user.filter(User::is_enabled) else {
                return Ok(None);
            };
            let access = self
                .sign(session, &user)
                .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
            Ok(Some(AccessToken {
                token: access.token,
                lifetime: self.issuer.lifetime(TokenKind::Access),
            }))
        })
    }

    fn session_of(&self, token: &str) -> Option<TokenSession> {
        let token = self.verifier.verify(token, self.now()).ok()?;
        let claims = token.claims();
        Some(TokenSession {
            tenant: claims.tenant()?.parse().ok()?,
            subject: claims.subject().parse().ok()?,
            client: claims.client()?.parse().ok()?,
            session: claims.session()?,
        })
    }
}
