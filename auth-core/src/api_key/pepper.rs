use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::strength::{StrengthPolicy, Weakness};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::ring::Ring;

/// What is kept of a key: HMAC-SHA-256 of its text, with a pepper of the service. It is not enough to make a key of.
///
/// A fast hash is right for 256 random bits: nobody can guess them, and a slow one would let strangers keep the service busy.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyDigest {
    pepper: u8,
    mac: [u8; 32],
}

/// The service's secrets that digests are made with. New digests use the current one; older ones still verify.
///
/// A pepper must stay for as long as there are keys whose digests were made with it: [`KeyDigest::pepper`] tells which.
#[derive(Clone, Debug)]
pub struct Peppers(Ring<Arc<SecretBytes>>);

/// A secret that cannot be a pepper, or a second one of the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPepper(&'static str);

impl Peppers {
    /// One pepper, under the id by which digests name it.
    ///
    /// # Errors
    ///
    /// When the secret has less than 32 bytes, the length of the hash (RFC 2104 3), or could be guessed.
    pub fn new(id: u8, secret: impl Into<Arc<SecretBytes>>) -> Result<Self, InvalidPepper> {
        Ok(Self(Ring::new(id, checked(secret.into())?)))
    }

    /// Adds one that digests may have been made with, or that other instances begin to use.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when the id is there already.
    pub fn and(self, id: u8, secret: impl Into<Arc<SecretBytes>>) -> Result<Self, InvalidPepper> {
        let ring = self.0.and(id, checked(secret.into())?);
        ring.map(Self)
            .ok_or(InvalidPepper("there are two peppers of the same id"))
    }

    /// The digest of a new key.
    pub(super) fn digest(&self, key: &str) -> KeyDigest {
        let (pepper, secret) = self.0.current();
        let mac = mac(secret, key);
        KeyDigest { pepper, mac }
    }

    /// Whether the digest is that of `key`; none if its pepper is not known. Takes as long for any key.
    pub(super) fn matches(&self, digest: &KeyDigest, key: &str) -> Option<bool> {
        let presented = mac(self.0.find(digest.pepper)?, key);
        Some(presented.ct_eq(&digest.mac).into())
    }

    /// Does the work of [`matches`](Self::matches) for a key that there is not.
    pub(super) fn match_nothing(&self, key: &str) {
        let (pepper, _) = self.0.current();
        let dummy = KeyDigest {
            pepper,
            mac: [0; 32],
        };
        std::hint::black_box(self.matches(&dummy, key));
    }
}

fn checked(secret: Arc<SecretBytes>) -> Result<Arc<SecretBytes>, InvalidPepper> {
    match secret.expose(|secret| StrengthPolicy::signing().check(secret)) {
        Ok(_) => Ok(secret),
        Err(Weakness::TooShort) => Err(InvalidPepper("a pepper has 32 bytes at least")),
        Err(_) => Err(InvalidPepper("a pepper is generated and not thought up")),
    }
}

fn mac(secret: &SecretBytes, key: &str) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret());
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(key.as_bytes());
    mac.finalize().into_bytes().into()
}

impl KeyDigest {
    /// The digest as a store kept it.
    #[must_use]
    pub fn from_parts(pepper: u8, mac: [u8; 32]) -> Self {
        Self { pepper, mac }
    }

    /// The id of the pepper that it was made with.
    #[must_use]
    pub fn pepper(&self) -> u8 {
        self.pepper
    }

    /// Its bytes, for stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.mac
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDigest")
            .field("pepper", &self.pepper)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidPepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidPepper {}
