use std::sync::Arc;
use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use portcullis_auth_core::roles::Shortfall;
use portcullis_layer_core::refusal::{GrpcCode, Reason, Refusal};

use super::challenge::{Complaint, Space};
use crate::refusals::Counted;

/// Why a request was refused: what the answer says, and nothing of why a credential was not believed.
///
/// Stands in the extensions of the answer; `reject_with` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRefused {
    kind: AuthRefusedKind,
    space: Space,
}

/// The causes of an [`AuthRefused`], by what a client should do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthRefusedKind {
    /// There are no credentials: `401` without an error (RFC 6750 3.1).
    Missing,
    /// The credentials cannot be read, or there are two: `400`, `invalid_request`.
    Malformed,
    /// The credential stands in the URL: `400`, `invalid_request`. It was not checked, and should be revoked.
    InUrl,
    /// The credential is not, or not any more, valid: `401`, `invalid_token`.
    Invalid,
    /// The credential may not be used from this address: `403`.
    Address,
    /// The principal may not do this: `403`, `insufficient_scope`.
    Rights {
        /// The scopes that were needed, if it was one.
        scope: Option<Arc<str>>,
    },
    /// The principal belongs to another tenant: `403`.
    Tenant,
    /// The principal has to sign in again, or with more factors: `401`, `insufficient_user_authentication` (RFC 9470).
    StepUp {
        /// The level of authentication that is needed.
        acr: Option<&'static str>,
        /// How recent it has to be.
        max_age: Option<Duration>,
    },
    /// There were too many attempts: `429`.
    Throttled {
        /// After how long the next one is heard.
        retry_after: Duration,
    },
    /// Keys or stores cannot be reached, and nobody can tell whether the credential is valid: `503`.
    Unavailable {
        /// After how long another try may succeed.
        retry_after: Duration,
    },
    /// No layer has looked for credentials before rights were asked for: `500`, and a fault of the stack.
    Unguarded,
}

impl AuthRefused {
    pub(super) fn new(kind: AuthRefusedKind, space: &Space) -> Self {
        Self {
            kind,
            space: space.clone(),
        }
    }

    /// What was wrong.
    #[must_use]
    pub fn kind(&self) -> &AuthRefusedKind {
        &self.kind
    }
}

impl From<Shortfall> for AuthRefusedKind {
    fn from(shortfall: Shortfall) -> Self {
        match shortfall {
            Shortfall::Tenant => Self::Tenant,
            Shortfall::StepUp { acr, max_age } => Self::StepUp { acr, max_age },
            Shortfall::Rights { scope } => Self::Rights { scope },
            // What is not known yet lets nobody through.
            _ => Self::Rights { scope: None },
        }
    }
}

impl AuthRefusedKind {
    /// One word, as in the label `reason` of the counter.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        AuthRefused::REASONS[self.index()]
    }

    fn index(&self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Malformed => 1,
            Self::InUrl => 2,
            Self::Invalid => 3,
            Self::Address => 4,
            Self::Rights { .. } => 5,
            Self::Tenant => 6,
            Self::StepUp { .. } => 7,
            Self::Throttled { .. } => 8,
            Self::Unavailable { .. } => 9,
            Self::Unguarded => 10,
        }
    }
}

impl Counted for AuthRefused {
    const LAYER: &'static str = "auth";
    const REASONS: &'static [&'static str] = &[
        "credential_missing",
        "credential_malformed",
        "credential_in_url",
        "credential_invalid",
        "address_refused",
        "insufficient_rights",
        "other_tenant",
        "step_up_required",
        "throttled",
        "unavailable",
        "unguarded",
    ];

    fn index(&self) -> usize {
        self.kind.index()
    }
}

/// The refusal by an endpoint that stands inside of the layer, in the same words.
#[cfg(feature = "token-endpoints")]
pub(crate) fn refusal(kind: AuthRefusedKind, extensions: &http::Extensions) -> Refusal {
    AuthRefused::new(kind, &super::service::space_of(extensions)).refusal()
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
#[cfg(feature = "token-endpoints")]
pub(crate) use problem;

impl Reason for AuthRefused {
    fn refusal(&self) -> Refusal {
        use AuthRefusedKind as Kind;

        let unauthenticated = |refusal: Refusal, complaint| {
            self.challenged(refusal, complaint)
                .grpc_code(GrpcCode::Unauthenticated)
        };
        match &self.kind {
            Kind::Missing => unauthenticated(
                problem!(UNAUTHORIZED, "authentication-required", "the request needs credentials"),
                Complaint::None,
            ),
            Kind::Malformed => unauthenticated(
                problem!(BAD_REQUEST, "malformed-credentials", "the credentials cannot be read")
                    .detail("send one credential, in one header"),
                Complaint::InvalidRequest,
            ),
            Kind::InUrl => unauthenticated(
                problem!(BAD_REQUEST, "credential-in-url", "a credential must not stand in a URL")
                    .detail("URLs are kept by proxies and histories: revoke the credential, and send the next one in a header"),
                Complaint::InvalidRequest,
            ),
            Kind::Invalid => unauthenticated(
                problem!(UNAUTHORIZED, "invalid-token", "the credential is not valid"),
                Complaint::InvalidToken,
            ),
            Kind::StepUp { acr, max_age } => unauthenticated(
                problem!(
                    UNAUTHORIZED,
                    "step-up-required",
                    "a stronger or more recent sign-in is needed"
                ),
                Complaint::StepUp { acr: *acr, max_age: *max_age },
            ),
            Kind::Address => problem!(
                FORBIDDEN,
                "credential-address-refused",
                "the credential may not be used from this address"
            ),
            Kind::Rights { scope } => self.challenged(
                problem!(FORBIDDEN, "insufficient-rights", "the caller may not do this"),
                Complaint::InsufficientScope(scope.as_deref()),
            ),
            Kind::Tenant => problem!(
                FORBIDDEN,
                "other-tenant",
                "the credential belongs to another tenant"
            ),
            Kind::Throttled { retry_after } => later(
                problem!(TOO_MANY_REQUESTS, "too-many-attempts", "there were too many attempts"),
                *retry_after,
            ),
            Kind::Unavailable { retry_after } => later(
                problem!(
                    SERVICE_UNAVAILABLE,
                    "authentication-unavailable",
                    "credentials cannot be checked at the moment"
                ),
                *retry_after,
            ),
            Kind::Unguarded => problem!(INTERNAL_SERVER_ERROR, "internal", "the server failed"),
        }
    }
}

impl AuthRefused {
    fn challenged(&self, refusal: Refusal, complaint: Complaint<'_>) -> Refusal {
        self.space
            .challenges(complaint)
            .fold(refusal, |refusal, challenge| {
                refusal.header(WWW_AUTHENTICATE, challenge)
            })
    }
}

/// Whole seconds, rounded up, and never zero: a client that comes back at once comes too early.
fn later(refusal: Refusal, after: Duration) -> Refusal {
    let seconds = after
        .as_secs()
        .saturating_add(u64::from(after.subsec_nanos() > 0));
    refusal.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
}
