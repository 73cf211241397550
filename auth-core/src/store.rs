//! What all stores have in common: how they answer, and how they fail.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// What a store's method returns. Boxed, so that a service can hold a store of any kind: `Arc<dyn ...>`.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store could not answer. It says nothing about the credential: the caller answers `503` and the client keeps what it has.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The causes of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or did not answer in time.
    Unavailable,
    /// Others held what was to be changed for too long, also after repeated tries.
    Contended,
    /// What is stored cannot be read as what was written.
    Corrupt,
    /// The store takes no more entries of this kind.
    Full,
}

impl StoreError {
    /// A failure with the error that caused it. Its text must not tell of a secret.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// After how long another try may succeed: a second where the store did not answer or was too busy, and none where it
    /// will not without an operator.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            StoreErrorKind::Unavailable | StoreErrorKind::Contended => Some(Duration::from_secs(1)),
            StoreErrorKind::Corrupt | StoreErrorKind::Full => None,
        }
    }
}

impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store did not answer",
            StoreErrorKind::Contended => "the store was too busy with the same entry",
            StoreErrorKind::Corrupt => "the store holds what cannot be read",
            StoreErrorKind::Full => "the store is full",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
