use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::json::Fault;
use crate::audit::{Context, Event, EventKind};
use crate::time::Timestamp;

/// Why a token was not accepted.
///
/// The text is the same for every reason: a stranger who probes learns nothing. The operator gets the
/// [kind](Self::kind), in the [event](Self::event).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtError {
    kind: JwtErrorKind,
    retry_after: Option<Duration>,
}

/// The causes of a [`JwtError`], in the order in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JwtErrorKind {
    /// It has more than [8 KiB](super::MAX_TOKEN_BYTES).
    TooLarge,
    /// It is not three parts of base64url with JSON objects in the first two.
    Malformed,
    /// Its header or its payload has two members of the same name.
    DuplicateMember,
    /// Its header names no algorithm, one that is not supported, or one that the issuer does not use.
    Algorithm,
    /// Its header has `crit`, `b64`, `zip` or `enc`: it means something that is not understood here.
    Extension,
    /// Its header has `jku`, `jwk`, `x5u` or `x5c`, and the verifier is strict about them.
    EmbeddedKey,
    /// Its `kid` is no text, too long, or of other characters than keys are called by.
    KeyId,
    /// Its `iss` is absent, no string, or none of those that are trusted.
    Issuer,
    /// Its `typ` is that of another kind of token.
    Type,
    /// Its issuer has no such key, or several that would do and the token does not say which.
    UnknownKey,
    /// Its issuer has no such key yet as far as is known: see [`Lookup::Stale`](super::Lookup::Stale).
    StaleKeys,
    /// The issuer's keys could not be had. That is not the token's fault.
    KeysUnavailable,
    /// The signature is not that of the key.
    Signature,
    /// Its `aud` is absent, no string or list of strings, or somebody else; for Cognito, its `client_id`.
    Audience,
    /// Its `exp` is absent, or no number within the years that can be written.
    Expiry,
    /// It has expired.
    Expired,
    /// It is valid for longer than tokens of this issuer are.
    Lifetime,
    /// Its `nbf` is no number, or later than now.
    NotBefore,
    /// Its `iat` is absent although it is required, no number, or later than now.
    IssuedAt,
    /// Its `sub` is absent, no string, empty, or longer than 255 bytes.
    Subject,
    /// A claim that its profile requires is absent or of the wrong form.
    MissingClaim,
    /// It is no access token: an ID token, or what the issuer marks as another use.
    NotAccessToken,
    /// Its `tid` is none of the tenants that are allowed.
    Tenant,
}

impl JwtErrorKind {
    /// All kinds, in the order in which they are looked for.
    pub const ALL: &'static [Self] = &[
        Self::TooLarge,
        Self::Malformed,
        Self::DuplicateMember,
        Self::Algorithm,
        Self::Extension,
        Self::EmbeddedKey,
        Self::KeyId,
        Self::Issuer,
        Self::Type,
        Self::UnknownKey,
        Self::StaleKeys,
        Self::KeysUnavailable,
        Self::Signature,
        Self::Audience,
        Self::Expiry,
        Self::Expired,
        Self::Lifetime,
        Self::NotBefore,
        Self::IssuedAt,
        Self::Subject,
        Self::MissingClaim,
        Self::NotAccessToken,
        Self::Tenant,
    ];

    /// A fixed name of the kind, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::DuplicateMember => "duplicate_member",
            Self::Algorithm => "algorithm",
            Self::Extension => "extension",
            Self::EmbeddedKey => "embedded_key",
            Self::KeyId => "key_id",
            Self::Issuer => "issuer",
            Self::Type => "type",
            Self::UnknownKey => "unknown_key",
            Self::StaleKeys => "stale_keys",
            Self::KeysUnavailable => "keys_unavailable",
            Self::Signature => "signature",
            Self::Audience => "audience",
            Self::Expiry => "expiry",
            Self::Expired => "expired",
            Self::Lifetime => "lifetime",
            Self::NotBefore => "not_before",
            Self::IssuedAt => "issued_at",
            Self::Subject => "subject",
            Self::MissingClaim => "missing_claim",
            Self::NotAccessToken => "not_access_token",
            Self::Tenant => "tenant",
        }
    }
}

impl JwtError {
    pub(super) fn unavailable(retry_after: Duration) -> Self {
        Self {
            kind: JwtErrorKind::KeysUnavailable,
            retry_after: Some(retry_after),
        }
    }

    /// What is wrong with it. Not for the one who sent it.
    #[must_use]
    pub fn kind(&self) -> JwtErrorKind {
        self.kind
    }

    /// Whether the token was not judged at all because its issuer's keys cannot be had: `503`, and not `401`. A client that
    /// is told `401` throws its token away.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == JwtErrorKind::KeysUnavailable
    }

    /// Whether the issuer may have newer keys, one of which is the token's: see
    /// [`Verifier::verify_or_refresh`](super::Verifier::verify_or_refresh).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.kind == JwtErrorKind::StaleKeys
    }

    /// After how long another try may succeed, if the keys could not be had.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The event `jwt_rejected` that tells the operator why.
    #[must_use]
    pub fn event(&self, at: Timestamp, context: &Context) -> Event {
        Event::new(EventKind::JwtRejected, at)
            .reason(self.kind.as_str())
            .context(context)
    }
}

impl From<JwtErrorKind> for JwtError {
    fn from(kind: JwtErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
        }
    }
}

impl From<Fault> for JwtError {
    fn from(fault: Fault) -> Self {
        Self::from(match fault {
            Fault::Malformed => JwtErrorKind::Malformed,
            Fault::Duplicate => JwtErrorKind::DuplicateMember,
        })
    }
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_unavailable() {
            "the keys of the token's issuer are not available"
        } else {
            "the token is not valid"
        })
    }
}

impl Error for JwtError {}
