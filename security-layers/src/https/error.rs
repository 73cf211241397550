use http::{HeaderValue, StatusCode};
use portcullis_layer_core::refusal::{Reason, Refusal};

use crate::refusals::Counted;

/// Why a request in the clear was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpsRequired {
    /// Plain http is refused here, or this request cannot be redirected. 403.
    Insecure,
    /// There was no host to redirect to, or several, or one that is none. 400.
    InvalidHost,
    /// The host is not one of those that this service redirects to. 421.
    UnknownHost,
}

impl Reason for HttpsRequired {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Insecure => Refusal::new(
                StatusCode::FORBIDDEN,
                "urn:problem-type:portcullis:https-required",
                "the service answers over https only",
            ),
            Self::InvalidHost => Refusal::new(
                StatusCode::BAD_REQUEST,
                "urn:problem-type:portcullis:invalid-host",
                "the request has to name exactly one host",
            ),
            Self::UnknownHost => Refusal::new(
                StatusCode::MISDIRECTED_REQUEST,
                "urn:problem-type:portcullis:unknown-host",
                "the service does not answer for this host",
            ),
        }
    }
}

/// What becomes of a request in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Redirect(StatusCode, HeaderValue),
    Refuse(HttpsRequired),
}

impl From<HttpsRequired> for Verdict {
    fn from(reason: HttpsRequired) -> Self {
        Self::Refuse(reason)
    }
}

impl Counted for Verdict {
    const LAYER: &'static str = "https";
    const REASONS: &'static [&'static str] =
        &["redirected", "insecure", "invalid_host", "unknown_host"];

    fn index(&self) -> usize {
        match self {
            Self::Redirect(..) => 0,
            Self::Refuse(HttpsRequired::Insecure) => 1,
            Self::Refuse(HttpsRequired::InvalidHost) => 2,
            Self::Refuse(HttpsRequired::UnknownHost) => 3,
        }
    }
}
