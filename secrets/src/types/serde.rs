//! Reading secrets with serde, and writing them by name only.
//!
//! An error of serde's tells what it found ("invalid type: integer `1234`"), which may well be the secret with its
//! quotes forgotten. So each error is replaced here by one that tells nothing.

use std::fmt;

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

use super::{ApiKeySecret, Password, Secret, SecretBytes, SecretString};

impl<'de> Deserialize<'de> for SecretString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err(D::Error::custom("a secret must be given as text")),
        }
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretString::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for ApiKeySecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretString::deserialize(deserializer).map(Self::from)
    }
}

/// From bytes, where the format has such, and from base64 text (either alphabet, padded or not) elsewhere.
impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = if deserializer.is_human_readable() {
            deserializer.deserialize_str(BytesVisitor)
        } else {
            deserializer.deserialize_byte_buf(BytesVisitor)
        };
        read.map_err(|_| D::Error::custom("a secret key must be given as base64 or as bytes"))
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = SecretBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64 or bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretBytes, E> {
        SecretBytes::from_base64(text).map_err(E::custom)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<SecretBytes, E> {
        self.visit_str(&Zeroizing::new(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<SecretBytes, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<SecretBytes, E> {
        Ok(bytes.into())
    }
}

impl<'de, T: Zeroize + DeserializeOwned> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match T::deserialize(deserializer) {
            Ok(value) => Ok(Self::new(value)),
            Err(_) => Err(D::Error::custom("a secret value has the wrong form")),
        }
    }
}

/// Writes secrets out, where that is what is wanted: in an answer that shows a new key once, in a file of one's own.
///
/// ```
/// use portcullis_secrets::{ApiKeySecret, SecretString};
///
/// #[derive(serde::Serialize)]
/// struct NewKey {
///     id: u32,
///     #[serde(with = "portcullis_secrets::serialize_exposed")]
///     key: ApiKeySecret,
///     #[serde(with = "portcullis_secrets::serialize_exposed")]
///     note: Option<SecretString>,
/// }
///
/// let new = NewKey { id: 7, key: ApiKeySecret::from("acme_live_x"), note: None };
/// assert_eq!(serde_json::to_string(&new)?, r#"{"id":7,"key":"acme_live_x","note":null}"#);
/// # Ok::<_, serde_json::Error>(())
/// ```
///
/// Text is written as text, [`SecretBytes`] as URL-safe base64 or, in binary formats, as bytes, and a [`Secret`] as its
/// value. What the serializer makes of it is out of this crate's hands, and not wiped.
pub mod serialize_exposed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use zeroize::Zeroize;

    use super::{ApiKeySecret, Password, Secret, SecretBytes, SecretString};

    /// Writes the value of `secret`.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<T, S>(secret: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: SerializeExposed,
        S: Serializer,
    {
        secret.serialize_exposed(serializer)
    }

    /// Reads a secret, as its `Deserialize` does: `with` asks for both.
    ///
    /// # Errors
    ///
    /// Those of the deserializer, without what it found.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        T::deserialize(deserializer)
    }

    /// What can be written: the secret types, and options of them.
    pub trait SerializeExposed: sealed::Sealed {
        #[doc(hidden)]
        fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    }

    mod sealed {
        pub trait Sealed {}
    }

    macro_rules! text {
        ($($name:ident),*) => {$(
            impl sealed::Sealed for $name {}
            impl SerializeExposed for $name {
                fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.expose_secret())
                }
            }
        )*};
    }

    text!(SecretString, Password, ApiKeySecret);

    impl sealed::Sealed for SecretBytes {}
    impl SerializeExposed for SecretBytes {
        fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                self.to_base64url().serialize_exposed(serializer)
            } else {
                serializer.serialize_bytes(self.expose_secret())
            }
        }
    }

    impl<T: Zeroize + ?Sized> sealed::Sealed for Secret<T> {}
    impl<T: Zeroize + Serialize + ?Sized> SerializeExposed for Secret<T> {
        fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.expose_secret().serialize(serializer)
        }
    }

    impl<T: sealed::Sealed> sealed::Sealed for Option<T> {}
    impl<T: SerializeExposed> SerializeExposed for Option<T> {
        fn serialize_exposed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            struct Some<'a, T>(&'a T);
            impl<T: SerializeExposed> Serialize for Some<'_, T> {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    self.0.serialize_exposed(serializer)
                }
            }
            match self {
                Option::Some(secret) => serializer.serialize_some(&Some(secret)),
                None => serializer.serialize_none(),
            }
        }
    }
}
