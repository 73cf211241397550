use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::store::StoreError;

/// Why something with a second factor was not done.
#[derive(Debug)]
pub struct TotpError {
    kind: TotpErrorKind,
    retry_after: Option<Duration>,
    source: Option<StoreError>,
}

/// The causes of a [`TotpError`], and what to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TotpErrorKind {
    /// The code is wrong, was used, or is none: 401.
    WrongCode,
    /// There is no such challenge, it has expired, was used, or is another client's: 401, to be started anew.
    InvalidChallenge,
    /// The challenge has had all of its tries: 401, to be started anew.
    Exhausted,
    /// The subject has had too many wrong codes lately: 429 with `Retry-After`.
    Limited,
    /// The subject has had fifty wrong codes in a row; a recovery code is needed: 403.
    Frozen,
    /// Whoever wants to change a factor has signed in too long ago: 401 `insufficient_user_authentication` (RFC 9470).
    ReauthenticationRequired,
    /// There is no such factor, or it has been pending for too long: 404.
    UnknownFactor,
    /// The subject has as many factors as it may have: 409.
    TooManyFactors,
    /// A stored secret cannot be opened: its key is missing, or somebody changed it: 503.
    Unreadable,
    /// The store did not answer: 503 with `Retry-After`.
    Store,
    /// The operating system gave no random bytes: 503.
    NoRandomness,
    /// A key to seal with has not 32 bytes, could be guessed, or its id is another's: only when [`SealKeys`](super::SealKeys)
    /// are made.
    InvalidKey,
}

impl TotpError {
    pub(super) fn limited(retry_after: Duration) -> Self {
        Self {
            kind: TotpErrorKind::Limited,
            retry_after: Some(retry_after),
            source: None,
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> TotpErrorKind {
        self.kind
    }

    /// After how long another try may succeed, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let store = self.source.as_ref().and_then(StoreError::retry_after);
        self.retry_after.or(store)
    }
}

impl From<TotpErrorKind> for TotpError {
    fn from(kind: TotpErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
            source: None,
        }
    }
}

impl From<StoreError> for TotpError {
    fn from(source: StoreError) -> Self {
        Self {
            kind: TotpErrorKind::Store,
            retry_after: None,
            source: Some(source),
        }
    }
}

impl fmt::Display for TotpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TotpErrorKind::WrongCode => "the code is not right",
            TotpErrorKind::InvalidChallenge => "the challenge is not valid any more",
            TotpErrorKind::Exhausted => "the challenge has no tries left",
            TotpErrorKind::Limited => "there were too many wrong codes lately",
            TotpErrorKind::Frozen => "there were too many wrong codes in a row",
            TotpErrorKind::ReauthenticationRequired => "the sign-in is too long ago",
            TotpErrorKind::UnknownFactor => "there is no such factor",
            TotpErrorKind::TooManyFactors => "there are too many factors",
            TotpErrorKind::Unreadable => "a stored secret cannot be opened",
            TotpErrorKind::Store => "the store did not do it",
            TotpErrorKind::NoRandomness => "the operating system gave no random bytes",
            TotpErrorKind::InvalidKey => {
                "a key to seal with has 32 random bytes and an id of its own"
            }
        })
    }
}

impl Error for TotpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
