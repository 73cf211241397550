//! Every error answer of the API: one problem type per cause, `application/problem+json` (RFC 9457).

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use portcullis_auth_core::store as auth;
use portcullis_auth_core::totp::{TotpError, TotpErrorKind};
use portcullis_layer_core::refusal::{Caller, Refusal};
use portcullis_layer_core::request_id::RequestId;

use crate::accounts::SignInError;
use crate::domain::document::Malformed;
use crate::domain::etag::{ETag, Stop, Unreadable};
use crate::domain::name::{self, NotAName};
use crate::domain::page::BadParameter;
use crate::store::StoreError;

/// An error answer, before it knows the request that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    refusal: Box<Refusal>,
    /// What failed on our side: for the log, never for the caller.
    cause: Option<String>,
}

macro_rules! problem_types {
    ($($name:ident = $status:ident, $slug:literal, $title:literal;)+) => {
        impl Problem {
            $(pub(crate) fn $name() -> Refusal {
                let slug = concat!("urn:problem-type:portcullis:", $slug);
                Refusal::new(StatusCode::$status, slug, $title)
            })+
        }

        /// All of them, for the test that finds them described.
        #[cfg(test)]
        const OWN: &[(&str, StatusCode)] = &[$(($slug, StatusCode::$status)),+];
    };
}

problem_types! {
    malformed_json = BAD_REQUEST, "malformed-json", "the body is not the JSON that is accepted here";
    unreadable_body = BAD_REQUEST, "unreadable-body", "the body ended early";
    invalid_name = BAD_REQUEST, "invalid-name", "the path holds a name that nothing can have";
    invalid_query = BAD_REQUEST, "invalid-query", "a query parameter cannot be used";
    invalid_precondition = BAD_REQUEST, "invalid-precondition", "a condition of the request cannot be read";
    no_such_resource = NOT_FOUND, "no-such-resource", "there is no such resource";
    invalid_credentials = UNAUTHORIZED, "invalid-credentials", "the e-mail address, the password or the code is wrong";
    invalid_code = UNAUTHORIZED, "invalid-code", "the code is wrong, or was asked for too long ago";
    wrong_password = FORBIDDEN, "wrong-password", "the current password is wrong";
    registration_closed = FORBIDDEN, "registration-closed", "accounts are made by others here";
    session_required = FORBIDDEN, "session-required", "this takes somebody who has signed in, and no API key";
    beyond_own_rights = FORBIDDEN, "beyond-own-rights", "nobody can give away what they do not have";
    second_factor_frozen = FORBIDDEN, "second-factor-frozen", "there were too many wrong codes in a row; use a recovery code";
    not_found = NOT_FOUND, "not-found", "there is nothing at this path";
    method_not_allowed = METHOD_NOT_ALLOWED, "method-not-allowed", "the method is not allowed for this path";
    project_exists = CONFLICT, "project-exists", "a project of this name exists";
    project_not_empty = CONFLICT, "project-not-empty", "the project has configurations";
    last_admin = CONFLICT, "last-admin", "the tenant would have no administrator";
    password_changed = CONFLICT, "password-changed", "the password was changed in the meantime";
    too_many_api_keys = CONFLICT, "too-many-api-keys", "there are as many API keys as there may be";
    api_key_ended = CONFLICT, "api-key-ended", "the API key has ended or has a successor";
    too_many_factors = CONFLICT, "too-many-factors", "there are as many second factors as there may be";
    contended = CONFLICT, "contended", "too many others write to this configuration";
    precondition_failed = PRECONDITION_FAILED, "precondition-failed", "the resource is not in the state that the request names";
    precondition_required = PRECONDITION_REQUIRED, "precondition-required", "a change has to name the state that it changes";
    invalid_request = UNPROCESSABLE_ENTITY, "invalid-request", "the request's content breaks a rule";
    invalid_schema = UNPROCESSABLE_ENTITY, "invalid-schema", "the schema cannot be used";
    schema_violation = UNPROCESSABLE_ENTITY, "schema-violation", "the document violates its schema";
    schema_too_costly = UNPROCESSABLE_ENTITY, "schema-too-costly", "checking the document against its schema would take too long";
    too_many_attempts = TOO_MANY_REQUESTS, "too-many-attempts", "there were too many attempts";
    internal = INTERNAL_SERVER_ERROR, "internal", "the server failed";
    unavailable = SERVICE_UNAVAILABLE, "unavailable", "the database is busy";
}

