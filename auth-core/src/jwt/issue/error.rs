use std::error::Error;
use std::fmt;

use crate::jwt::key::KeyError;

/// Why a token was not issued. It is our fault in every case: `503`, so that the client keeps what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueError {
    kind: IssueErrorKind,
    key: Option<KeyError>,
}

/// The causes of an [`IssueError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueErrorKind {
    /// No key signs: there is none yet, or it was revoked and its successor is still to come.
    NoKey,
    /// The key did not sign.
    Signing,
    /// The token would have more than [8 KiB](crate::jwt::MAX_TOKEN_BYTES), and no verifier would take it.
    TooLarge,
    /// The claims have no JSON.
    Claims,
}

impl IssueError {
    pub(super) fn signing(key: KeyError) -> Self {
        Self {
            kind: IssueErrorKind::Signing,
            key: Some(key),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> IssueErrorKind {
        self.kind
    }
}

impl From<IssueErrorKind> for IssueError {
    fn from(kind: IssueErrorKind) -> Self {
        Self { kind, key: None }
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            IssueErrorKind::NoKey => "there is no key to sign tokens with",
            IssueErrorKind::Signing => "the token could not be signed",
            IssueErrorKind::TooLarge => "the token would be too large",
            IssueErrorKind::Claims => "the claims of the token cannot be written",
        })
    }
}

impl Error for IssueError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.key.as_ref().map(|key| key as _)
    }
}
