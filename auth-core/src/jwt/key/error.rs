use std::error::Error;
use std::fmt;

use portcullis_secrets::strength::WeakSecret;

/// Why a key could not be made, read or used. Nothing of the key is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    kind: KeyErrorKind,
    weak: Option<WeakSecret>,
}

/// The causes of a [`KeyError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// It cannot be read: no PEM, no JSON object, no base64url, a member missing or twice, a coordinate of the wrong length.
    Malformed,
    /// Its type, curve or algorithm is not supported, or it is encrypted.
    Unsupported,
    /// It is not for an algorithm that is wanted.
    WrongAlgorithm,
    /// Its `use` or its `key_ops` say that it is for something else.
    WrongUse,
    /// It is a public key, and a private one is wanted.
    NotPrivate,
    /// An RSA key of less than 2048 bits, or a secret shorter than the hash of its algorithm (RFC 7518 sections 3.2, 3.3).
    TooShort,
    /// A secret that was not generated: see [`portcullis_secrets::strength`].
    Weak,
    /// It is not what it should be mathematically: a point off its curve or of small order, halves that do not belong
    /// together, an RSA key of more than 8192 bits.
    Inconsistent,
    /// An RSA key whose primes can be found from it: it has a small factor, or the library that made it had a fault
    /// (CVE-2017-15361, "ROCA").
    Broken,
    /// The cryptographic library failed. Not the key's fault.
    Failed,
}

impl KeyErrorKind {
    /// A fixed name of the kind, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongUse => "wrong_use",
            Self::NotPrivate => "not_private",
            Self::TooShort => "too_short",
            Self::Weak => "weak",
            Self::Inconsistent => "inconsistent",
            Self::Broken => "broken",
            Self::Failed => "failed",
        }
    }
}

impl KeyError {
    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

impl From<KeyErrorKind> for KeyError {
    fn from(kind: KeyErrorKind) -> Self {
        Self { kind, weak: None }
    }
}

impl From<WeakSecret> for KeyError {
    fn from(weak: WeakSecret) -> Self {
        Self {
            kind: KeyErrorKind::Weak,
            weak: Some(weak),
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            KeyErrorKind::Malformed => "the key cannot be read",
            KeyErrorKind::Unsupported => "the type of the key is not supported",
            KeyErrorKind::WrongAlgorithm => "the key is not for this algorithm",
            KeyErrorKind::WrongUse => "the key is meant for another use",
            KeyErrorKind::NotPrivate => "the key cannot sign, it is a public one",
            KeyErrorKind::TooShort => "the key is too short for its algorithm",
            KeyErrorKind::Weak => "the secret is too weak",
            KeyErrorKind::Inconsistent => "the parts of the key do not belong together",
            KeyErrorKind::Broken => {
                "the key was made by a faulty library, its private half can be computed"
            }
            KeyErrorKind::Failed => "the cryptographic library failed",
        })
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.weak.as_ref().map(|weak| weak as _)
    }
}