impl Problem {
    pub(crate) fn missing(what: &'static str) -> Refusal {
        Self::no_such_resource().detail(what)
    }

    /// A request that must not happen in the present state, which `current` names.
    pub(crate) fn stopped(stop: Stop, current: Option<&ETag>) -> Refusal {
        let refusal = match stop {
            Stop::Failed => Self::precondition_failed(),
            Stop::Required => Self::precondition_required()
                .detail("send the ETag of what is to be replaced as If-Match"),
        };
        match current {
            Some(etag) => refusal.header(ETAG, etag.header_value()),
            None => refusal,
        }
    }

    /// A failure of ours. Its cause is logged when it is known which request it failed.
    pub(crate) fn failed(cause: impl fmt::Display) -> Self {
        Self::caused(Self::internal(), cause)
    }

    /// A failure that may be over soon, of a part that accounts depend on.
    pub(crate) fn unavailable_for(retry_after: Option<Duration>, cause: impl fmt::Display) -> Self {
        match retry_after {
            Some(after) => {
                let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                let header = HeaderValue::from(seconds.max(1));
                Self::caused(Self::unavailable().header(RETRY_AFTER, header), cause)
            }
            None => Self::failed(cause),
        }
    }

    /// Credentials that are wrong, answered with the challenge that RFC 9110 15.5.2 asks for.
    pub(crate) fn challenged(refusal: Refusal) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"api\"");
        refusal.header(WWW_AUTHENTICATE, challenge).into()
    }

    fn caused(refusal: Refusal, cause: impl fmt::Display) -> Self {
        Self {
            refusal: Box::new(refusal),
            cause: Some(cause.to_string()),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal: Box::new(refusal),
            cause: None,
        }
    }
}

impl From<Malformed> for Problem {
    fn from(fault: Malformed) -> Self {
        Self::malformed_json()
            .detail(fault.detail)
            .member("line", fault.line)
            .member("column", fault.column)
            .into()
    }
}

impl From<NotAName> for Problem {
    fn from(_: NotAName) -> Self {
        Self::invalid_name().detail(name::RULE).into()
    }
}

impl From<BadParameter> for Problem {
    fn from(bad: BadParameter) -> Self {
        Self::invalid_query()
            .detail(bad.detail)
            .member("parameter", bad.parameter)
            .into()
    }
}

impl From<Unreadable> for Problem {
    fn from(Unreadable(header): Unreadable) -> Self {
        Self::invalid_precondition()
            .detail("entity tags stand in quotes, with commas between them, or it is `*`")
            .member("header", header.as_str())
            .into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(cause) => {
                let soon = HeaderValue::from_static("1");
                Self::caused(Self::unavailable().header(RETRY_AFTER, soon), cause)
            }
            StoreError::Broken(cause) => Self::failed(cause),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Wrong => Self::challenged(Self::invalid_credentials()),
            SignInError::WrongCode => Self::challenged(Self::invalid_code()),
            SignInError::Limited(seconds) => {
                let after = HeaderValue::from(seconds);
                Self::too_many_attempts().header(RETRY_AFTER, after).into()
            }
            SignInError::Frozen => Self::second_factor_frozen().into(),
            SignInError::Unavailable { retry_after, cause } => {
                Self::unavailable_for(retry_after, cause)
            }
        }
    }
}

/// Of a service around accounts.
impl From<auth::StoreError> for Problem {
    fn from(error: auth::StoreError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let cause = format!("{error}: {}", cause.unwrap_or_default());
        Self::unavailable_for(error.retry_after(), cause)
    }
}

impl From<TotpError> for Problem {
    fn from(error: TotpError) -> Self {
        match error.kind() {
            TotpErrorKind::TooManyFactors => Self::too_many_factors().into(),
            TotpErrorKind::UnknownFactor => Self::missing("there is no such second factor").into(),
            _ => SignInError::from(error).into(),
        }
    }
}

