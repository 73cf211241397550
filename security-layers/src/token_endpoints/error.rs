use std::time::Duration;

use bytes::Bytes;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use portcullis_auth_core::refresh::{RefreshError, RefreshErrorKind};
use portcullis_auth_core::store::StoreError;
use portcullis_layer_core::refusal::{Caller, Reason, Refusal};
use serde::Serialize;

use super::endpoint::json;
use crate::auth::problem;

/// Why an endpoint did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The body is none of JSON.
    NoJson,
    /// Parameters are missing, cannot be read, or are not known.
    Wrong(Vec<Wrong>),
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

/// What is wrong about one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wrong {
    /// A JSON pointer (RFC 6901).
    pointer: String,
    detail: &'static str,
}

impl Wrong {
    pub(super) fn at(pointer: &str, detail: &'static str) -> Self {
        let pointer = pointer.to_owned();
        Self { pointer, detail }
    }

    /// About the object itself.
    pub(super) fn whole(detail: &'static str) -> Self {
        Self::at("", detail)
    }

    pub(super) fn member(name: &str, detail: &'static str) -> Self {
        // Names are the caller's own, of any length.
        let name: String = name.chars().take(64).collect();
        let name = name.replace('~', "~0").replace('/', "~1");
        Self::at(&format!("/{name}"), detail)
    }

    pub(super) fn one(name: &str, detail: &'static str) -> Fault {
        Fault::Wrong(vec![Self::member(name, detail)])
    }
}

/// The answer of RFC 6749 5.2.
#[derive(Serialize)]
struct Error {
    error: &'static str,
    error_description: &'static str,
}

impl Fault {
    /// The answer to `caller`. Who sent the form of RFC 6749 is answered in its words, where it has one.
    pub(super) fn response(&self, caller: &Caller, of_form: bool) -> Response<Bytes> {
        match self.word() {
            Some((error, error_description)) if of_form => json(
                StatusCode::BAD_REQUEST,
                &Error {
                    error,
                    error_description,
                },
            ),
            _ => self.refusal().into_response(caller),
        }
    }

    /// What RFC 6749 5.2 calls it, and what that means.
    fn word(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NoJson => Some(("invalid_request", "the body is no JSON")),
            Self::Wrong(_) => Some((
                "invalid_request",
                "a parameter is missing, there twice, or of no use",
            )),
            Self::SeveralTokens => Some(("invalid_request", SEND_ONE)),
            Self::Grant => Some(("unsupported_grant_type", "there is no such grant here")),
            Self::Scope => Some(("invalid_scope", "the session does not have this scope")),
            Self::InvalidGrant => Some(("invalid_grant", "the refresh token is not valid")),
            _ => None,
        }
    }

    fn problem(&self) -> Refusal {
        match self {
            Self::NoJson => problem!(
                BAD_REQUEST,
                "malformed-json",
                "the body is not the JSON that is accepted here"
            ),
            Self::Wrong(wrong) => problem!(
                UNPROCESSABLE_ENTITY,
                "invalid-request",
                "the request's content breaks a rule"
            )
            .member("errors", wrong.get(..MOST).unwrap_or(wrong)),
            Self::SeveralTokens => problem!(
                BAD_REQUEST,
                "several-tokens",
                "the request has more than one token"
            )
            .detail(SEND_ONE),
            Self::Grant => problem!(
                BAD_REQUEST,
                "unsupported-grant",
                "there is no such grant here"
            ),
            Self::Scope => problem!(
                BAD_REQUEST,
                "invalid-scope",
                "the session does not have this scope"
            ),
            Self::MediaType => problem!(
                UNSUPPORTED_MEDIA_TYPE,
                "unsupported-content-type",
                "the content has a media type that is not accepted here"
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
            Self::InvalidGrant => problem!(
                UNAUTHORIZED,
                "invalid-grant",
                "the refresh token is not valid"
            )
            .detail("sign in again")
            .header(
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

/// How many faults of one body are told.
const MOST: usize = 50;
const SEND_ONE: &str = "send one token: in the cookie or in the body";

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

impl Reason for Fault {
    /// A problem with the member `error` of RFC 6749 5.2, where it has a word for the fault.
    fn refusal(&self) -> Refusal {
        match self.word() {
            Some((error, _)) => self.problem().member("error", error),
            None => self.problem(),
        }
    }
}

fn later(refusal: Refusal, after: Duration) -> Refusal {
    let seconds = after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0));
    refusal.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
}
