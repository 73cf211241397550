use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a source did not deliver: which one it is, and what is wrong. Never contains any of the secret.
#[derive(Clone, Debug)]
pub struct SourceError {
    kind: SourceErrorKind,
    subject: Box<str>,
    source: Option<Arc<io::Error>>,
}

/// The causes of a [`SourceError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceErrorKind {
    /// The source works and has no such secret. The only kind with which a [`Chain`](super::Chain) goes on.
    NotFound,
    /// A setting points at something that is not there.
    Dangling,
    /// Both a variable and its `_FILE` twin are set, or a setting contradicts itself in another way.
    Ambiguous,
    /// The name cannot be that of a secret in such a source.
    BadName,
    /// There is nothing in it.
    Empty,
    /// It has more than [`MAX_BYTES`](super::MAX_BYTES).
    TooLarge,
    /// It should be text and contains a NUL byte.
    Nul,
    /// It should be text and starts with a byte order mark.
    ByteOrderMark,
    /// It should be text and is not UTF-8.
    NotUtf8,
    /// The path is not that of a regular file.
    NotAFile,
    /// Group or others may read or write it, and the source is strict.
    Permissions,
    /// It changed while it was read; the next load will find it whole.
    Changing,
    /// Some members of the group are there and others are not.
    Incomplete,
    /// The operating system refused; its error is the source.
    Io,
    /// The store does not let us read it.
    Denied,
    /// The store did not answer, not in time, or not now.
    Unavailable,
    /// The store's answer cannot be understood.
    Malformed,
    /// It was not encrypted with this key for this name, or has been changed since.
    Undecryptable,
}

impl SourceError {
    /// An error about `subject`, which reads like `file "/run/secrets/key"`. It is shown to operators, and must not
    /// contain anything secret.
    #[must_use]
    pub fn new(kind: SourceErrorKind, subject: impl fmt::Display) -> Self {
        Self {
            kind,
            subject: subject.to_string().into(),
            source: None,
        }
    }

    pub(crate) fn io(subject: impl fmt::Display, source: io::Error) -> Self {
        let mut error = Self::new(SourceErrorKind::Io, subject);
        error.source = Some(Arc::new(source));
        error
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> SourceErrorKind {
        self.kind
    }
}

impl SourceErrorKind {
    /// A fixed name of the kind, for logs and metrics: `not_found`, `empty`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Dangling => "dangling",
            Self::Ambiguous => "ambiguous",
            Self::BadName => "bad_name",
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::Nul => "nul",
            Self::ByteOrderMark => "byte_order_mark",
            Self::NotUtf8 => "not_utf8",
            Self::NotAFile => "not_a_file",
            Self::Permissions => "permissions",
            Self::Changing => "changing",
            Self::Incomplete => "incomplete",
            Self::Io => "io",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Malformed => "malformed",
            Self::Undecryptable => "undecryptable",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            SourceErrorKind::NotFound => "does not exist",
            SourceErrorKind::Dangling => "is named by a setting and does not exist",
            SourceErrorKind::Ambiguous => "is given in two ways; keep one",
            SourceErrorKind::BadName => "cannot be the name of a secret",
            SourceErrorKind::Empty => "is empty",
            SourceErrorKind::TooLarge => "is larger than 64 KiB",
            SourceErrorKind::Nul => "contains a NUL byte",
            SourceErrorKind::ByteOrderMark => "starts with a byte order mark",
            SourceErrorKind::NotUtf8 => "is not valid UTF-8",
            SourceErrorKind::NotAFile => "is not a regular file",
            SourceErrorKind::Permissions => "is open to group or others; its mode should be 0400",
            SourceErrorKind::Changing => "changed while it was read",
            SourceErrorKind::Incomplete => "lacks some of its members",
            SourceErrorKind::Io => "could not be read",
            SourceErrorKind::Denied => "may not be read by us",
            SourceErrorKind::Unavailable => "is not available at present",
            SourceErrorKind::Malformed => "has a form that cannot be understood",
            SourceErrorKind::Undecryptable => "cannot be decrypted with this key under this name",
        };
        write!(f, "{} {what}", self.subject)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
