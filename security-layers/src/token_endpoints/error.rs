use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use portcullis_auth_core::refresh::{RefreshError, RefreshErrorKind};
use portcullis_auth_core::store::StoreError;
use portcullis_layer_core::refusal::{Caller, Reason, Refusal};

/// Why an endpoint did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The body or a parameter cannot be read, or is missing.
    Malformed,
    /// There is a token in the body and one in the cookie, or several.
    SeveralTokens,
    /// Another grant than a refresh.
    Grant,
    MediaType,
    TooLarge,
    /// The body ended early.
    Unfinished,
    /// A request with a cookie, from a page that is not ours.
    ForeignSite,
    /// The token is good for nothing (any more).
    InvalidGrant,
    Scope,
    TooMany,
    NoSession,
    Unavailable(Duration),
}

/// How long a client waits if nobody says.
pub(super) const RETRY: Duration = Duration::from_secs(1);

impl Fault {
    /// The answer to `caller`. Who sent the form of RFC 6749 reads its section 5.2: a status of 400, and the media type
    /// `application/json`, as which a problem can be read as well.
    pub(super) fn response(&self, caller: &Caller, of_form: bool) -> Response<Bytes> {
        if !of_form {
            return self.refusal().into_response(caller);
        }
        let refusal = match self {
            Self::InvalidGrant => invalid_grant(StatusCode::BAD_REQUEST),
            other => other.refusal(),
        };
        let mut response = refusal.into_response(caller);
        let media_type = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }
}

impl From<RefreshError> for Fault {
    fn from(error: RefreshError) -> Self {
        match error.kind() {
            kind if kind.is_invalid_grant() => Self::InvalidGrant,
            RefreshErrorKind::ScopeExceeded => Self::Scope,
            RefreshErrorKind::TooMany => Self::TooMany,
            _ => {
                tracing::error!(%error, cause = cause(&error), "a refresh token could not be checked");
                Self::Unavailable(error.retry_after().unwrap_or(RETRY))
            }
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, cause = cause(&error), "a session could not be read or changed");
        Self::Unavailable(error.retry_after().unwrap_or(RETRY))
    }
}

fn cause(error: &dyn std::error::Error) -> Option<String> {
    error.source().map(ToString::to_string)
}

macro_rules! problem {
    ($status:ident, $slug:literal, $title:literal) => {
        Refusal::new(
            StatusCode::$status,
            concat!("urn:problem-type:portcullis:", $slug),
            $title,
        )
    };
}

impl Reason for Fault {
    /// A problem with the member `error` of RFC 6749 5.2, where it has a word for the fault.
    fn refusal(&self) -> Refusal {
        match self {
            Self::Malformed => {
                problem!(BAD_REQUEST, "invalid-request", "the request cannot be read")
                    .member("error", "invalid_request")
            }
            Self::SeveralTokens => {
                problem!(BAD_REQUEST, "invalid-request", "the request cannot be read")
                    .detail("send one token: in the cookie or in the body")
                    .member("error", "invalid_request")
            }
            Self::Grant => problem!(
                BAD_REQUEST,
                "unsupported-grant",
                "there is no such grant here"
            )
            .member("error", "unsupported_grant_type"),
            Self::Scope => problem!(
                BAD_REQUEST,
                "invalid-scope",
                "the session does not have this scope"
            )
            .member("error", "invalid_scope"),
            Self::MediaType => problem!(
                UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "the content type is not supported"
            )
            .detail("send application/json or application/x-www-form-urlencoded"),
            Self::TooLarge => {
                problem!(PAYLOAD_TOO_LARGE, "body-too-large", "the body is too large")
            }
            Self::Unfinished => problem!(BAD_REQUEST, "unreadable-body", "the body ended early"),
            Self::ForeignSite => problem!(
                FORBIDDEN,
                "cross-site-request",
                "the cookie counts only on requests of the service's own pages"
            ),
            // RFC 9110 15.5.2 asks for a challenge, and some clients cannot read a 401 without one.
            Self::InvalidGrant => invalid_grant(StatusCode::UNAUTHORIZED).header(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"session\""),
            ),
            Self::NoSession => problem!(NOT_FOUND, "no-such-session", "there is no such session"),
            Self::TooMany => later(
                problem!(
                    TOO_MANY_REQUESTS,
                    "too-many-attempts",
                    "the token came too often"
                ),
                RETRY,
            ),
            Self::Unavailable(after) => later(
                problem!(
                    SERVICE_UNAVAILABLE,
                    "unavailable",
                    "sessions cannot be read at the moment"
                ),
                *after,
            ),
        }
    }
}

fn invalid_grant(status: StatusCode) -> Refusal {
    Refusal::new(
        status,
        "urn:problem-type:portcullis:invalid-grant",
        "the refresh token is not valid",
    )
    .detail("sign in again")
    .member("error", "invalid_grant")
}

fn later(refusal: Refusal, after: Duration) -> Refusal {
    let seconds = after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0));
    refusal.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
}
