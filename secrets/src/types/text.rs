use std::convert::Infallible;
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::read::read_all;
use super::{Secret, SecretBytes, SecretError, SecretErrorKind};

/// Secret text: tokens, connection strings, keys in their text form. See the [module docs](super) for what is promised.
#[must_use]
pub struct SecretString(Secret<str>);

impl SecretString {
    /// Reads UTF-8 text to the end of `reader`, which may have `max` bytes at most. Nothing is trimmed.
    ///
    /// # Errors
    ///
    /// When the reader fails, has more than `max` bytes, or has some that are no UTF-8.
    pub fn read_from(reader: impl Read, max: usize) -> Result<Self, SecretError> {
        // A secret from the start, so that it is wiped if it turns out to be no text.
        let bytes = SecretBytes::from(read_all(reader, max)?);
        match str::from_utf8(bytes.expose_secret()) {
            Ok(text) => Ok(Self::from(text)),
            Err(_) => Err(SecretErrorKind::NotUtf8.into()),
        }
    }

    /// Compares in a time that depends on the lengths only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.ct_matches(other.expose_secret())
    }

    /// Compares with text that is not held as a secret, such as a header's, in a time that depends on the lengths only.
    #[must_use]
    pub fn ct_matches(&self, presented: &str) -> bool {
        let bytes = self.expose_secret().as_bytes();
        bytes.ct_eq(presented.as_bytes()).into()
    }
}

/// Takes the text over. If the string has room to spare the text is copied, and the string's buffer is wiped.
impl From<String> for SecretString {
    fn from(mut text: String) -> Self {
        if text.len() == text.capacity() {
            return Self::from(text.into_boxed_str());
        }
        let exact = Box::<str>::from(&*text);
        text.zeroize();
        Self::from(exact)
    }
}

impl From<Box<str>> for SecretString {
    fn from(text: Box<str>) -> Self {
        Self(Secret::from(text))
    }
}

/// Copies the text; the caller's own is the caller's to wipe.
impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self::from(Box::<str>::from(text))
    }
}

/// A password that a person chose or typed. It has the promises of [`SecretString`]; the type says what it is for.
#[must_use]
pub struct Password(SecretString);

/// The whole text of an API key. It has the promises of [`SecretString`]; the type says what it is for.
#[must_use]
pub struct ApiKeySecret(SecretString);

/// What the text types have in common.
macro_rules! text {
    ($($name:ident),*) => {$(
        impl $name {
            /// Lends the text to `f`, and returns what `f` returns.
            pub fn expose<R>(&self, f: impl FnOnce(&str) -> R) -> R {
                self.0.expose(f)
            }

            /// Lends the text.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }
        }

        /// Copies the text, and cannot fail.
        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(Self::from(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([REDACTED])"))
            }
        }

        impl ZeroizeOnDrop for $name {}
    )*};
}

/// What the types have in common that are a `SecretString` under another name.
macro_rules! named {
    ($($name:ident),*) => {$(
        impl $name {
            /// Compares in a time that depends on the lengths only.
            #[must_use]
            pub fn ct_eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0)
            }
        }

        impl<T: Into<SecretString>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }
    )*};
}

text!(SecretString, Password, ApiKeySecret);
named!(Password, ApiKeySecret);
