use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::id::SessionId;
use crate::refresh::{MissingKey, Outcome};
use crate::store::StoreError;

pub(super) type Source = Box<dyn Error + Send + Sync>;

/// A refresh token was not exchanged.
#[derive(Debug)]
pub struct RefreshError {
    kind: RefreshErrorKind,
    session: Option<SessionId>,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

/// The causes of a [`RefreshError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshErrorKind {
    /// It is no token of ours.
    Invalid,
    /// It was made for another client, tenant or key.
    ClientMismatch,
    /// Its session was ended.
    Revoked,
    /// Its session is over.
    Expired,
    /// It had been replaced long since: its session has ended with this answer.
    Reuse,
    /// It is newer than the store: the store has lost writes.
    Ahead,
    /// It came more often than any client does (429).
    TooMany,
    /// Scopes were asked for that the session does not have (`invalid_scope`). The token is as good as before.
    ScopeExceeded,
    /// The store did not answer, or a key is missing (503). The token is as good as before, or gets the same answer later.
    Unavailable,
}

impl RefreshErrorKind {
    /// Why there is no token; none if there is one.
    pub(super) fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Rotated | Outcome::GraceReplay | Outcome::FastForwarded => None,
            Outcome::ClientMismatch => Some(Self::ClientMismatch),
            Outcome::Revoked => Some(Self::Revoked),
            Outcome::Expired(_) => Some(Self::Expired),
            Outcome::TooMany => Some(Self::TooMany),
            Outcome::Reuse => Some(Self::Reuse),
            Outcome::Ahead => Some(Self::Ahead),
        }
    }

    /// Whether the session has ended with this very answer, because somebody has a copy of its token.
    #[must_use]
    pub fn is_reuse(self) -> bool {
        self == Self::Reuse
    }

    /// Whether the client should forget the token: `invalid_grant` (RFC 6749 5.2), and a cookie to be cleared.
    #[must_use]
    pub fn is_invalid_grant(self) -> bool {
        match self {
            Self::Invalid
            | Self::ClientMismatch
            | Self::Revoked
            | Self::Expired
            | Self::Reuse
            | Self::Ahead => true,
            Self::TooMany | Self::ScopeExceeded | Self::Unavailable => false,
        }
    }
}

impl RefreshError {
    pub(super) fn of(kind: RefreshErrorKind, session: SessionId) -> Self {
        Self {
            session: Some(session),
            ..kind.into()
        }
    }

    pub(super) fn unavailable(source: Source) -> Self {
        Self {
            source: Some(source),
            ..RefreshErrorKind::Unavailable.into()
        }
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> RefreshErrorKind {
        self.kind
    }

    /// The session of the token, if that was authentic. On [`RefreshErrorKind::Reuse`] its access tokens are to be revoked,
    /// unless the service has [revocations](super::RefreshServiceBuilder::revocations) and did that itself.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// After how long another try may succeed, on [`RefreshErrorKind::Unavailable`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<RefreshErrorKind> for RefreshError {
    fn from(kind: RefreshErrorKind) -> Self {
        Self {
            kind,
            session: None,
            retry_after: None,
            source: None,
        }
    }
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self {
            retry_after: error.retry_after(),
            source: Some(error.into()),
            ..RefreshErrorKind::Unavailable.into()
        }
    }
}

impl From<MissingKey> for RefreshError {
    fn from(error: MissingKey) -> Self {
        Self::unavailable(error.into())
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RefreshErrorKind::Invalid => "the refresh token is invalid",
            RefreshErrorKind::ClientMismatch => "the refresh token was made for another client",
            RefreshErrorKind::Revoked => "the session was ended",
            RefreshErrorKind::Expired => "the session is over",
            RefreshErrorKind::Reuse => {
                "the refresh token was replaced before and the session has ended"
            }
            RefreshErrorKind::Ahead => "the refresh token is newer than the store",
            RefreshErrorKind::TooMany => "the refresh token was repeated too often",
            RefreshErrorKind::ScopeExceeded => "the session does not have these scopes",
            RefreshErrorKind::Unavailable => "the refresh token could not be judged",
        })
    }
}

impl Error for RefreshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

macro_rules! error {
    ($(#[$docs:meta])* $name:ident, $kind:ident) => {
        $(#[$docs])*
        #[derive(Debug)]
        pub struct $name {
            kind: $kind,
            source: Option<Source>,
        }

        impl $name {
            /// Why.
            #[must_use]
            pub fn kind(&self) -> $kind {
                self.kind
            }
        }

        impl From<StoreError> for $name {
            fn from(error: StoreError) -> Self {
                let source = Some(error.into());
                Self { kind: $kind::Unavailable, source }
            }
        }

        impl Error for $name {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                self.source.as_deref().map(|source| source as _)
            }
        }
    };
}

error! {
    /// Nobody was signed in.
    LoginError, LoginErrorKind
}

error! {
    /// A service must not start.
    StartError, StartErrorKind
}

/// The causes of a [`LoginError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginErrorKind {
    /// All sessions of the subject were ended since its epoch was read. Signing in again may succeed.
    EpochMoved,
    /// The store did not answer, or the system gave no random bytes (503).
    Unavailable,
}

/// The causes of a [`StartError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// Live sessions need a key that is not there.
    MissingKey {
        /// The key's id.
        key_id: u8,
        /// How many need it.
        sessions: u64,
    },
    /// Refresh tokens cannot be signed: their issuer has no keys for them, or they would expire before the sessions.
    #[cfg(feature = "jwt")]
    Unsigned,
    /// The store did not answer.
    Unavailable,
}

impl LoginError {
    pub(super) fn epoch_moved() -> Self {
        let (kind, source) = (LoginErrorKind::EpochMoved, None);
        Self { kind, source }
    }

    pub(super) fn unavailable(source: Source) -> Self {
        let (kind, source) = (LoginErrorKind::Unavailable, Some(source));
        Self { kind, source }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            LoginErrorKind::EpochMoved => "all sessions were ended while this one began",
            LoginErrorKind::Unavailable => "the session could not be kept",
        })
    }
}

impl StartError {
    #[cfg(feature = "jwt")]
    pub(super) fn unsigned() -> Self {
        let (kind, source) = (StartErrorKind::Unsigned, None);
        Self { kind, source }
    }

    pub(super) fn missing_key(key_id: u8, sessions: u64) -> Self {
        Self {
            kind: StartErrorKind::MissingKey { key_id, sessions },
            source: None,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            StartErrorKind::MissingKey { key_id, sessions } => write!(
                f,
                "{sessions} sessions need the refresh token key {key_id}, which is not configured"
            ),
            #[cfg(feature = "jwt")]
            StartErrorKind::Unsigned => f.write_str(
                "signed refresh tokens need keys of their own and a lifetime that is not below that of unused sessions",
            ),
            StartErrorKind::Unavailable => {
                f.write_str("the store of sessions could not be looked into")
            }
        }
    }
}
