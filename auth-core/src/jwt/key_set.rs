//! The keys of one issuer.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::jwk::Jwk;
use super::key::{KeyError, KeyErrorKind, VerifyingKey};
use super::source::{KeySource, Lookup};
use crate::time::Timestamp;

/// Keys that do not change: a configured set, or one reading of an issuer's JWKS document.
///
/// ```
/// use portcullis_auth_core::jwt::{Algorithm, KeySet};
///
/// let set = KeySet::from_jwks(
///     br#"{"keys":[
///         {"kty":"oct","k":"c2VjcmV0"},
///         {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
///     ]}"#,
///     &[Algorithm::EdDsa],
/// )?;
/// assert_eq!(set.keys().len(), 1);
/// assert_eq!(set.skipped().len(), 1);
/// # Ok::<_, portcullis_auth_core::jwt::KeyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    skipped: Vec<SkippedKey>,
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    index: usize,
    reason: KeyErrorKind,
}

impl SkippedKey {
    /// Which one, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Why not.
    #[must_use]
    pub fn reason(&self) -> KeyErrorKind {
        self.reason
    }
}

impl KeySet {
    /// The most keys of a JWKS document that are looked at.
    pub const MAX_KEYS: usize = 100;

    /// A set of these keys.
    ///
    /// # Errors
    ///
    /// When two different keys for the same algorithm have the same id, or none: nobody could tell which is meant.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, KeyError> {
        let mut set = Self::default();
        for key in keys {
            if set.twins(&key).next().is_some() {
                return Err(KeyErrorKind::Malformed.into());
            }
            set.keys.push(key);
        }
        Ok(set)
    }

    /// Reads a JWKS document (RFC 7517 section 5) of a foreign issuer whose tokens are signed with one of `allowed`.
    ///
    /// One bad key never spoils the set: shared secrets, keys for encryption, unknown types, RSA keys of less than 2048 bits,
    /// keys for other algorithms and what cannot be read are [skipped](Self::skipped), and so is what comes after the first
    /// [hundred](Self::MAX_KEYS). Of two different keys for one algorithm with one id neither is used. A set without a usable
    /// key is no error here.
    ///
    /// # Errors
    ///
    /// When `json` is no JSON object with a list called `keys`.
    pub fn from_jwks(json: &[u8], allowed: &[Algorithm]) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let malformed = |_| KeyError::from(KeyErrorKind::Malformed);
        let document: Document<'_> = serde_json::from_slice(json).map_err(malformed)?;
        let mut read = Vec::new();
        let mut skipped = Vec::new();
        for (index, jwk) in document.keys.iter().take(Self::MAX_KEYS).enumerate() {
            match public_key(jwk.get(), allowed) {
                Ok(key) => read.push((index, key)),
                Err(error) => skipped.push(SkippedKey {
                    index,
                    reason: error.kind(),
                }),
            }
        }
        let mut set = Self::default();
        for (index, key) in &read {
            let mut twins = read.iter().filter(|(_, other)| have_one_name(key, other));
            if twins.any(|(_, other)| !key.is_same(other)) {
                let (index, reason) = (*index, KeyErrorKind::Malformed);
                skipped.push(SkippedKey { index, reason });
            } else if set.twins(key).next().is_none() {
                set.keys.push(key.clone());
            }
        }
        skipped.sort_unstable_by_key(|skipped| skipped.index);
        Ok(Self { skipped, ..set })
    }

    /// The keys that can be used.
    #[must_use]
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The keys of the document that are not used, in its order.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The key called `id`, for `algorithm`. Without an id: the only key there is for `algorithm`.
    #[must_use]
    pub fn get(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&VerifyingKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm() == algorithm && (id.is_none() || key.id() == id));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    fn twins<'s>(&'s self, key: &VerifyingKey) -> impl Iterator<Item = &'s VerifyingKey> {
        self.keys
            .iter()
            .filter(move |other| have_one_name(key, other))
    }
}

fn have_one_name(key: &VerifyingKey, other: &VerifyingKey) -> bool {
    key.id() == other.id() && key.algorithm() == other.algorithm()
}

fn public_key(json: &str, allowed: &[Algorithm]) -> Result<VerifyingKey, KeyError> {
    let jwk = Jwk::parse(json)?;
    if jwk.is_symmetric() {
        return Err(KeyErrorKind::Unsupported.into());
    }
    jwk.verifying_key(allowed)
}

impl KeySource for KeySet {
    fn find(&self, id: Option<&str>, algorithm: Algorithm, _now: Timestamp) -> Lookup {
        match self.get(id, algorithm) {
            Some(key) => Lookup::Found(key.clone()),
            None => Lookup::Unknown,
        }
    }
}