impl IntoResponse for Problem {
    /// Leaves the problem for [`answer`], which has the request at hand.
    fn into_response(self) -> Response {
        let mut response = self.refusal.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives the problems of the routes inside their final form. Goes around the whole router.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    let caller = Caller::of(&request);
    let mut response = next.run(request).await;
    let Some(Problem { refusal, cause }) = response.extensions_mut().remove() else {
        return response;
    };
    if let Some(cause) = cause {
        let request_id = caller.request_id().map(RequestId::as_str);
        tracing::error!(request_id, cause, "a request failed");
    }
    let (mut parts, body) = refusal.into_response(&caller).into_parts();
    // What the router added stays, such as the `Allow` of a 405; the body it describes does not.
    for (name, value) in response.headers() {
        if name != CONTENT_LENGTH {
            parts.headers.append(name, value.clone());
        }
    }
    Response::from_parts(parts, Body::from(body))
}

pub(crate) async fn no_such_route() -> Problem {
    Problem::not_found().into()
}

pub(crate) async fn no_such_method() -> Problem {
    Problem::method_not_allowed().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    /// What the layers around the routes answer; the tests over sockets know all answers, and miss what is not here.
    const OF_LAYERS: &[(&str, StatusCode)] = &[
        ("authentication-required", StatusCode::UNAUTHORIZED),
        (
            "authentication-unavailable",
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE),
        ("body-too-slow", StatusCode::REQUEST_TIMEOUT),
        ("credential-address-refused", StatusCode::FORBIDDEN),
        ("credential-in-url", StatusCode::BAD_REQUEST),
        ("cross-site-request", StatusCode::FORBIDDEN),
        (
            "header-fields-too-large",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
        ("https-required", StatusCode::FORBIDDEN),
        ("insufficient-rights", StatusCode::FORBIDDEN),
        ("internal-error", StatusCode::INTERNAL_SERVER_ERROR),
        ("invalid-grant", StatusCode::UNAUTHORIZED),
        ("invalid-host", StatusCode::BAD_REQUEST),
        ("invalid-scope", StatusCode::BAD_REQUEST),
        ("invalid-token", StatusCode::UNAUTHORIZED),
        ("malformed-credentials", StatusCode::BAD_REQUEST),
        ("no-such-session", StatusCode::NOT_FOUND),
        ("quota-exceeded", StatusCode::TOO_MANY_REQUESTS),
        ("several-tokens", StatusCode::BAD_REQUEST),
        ("step-up-required", StatusCode::UNAUTHORIZED),
        (
            "too-many-header-fields",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ),
        ("unknown-host", StatusCode::MISDIRECTED_REQUEST),
        (
            "unsupported-content-type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("unsupported-grant", StatusCode::BAD_REQUEST),
        ("uri-too-long", StatusCode::URI_TOO_LONG),
    ];

    #[test]
    fn every_type_has_one_status_and_stands_in_the_readme_and_in_the_description() {
        let mut types = BTreeMap::new();
        for (slug, status) in OWN.iter().chain(OF_LAYERS) {
            let twice = types.insert((*slug).to_owned(), status.as_u16());
            assert_eq!(twice, None, "{slug}");
        }

        let readme = include_str!("../README.md");
        let (_, table) = readme
            .split_once("| Type | Status | |\n|---|---|---|\n")
            .unwrap();
        let mut described = BTreeMap::new();
        for row in table.lines().take_while(|line| line.starts_with('|')) {
            let mut cells = row.split('|').skip(1).map(str::trim);
            let (slugs, status) = (cells.next().unwrap(), cells.next().unwrap());
            for slug in slugs.split(", ") {
                let slug = slug.trim_matches('`').to_owned();
                let twice = described.insert(slug, status.parse().unwrap());
                assert_eq!(twice, None, "{row}");
            }
        }
        assert_eq!(described, types);

        let api: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
        let named =
            api["components"]["schemas"]["Problem"]["properties"]["type"]["enum"].as_array();
        let named = named.unwrap().iter().map(|uri| {
            let uri = uri.as_str().unwrap();
            let start = uri.rfind([':', '#']).unwrap() + 1;
            let known = [
                "urn:problem-type:portcullis:",
                "https://iana.org/assignments/http-problem-types#",
            ];
            assert!(known.contains(&&uri[..start]), "{uri}");
            &uri[start..]
        });
        assert_eq!(named.collect::<Vec<_>>(), types.keys().collect::<Vec<_>>());
    }
}
