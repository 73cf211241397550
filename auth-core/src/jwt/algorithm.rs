use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

/// How a token is signed: the `alg` of RFC 7518 section 3, RFC 8037 and RFC 9864.
///
/// Names are compared byte by byte. `none` is no algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256. Whoever can verify can sign.
    Hs256,
    /// HMAC with SHA-384. Whoever can verify can sign.
    Hs384,
    /// HMAC with SHA-512. Whoever can verify can sign.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// EdDSA, of which only Ed25519 is supported.
    EdDsa,
    /// The same signatures as [`EdDsa`](Self::EdDsa), under the name that RFC 9864 gives them.
    Ed25519,
}

/// What kind of key an algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Hmac,
    Rsa,
    Ec(Curve),
    Ed,
}

/// A curve of RFC 7518 section 6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The bytes of a coordinate: no more and no less.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521]
            .into_iter()
            .find(|curve| curve.name() == name)
    }
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: &'static [Self] = &[
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// Its name in headers and keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Whether the key that verifies is the key that signs.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    pub(super) const fn family(self) -> Family {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Hmac,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                Family::Rsa
            }
            Self::Es256 => Family::Ec(Curve::P256),
            Self::Es384 => Family::Ec(Curve::P384),
            Self::Es512 => Family::Ec(Curve::P521),
            Self::EdDsa | Self::Ed25519 => Family::Ed,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is not the name of a supported [`Algorithm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm(());

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no signature algorithm of this name")
    }
}

impl Error for UnknownAlgorithm {}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm(()))
    }
}

/// The algorithms that an issuer signs with: at least one, and never both shared secrets and key pairs (ASVS 9.1.2), so that
/// a public key is never taken for a secret.
///
/// ```
/// use portcullis_auth_core::jwt::{Algorithm, Algorithms};
///
/// assert!(Algorithms::new([Algorithm::EdDsa, Algorithm::Es256]).is_ok());
/// assert_eq!(
///     Algorithms::new([Algorithm::Rs256, Algorithm::Hs256]).unwrap_err().to_string(),
///     "shared secrets and key pairs must not be mixed",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(Arc<[Algorithm]>);

impl Algorithms {
    /// These algorithms.
    ///
    /// # Errors
    ///
    /// When there are none, or when some take a shared secret and others do not.
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, InvalidAlgorithms> {
        let algorithms: Arc<[_]> = algorithms.into_iter().collect();
        let symmetric = algorithms
            .iter()
            .filter(|algorithm| algorithm.is_symmetric())
            .count();
        match (algorithms.len(), symmetric) {
            (0, _) => Err(InvalidAlgorithms("there must be at least one algorithm")),
            (all, some) if 0 < some && some < all => Err(InvalidAlgorithms(
                "shared secrets and key pairs must not be mixed",
            )),
            _ => Ok(Self(algorithms)),
        }
    }

    /// EdDSA and ES256: for tokens of our own.
    #[must_use]
    pub fn own() -> Self {
        Self(Arc::new([Algorithm::EdDsa, Algorithm::Es256]))
    }

    /// RS256, PS256, ES256 and EdDSA: what others sign with.
    #[must_use]
    pub fn common() -> Self {
        Self(Arc::new([
            Algorithm::Rs256,
            Algorithm::Ps256,
            Algorithm::Es256,
            Algorithm::EdDsa,
        ]))
    }
}

impl Deref for Algorithms {
    type Target = [Algorithm];

    fn deref(&self) -> &[Algorithm] {
        &self.0
    }
}

/// Algorithms that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAlgorithms(&'static str);

impl fmt::Display for InvalidAlgorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidAlgorithms {}
