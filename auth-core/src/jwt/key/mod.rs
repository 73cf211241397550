//! Keys, each for exactly one algorithm (RFC 8725 section 3.1).

mod error;
mod pair;
mod pem;
mod public;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
pub use error::{KeyError, KeyErrorKind};
use pair::Pair;
pub(super) use pair::{Private, RsaParts};
use pem::Label;
use portcullis_secrets::SecretString;
use portcullis_secrets::strength::StrengthPolicy;
pub(super) use public::Public;

use super::algorithm::Algorithm;
use super::header::KeyId;

/// A key that verifies what was signed with one algorithm. A clone shares it.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Verifying>);

struct Verifying {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    check: Check,
}

enum Check {
    Secret(Box<hmac::Key>),
    Public {
        key: ParsedPublicKey,
        /// The required members of its JWK.
        members: Box<str>,
    },
}

impl VerifyingKey {
    /// The first key of `pem`: SubjectPublicKeyInfo (`PUBLIC KEY`) or PKCS#1 (`RSA PUBLIC KEY`). Its id is its thumbprint.
    ///
    /// # Errors
    ///
    /// When `pem` has no public key, or none for `algorithm`; RSA keys have 2048 to 8192 bits.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode(pem)?;
        if !matches!(label, Label::Spki | Label::RsaPublic) {
            return Err(KeyErrorKind::WrongUse.into());
        }
        let public = Public::from_der(algorithm, der.expose_secret())?;
        Self::new(algorithm, &public)
    }

    /// A shared secret, called `id` as tokens can call it: up to 128 letters, digits and `._~:/+=@-`. Whoever has it can sign.
    ///
    /// # Errors
    ///
    /// When `id` is something else, when `algorithm` takes no secret, when the secret is shorter than its hash (RFC 7518 section 3.2), or when it was made
    /// up rather than generated: see [`portcullis_secrets::strength`].
    pub fn from_secret(algorithm: Algorithm, id: &str, secret: &[u8]) -> Result<Self, KeyError> {
        if KeyId::new(id).is_none() {
            return Err(KeyErrorKind::Malformed.into());
        }
        StrengthPolicy::signing().require("the token secret", secret)?;
        let key = secret_key(algorithm, secret)?;
        Ok(Self::symmetric(algorithm, Some(id.into()), key))
    }

    /// The public key, called by its thumbprint.
    fn new(algorithm: Algorithm, public: &Public) -> Result<Self, KeyError> {
        let id = public::thumbprint(&public.members());
        Self::with_id(algorithm, public, Some(id.into()))
    }

    pub(super) fn with_id(
        algorithm: Algorithm,
        public: &Public,
        id: Option<Box<str>>,
    ) -> Result<Self, KeyError> {
        let key = public.parse(algorithm)?;
        let members = public.members().into();
        Ok(Self(Arc::new(Verifying {
            id,
            algorithm,
            check: Check::Public { key, members },
        })))
    }

    pub(super) fn symmetric(
        algorithm: Algorithm,
        id: Option<Box<str>>,
        key: Box<hmac::Key>,
    ) -> Self {
        Self(Arc::new(Verifying {
            id,
            algorithm,
            check: Check::Secret(key),
        }))
    }

    /// What tokens call it: their `kid`. None if its issuer gave it no name.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The one algorithm that it is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// As a JWK (RFC 7517), with `kid`, `alg` and `use`; none of a shared secret, which has no public half.
    #[must_use]
    pub fn to_jwk(&self) -> Option<String> {
        let Check::Public { members, .. } = &self.0.check else {
            return None;
        };
        let algorithm = self.0.algorithm;
        let mut jwk = format!(r#"{{{members},"alg":"{algorithm}","use":"sig""#);
        if let Some(id) = self.id() {
            jwk.push_str(r#","kid":"#);
            jwk.push_str(&serde_json::Value::from(id).to_string());
        }
        jwk.push('}');
        Some(jwk)
    }

    /// Whether `signature` is this key's signature of `message`. In constant time where a secret is involved.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0.check {
            Check::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Check::Public { key, .. } => key.verify_sig(message, signature).is_ok(),
        }
    }

    /// Whether both verify the same signatures.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0.check, &other.0.check) {
            (
                Check::Public { members, .. },
                Check::Public {
                    members: others, ..
                },
            ) => members == others && self.0.algorithm == other.0.algorithm,
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.0.id)
            .field("algorithm", &self.0.algorithm)
            .finish_non_exhaustive()
    }
}

/// A key that signs with one algorithm.
///
/// Nothing of it is printed, and the library wipes its memory when it is dropped; what a processor's stack held while it was
/// made is not reached by that. Its id is its thumbprint (RFC 7638 with SHA-256),
/// unless it is a secret, which is called by a name.
pub struct SigningKey {
    pair: Pair,
    verifying: VerifyingKey,
}

impl SigningKey {
    /// A new key. RSA keys have 2048 bits. Secrets are made by
    /// [`SecretBytes::generate`](portcullis_secrets::SecretBytes::generate) and given to [`from_secret`](Self::from_secret).
    ///
    /// # Errors
    ///
    /// When `algorithm` takes a secret, or when there are no random numbers.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::new(algorithm, Pair::generate(algorithm)?)
    }

    /// The first private key of `pem`: PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// When `pem` has no private key, or none for `algorithm`; RSA keys have 2048 to 8192 bits. Encrypted keys are not read.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode(pem)?;
        let pair = Pair::from_der(algorithm, label, der.expose_secret())?;
        Self::new(algorithm, pair)
    }

    /// A shared secret, called `id`.
    ///
    /// # Errors
    ///
    /// As [`VerifyingKey::from_secret`].
    pub fn from_secret(algorithm: Algorithm, id: &str, secret: &[u8]) -> Result<Self, KeyError> {
        Ok(Self {
            verifying: VerifyingKey::from_secret(algorithm, id, secret)?,
            pair: Pair::Hmac(secret_key(algorithm, secret)?),
        })
    }

    pub(super) fn from_parts(
        algorithm: Algorithm,
        public: &Public,
        private: &Private,
    ) -> Result<Self, KeyError> {
        Self::new(algorithm, Pair::from_parts(algorithm, public, private)?)
    }

    fn new(algorithm: Algorithm, pair: Pair) -> Result<Self, KeyError> {
        let public = pair.public().ok_or(KeyErrorKind::WrongAlgorithm)?;
        let verifying = VerifyingKey::new(algorithm, &public)?;
        Ok(Self { pair, verifying })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// What tokens call it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.verifying.id().unwrap_or_default()
    }

    /// The one algorithm that it is for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    /// As PKCS#8 in PEM, to be stored where secrets are stored.
    ///
    /// # Errors
    ///
    /// Shared secrets have no such form.
    pub fn to_pem(&self) -> Result<SecretString, KeyError> {
        self.pair.to_pem()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair.sign(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// RFC 7518 section 3.2: a key of the size of the hash output or larger.
pub(super) fn secret_key(algorithm: Algorithm, secret: &[u8]) -> Result<Box<hmac::Key>, KeyError> {
    let (hash, least) = match algorithm {
        Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
        Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
        Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
        _ => return Err(KeyErrorKind::WrongAlgorithm.into()),
    };
    if secret.len() < least {
        return Err(KeyErrorKind::TooShort.into());
    }
    Ok(Box::new(hmac::Key::new(hash, secret)))
}
