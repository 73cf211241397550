use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ORIGIN, SET_COOKIE, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::SessionId;
use portcullis_layer_core::endpoint::{Endpoint, is_read, method_not_allowed};
use portcullis_layer_core::refusal::{Caller, Reason};
use serde::Serialize;
use tokio::runtime::Handle;
use tracing::Instrument as _;

use super::cookie::RefreshCookie;
use super::error::{Fault, RETRY};
use super::form::{self, Form, is_pairs};
use super::settings::Settings;
use super::{TokenEndpoints, site};
use crate::auth::{AuthRefusedKind, Knock, refusal};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Far more than any token and what stands around it.
const MAX_BODY: usize = 16 * 1024;

/// What becomes of a request that one of the endpoints owns.
pub(super) type Done = Result<Response<Bytes>, Refused>;

/// An answer other than what was asked for.
pub(super) enum Refused {
    Fault(Fault),
    /// As the layers of the stack would have said.
    Auth(AuthRefusedKind),
    /// The token in the cookie is good for nothing, and goes.
    Cookie(Fault),
}

impl<E: Into<Fault>> From<E> for Refused {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    Refresh,
    Revoke,
    Sessions,
    Session(SessionId),
    /// Below the list of sessions, and no id of one.
    NoSession,
    Jwks,
}

impl<B> Endpoint<B> for TokenEndpoints
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

    fn owns(&self, path: &str) -> bool {
        self.0.route(path).is_some()
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        let settings = Arc::clone(&self.0);
        Box::pin(async move {
            let caller = Caller::of(&request);
            let Some(route) = settings.route(request.uri().path()) else {
                return Fault::NoSession.refusal().into_response(&caller);
            };
            let (parts, body) = request.into_parts();
            if !route.takes(&parts.method) {
                return method_not_allowed(route.methods(), &caller);
            }
            let form = match route {
                Route::Refresh => read(&parts, body, form::REFRESH).await,
                Route::Revoke => read(&parts, body, form::REVOKE).await,
                _ => Ok(Form::default()),
            };
            let changes = !is_read(&parts.method);
            let response = async move { settings.respond(route, &parts, form, &caller).await };
            if changes {
                to_the_end(response).await
            } else {
                response.await
            }
        })
    }
}

/// Does what was begun, also when the client hangs up meanwhile: a session that ends must not keep its access tokens, and
/// whoever presents a stolen token must not keep that from the audit trail.
async fn to_the_end(
    response: impl Future<Output = Response<Bytes>> + Send + 'static,
) -> Response<Bytes> {
    let Ok(runtime) = Handle::try_current() else {
        return response.await;
    };
    match runtime.spawn(response.in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime shuts down.
            Err(_) => Fault::Unavailable(RETRY).response(&Caller::default(), false),
        },
    }
}

impl Route {
    fn methods(&self) -> &'static str {
        match self {
            Self::Refresh | Self::Revoke => "POST",
            Self::Sessions | Self::Session(_) | Self::NoSession => "GET, HEAD, DELETE",
            Self::Jwks => "GET, HEAD",
        }
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|known| method == known)
    }
}

/// Reads the body of a request for tokens.
async fn read<B>(parts: &Parts, body: B, known: &'static [&'static str]) -> Result<Form, Fault>
where
    B: Body<Error: Into<BoxError>>,
{
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Fault::TooLarge
        } else {
            Fault::Unfinished
        }
    })?;
    Form::read(&parts.headers, &body.to_bytes(), known)
}

impl Settings {
    async fn respond(
        &self,
        route: Route,
        parts: &Parts,
        form: Result<Form, Fault>,
        caller: &Caller,
    ) -> Response<Bytes> {
        let done = match (route, form) {
            (_, Err(fault)) => Err(fault.into()),
            (Route::Refresh, Ok(form)) => self.refresh(parts, form).await,
            (Route::Revoke, Ok(form)) => self.revoke(parts, form).await,
            (Route::Sessions, _) if is_read(&parts.method) => self.list(parts).await,
            (Route::Sessions, _) => self.end_others(parts).await,
            (Route::Session(id), _) if is_read(&parts.method) => self.show(parts, id).await,
            (Route::Session(id), _) => self.end(parts, id).await,
            (Route::NoSession, _) => Err(Fault::NoSession.into()),
            // The one answer that caches may keep.
            (Route::Jwks, _) => return self.key_set(parts),
        };
        let said = |fault: Fault| fault.response(caller, is_pairs(&parts.headers));
        let mut response = match done {
            Ok(response) => response,
            Err(Refused::Fault(fault)) => said(fault),
            Err(Refused::Auth(kind)) => refusal(kind, &parts.extensions).into_response(caller),
            Err(Refused::Cookie(fault)) => {
                let mut response = said(fault);
                let cleared = self.cookie.as_ref().and_then(RefreshCookie::clear);
                if let Some(cookie) = cleared {
                    response.headers_mut().insert(SET_COOKIE, cookie);
                }
                response
            }
        };
        keep_out_of_caches(&mut response);
        response
    }

    fn route(&self, path: &str) -> Option<Route> {
        if path == &*self.refresh {
            return Some(Route::Refresh);
        }
        if path == &*self.revoke {
            return Some(Route::Revoke);
        }
        if let Some((jwks, _)) = &self.jwks
            && path == &**jwks
        {
            return Some(Route::Jwks);
        }
        let below = path.strip_prefix(&*self.sessions)?;
        match below.strip_prefix('/') {
            Some(id) => Some(id.parse().map_or(Route::NoSession, Route::Session)),
            None => below.is_empty().then_some(Route::Sessions),
        }
    }

    pub(super) fn context(&self, parts: &Parts) -> Context {
        Knock::new(parts.into(), &self.origin).context()
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Texts and numbers: there is nothing that JSON cannot hold.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn keep_out_of_caches(response: &mut Response<Bytes>) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(VARY, HeaderValue::from(site::SEC_FETCH_SITE));
    headers.append(VARY, HeaderValue::from(ORIGIN));
}
