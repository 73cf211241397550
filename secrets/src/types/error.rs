use std::error::Error;
use std::{fmt, io};

/// Why a secret could not be made or read.
///
/// Neither its text nor its `Debug` contains any of the input, nor says where in the input the fault is.
#[derive(Debug)]
pub struct SecretError {
    kind: SecretErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The causes of a [`SecretError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretErrorKind {
    /// The reader failed; its error is the source.
    Io,
    /// The reader had more to give than the limit allows.
    TooLong,
    /// The bytes are no text.
    NotUtf8,
    /// The text is not hexadecimal, or has an odd number of digits.
    NotHex,
    /// The text is not base64.
    NotBase64,
    /// A generated secret was to have less than 16 bytes, that is 128 bits.
    TooShort,
    /// The operating system has no random bytes; its error is the source.
    NoRandomness,
}

impl SecretError {
    pub(super) fn io(source: io::Error) -> Self {
        Self {
            kind: SecretErrorKind::Io,
            source: Some(source.into()),
        }
    }

    pub(super) fn no_randomness(source: getrandom::Error) -> Self {
        Self {
            kind: SecretErrorKind::NoRandomness,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> SecretErrorKind {
        self.kind
    }
}

impl From<SecretErrorKind> for SecretError {
    fn from(kind: SecretErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SecretErrorKind::Io => "the secret could not be read",
            SecretErrorKind::TooLong => "the secret is longer than the limit",
            SecretErrorKind::NotUtf8 => "the secret is not valid UTF-8",
            SecretErrorKind::NotHex => "the secret is not hexadecimal",
            SecretErrorKind::NotBase64 => "the secret is not base64",
            SecretErrorKind::TooShort => "a generated secret needs at least 16 bytes",
            SecretErrorKind::NoRandomness => "the operating system gave no random bytes",
        })
    }
}

impl Error for SecretError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
