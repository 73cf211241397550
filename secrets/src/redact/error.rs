use std::error::Error;
use std::fmt;

use aho_corasick::BuildError;

/// Why a [`Redactor`](super::Redactor) was not built.
#[derive(Debug)]
pub struct RedactorError {
    kind: RedactorErrorKind,
    source: Option<BuildError>,
}

/// What a [`RedactorError`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedactorErrorKind {
    /// A name is not made of ASCII letters, digits and the separators `_-. `, or of separators only.
    Name(String),
    /// The prefix of a token is shorter than four characters, or not made of ASCII letters, digits,
    /// `_`, `-` and `.`.
    Prefix(String),
    /// There are too many names or prefixes for one automaton.
    TooMany,
}

impl RedactorError {
    pub(super) const fn new(kind: RedactorErrorKind) -> Self {
        let source = None;
        Self { kind, source }
    }

    pub(super) const fn too_many(source: BuildError) -> Self {
        let (kind, source) = (RedactorErrorKind::TooMany, Some(source));
        Self { kind, source }
    }

    /// What it is about.
    pub const fn kind(&self) -> &RedactorErrorKind {
        &self.kind
    }
}

impl fmt::Display for RedactorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RedactorErrorKind::Name(name) => write!(
                f,
                "the field name {name:?} is not made of ascii letters and digits, separated by '_', '-', '.' or ' '"
            ),
            RedactorErrorKind::Prefix(prefix) => write!(
                f,
                "the token prefix {prefix:?} is not made of at least four ascii letters, digits, '_', '-' and '.'"
            ),
            RedactorErrorKind::TooMany => f.write_str("there are too many names and prefixes"),
        }
    }
}

impl Error for RedactorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
