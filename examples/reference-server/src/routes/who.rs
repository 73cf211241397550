//! Whom a request comes from, for handlers behind the layer that found it out.

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{COOKIE, USER_AGENT};
use http::request::Parts;
use http::{Extensions, HeaderMap};
use portcullis_auth_core::audit::{self, Actor};
use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::password::Account;
use portcullis_auth_core::principal::Credential;
use portcullis_auth_core::time::Timestamp;
use portcullis_layer_core::origin::RequestOrigin;
use portcullis_layer_core::request_id::RequestId;
use portcullis_security_layers::auth::Authenticated;

use crate::problem::Problem;

/// Whom the request comes from, by whatever credential.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) principal: Authenticated,
    pub(crate) account: Account,
}

/// Somebody who has signed in: no API key.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) principal: Authenticated,
    pub(crate) account: Account,
    pub(crate) session: SessionId,
    /// When they showed who they are.
    pub(crate) at: Timestamp,
}

/// From where a request comes, for events.
#[derive(Clone, Debug)]
pub(crate) struct Context(pub(crate) audit::Context);

impl Who {
    pub(super) fn of(extensions: &Extensions) -> Result<Self, Problem> {
        let principal = extensions.get::<Authenticated>();
        let found = principal.and_then(|principal| {
            let account = Account {
                tenant: principal.tenant_ref()?.clone(),
                subject: principal.subject_ref().clone(),
            };
            let principal = principal.clone();
            Some(Self { principal, account })
        });
        // A route without the layer, or a token without a tenant: ours have one.
        found.ok_or_else(|| Problem::failed("nobody is known to have sent the request"))
    }

    /// As events name them, where they did something to somebody else.
    pub(crate) fn actor(&self) -> Actor {
        match self.principal.credential_ref() {
            Credential::ApiKey(id) => Actor::ApiKey(id.clone()),
            _ => Actor::User(self.account.subject.clone()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
    }
}

impl SignedIn {
    fn of(extensions: &Extensions) -> Result<Self, Problem> {
        let Who { principal, account } = Who::of(extensions)?;
        let session = (principal.session_ref(), principal.auth_time_ref());
        let (Some(session), Some(at)) = session else {
            return Err(Problem::session_required().into());
        };
        Ok(Self {
            principal,
            account,
            session,
            at,
        })
    }
}

/// Turns API keys away from what takes somebody who has signed in, whatever else would be wrong about the request.
pub(super) async fn signed_in(request: Request, next: Next) -> Result<Response, Problem> {
    SignedIn::of(request.extensions())?;
    Ok(next.run(request).await)
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, std::convert::Infallible> {
        let mut context = audit::Context::default();
        let origin = parts.extensions.get::<RequestOrigin>();
        if let Some(ip) = origin.and_then(|origin| origin.client_ip) {
            context = context.ip(ip);
        }
        if let Some(agent) = parts.headers.get(USER_AGENT) {
            context = context.user_agent(&shown(agent.as_bytes()));
        }
        if let Some(id) = parts.extensions.get::<RequestId>() {
            context = context.request_id(&shown(id.as_str().as_bytes()));
        }
        Ok(Self(context))
    }
}

// Rows of the audit trail are read by others than the log.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    crate::redaction::redactor().redact(&text).into_owned()
}

/// The value of a cookie. Of several of one name, which a sibling domain can plant, none is believed.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::cookie;

    #[test]
    fn a_cookie_is_found_if_there_is_one_of_its_name() {
        let found = |lines: &[&'static str]| {
            let headers = lines.iter().map(|line| {
                let value = http::HeaderValue::from_static(line);
                (http::header::COOKIE, value)
            });
            let headers = headers.collect::<http::HeaderMap>();
            cookie(&headers, "__Host-dev").map(ToOwned::to_owned)
        };
        let x = Some("x=1".to_owned());
        assert_eq!(found(&["a=b; __Host-dev=x=1; c=d"]), x);
        assert_eq!(found(&["a=b", "__Host-dev=x=1"]), x);
        assert_eq!(found(&["__host-dev=x; __Host-device=y"]), None);
        assert_eq!(found(&["__Host-dev=x; __Host-dev=y"]), None);
        assert_eq!(found(&[]), None);
    }
}
