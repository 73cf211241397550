//! Tokens for a token, and the end of one.

use http::StatusCode;
use http::header::SET_COOKIE;
use http::request::Parts;
use portcullis_auth_core::audit::{Event, EventKind};
use portcullis_auth_core::id::{ClientId, TenantId};
use portcullis_auth_core::refresh::{Issued, RefreshErrorKind, RefreshRequest, RevokeReason};
use portcullis_auth_core::roles::Scopes;
use portcullis_secrets::SecretString;
use serde::Serialize;

use super::cookie::RefreshCookie;
use super::endpoint::{Done, Refused, empty, json};
use super::error::{Fault, RETRY, Wrong};
use super::form::Form;
use super::settings::Settings;
use super::{AccessToken, site};

/// A refresh token, and whether the browser brought it by itself.
struct Token {
    text: SecretString,
    from_cookie: bool,
}

impl Token {
    /// If it is spent, a browser that brought it by itself forgets it. Nobody else's cookie is touched.
    fn refused(&self, spent: bool, fault: Fault) -> Refused {
        if spent && self.from_cookie {
            Refused::Cookie(fault)
        } else {
            Refused::Fault(fault)
        }
    }

    fn request<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
        client: &'a ClientId,
    ) -> RefreshRequest<'a> {
        let token = self.text.expose_secret();
        match tenant {
            Some(tenant) => RefreshRequest::new(token, tenant, client),
            None => RefreshRequest::of_any_tenant(token, client),
        }
    }
}

impl Settings {
    /// The tenant of a request; none if it is up to its token.
    fn tenant(&self, parts: &Parts) -> Result<Option<TenantId>, Fault> {
        match &self.tenant_of {
            Some(tenant_of) => tenant_of(parts).map(Some).ok_or(Fault::InvalidGrant),
            None => Ok(None),
        }
    }

    fn client(&self, form: &Form) -> Result<ClientId, Fault> {
        match form.get("client_id") {
            Some(id) => id
                .parse()
                .map_err(|_| Wrong::one("client_id", "it is no id")),
            None => Ok(self.client.clone()),
        }
    }

    /// The one token of a request. One in a cookie counts on requests of our own pages only: see [`site::is_own`].
    fn token(&self, parts: &Parts, in_body: Option<SecretString>) -> Result<Option<Token>, Fault> {
        let in_cookie = match &self.cookie {
            Some(cookie) => cookie
                .read(&parts.headers)
                .map_err(|_| Fault::SeveralTokens)?,
            None => None,
        };
        let (text, from_cookie) = match (in_body, in_cookie) {
            (Some(_), Some(_)) => return Err(Fault::SeveralTokens),
            (Some(token), None) => (token, false),
            (None, Some(token)) => (SecretString::from(token.into_owned()), true),
            (None, None) => return Ok(None),
        };
        if from_cookie && !site::is_own(&parts.headers, &self.origins) {
            let event = Event::new(EventKind::MaliciousCsrf, self.clock.now());
            self.audit.record(&event.context(&self.context(parts)));
            return Err(Fault::ForeignSite);
        }
        Ok(Some(Token { text, from_cookie }))
    }

    pub(super) async fn refresh(&self, parts: &Parts, mut form: Form) -> Done {
        if form
            .get("grant_type")
            .is_some_and(|grant| grant != "refresh_token")
        {
            return Err(Fault::Grant.into());
        }
        let (tenant, client) = (self.tenant(parts)?, self.client(&form)?);
        let scopes: Option<Scopes> = match form.get("scope") {
            Some(scopes) => Some(scopes.parse().map_err(|_| Fault::Scope)?),
            None => None,
        };
        let token = self.token(parts, form.take("refresh_token"))?;
        let token = token.ok_or_else(|| missing("refresh_token"))?;
        let context = self.context(parts);
        let mut request = token.request(tenant.as_ref(), &client);
        if let Some(scopes) = &scopes {
            request = request.scopes(scopes);
        }
        let issued = match self.service.refresh(&request, &context).await {
            Ok(issued) => issued,
            Err(error) => {
                // One of another client or tenant is good where it belongs.
                let kind = error.kind();
                let spent = kind.is_invalid_grant() && kind != RefreshErrorKind::ClientMismatch;
                return Err(token.refused(spent, error.into()));
            }
        };
        match self.tokens.issue(&issued).await? {
            Some(access) => self.granted(&issued, &access, token.from_cookie),
            None => {
                let (subject, session) = (issued.subject(), issued.session());
                let reason = RevokeReason::Administrator;
                let ended = self
                    .service
                    .end(issued.tenant(), subject, session, reason, &context);
                ended.await?;
                Err(token.refused(true, Fault::InvalidGrant))
            }
        }
    }

    fn granted(&self, issued: &Issued, access: &AccessToken, by_cookie: bool) -> Done {
        let now = self.clock.now();
        let refresh_expires_in = issued.refresh_expires_at().since(now);
        let refresh_token = issued.refresh_token().expose_secret();
        let grant = Grant {
            access_token: access.token.expose_secret(),
            token_type: "Bearer",
            expires_in: access.lifetime.as_secs(),
            refresh_token: (!by_cookie).then_some(refresh_token),
            // Rounded up: it was stored a moment ago.
            refresh_expires_in: refresh_expires_in.as_secs()
                + u64::from(refresh_expires_in.subsec_nanos() > 0),
            session_id: issued.session().to_string(),
            scope: Some(issued.scopes().as_str()).filter(|scope| !scope.is_empty()),
        };
        let mut response = json(StatusCode::OK, &grant);
        if by_cookie {
            let cookie = self.cookie.as_ref();
            let cookie = cookie.and_then(|cookie| cookie.set(refresh_token, refresh_expires_in));
            let cookie = cookie.ok_or(Fault::Unavailable(RETRY))?;
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    pub(super) async fn revoke(&self, parts: &Parts, mut form: Form) -> Done {
        let (tenant, client) = (self.tenant(parts)?, self.client(&form)?);
        let token = match (form.take("token"), form.take("refresh_token")) {
            // One of them would live on.
            (Some(_), Some(_)) => return Err(Fault::SeveralTokens.into()),
            (token, other) => self.token(parts, token.or(other))?,
        };
        let token = token.ok_or_else(|| missing("token"))?;
        let context = self.context(parts);
        let request = token.request(tenant.as_ref(), &client);
        let ended = self.service.revoke(&request, &context).await?;
        if ended.is_none()
            && let Some(of) = self.tokens.session_of(token.text.expose_secret())
            && of.client == client
            && tenant.is_none_or(|tenant| of.tenant == tenant)
        {
            let (session, reason) = (of.session, RevokeReason::Token);
            let ended = self
                .service
                .end(&of.tenant, &of.subject, session, reason, &context);
            ended.await?;
        }
        // The same for every token, also for one that never was (RFC 7009 2.2).
        let mut response = empty(StatusCode::OK);
        if let Some(cookie) = self.cookie.as_ref().and_then(RefreshCookie::clear)
            && token.from_cookie
        {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

fn missing(name: &str) -> Fault {
    Wrong::one(name, "it is missing")
}

/// The answer of RFC 6749 5.1.
#[derive(Serialize)]
struct Grant<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    refresh_expires_in: u64,
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}
