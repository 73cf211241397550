//! What signs.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use portcullis_secrets::{SecretBytes, SecretString};

use super::pem::{self, Label};
use super::public::Public;
use super::{KeyError, KeyErrorKind};
use crate::jwt::algorithm::{Algorithm, Curve};

/// The library wipes its memory when it frees it.
pub(super) enum Pair {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, Curve),
    Ed(Ed25519KeyPair),
}

enum Signing {
    Rsa(&'static dyn RsaEncoding),
    Ec(&'static EcdsaSigningAlgorithm, Curve),
    Ed,
}

fn signing(algorithm: Algorithm) -> Option<Signing> {
    Some(match algorithm {
        Algorithm::Rs256 => Signing::Rsa(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Signing::Rsa(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Signing::Rsa(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Signing::Rsa(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Signing::Rsa(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Signing::Rsa(&RSA_PSS_SHA512),
        Algorithm::Es256 => Signing::Ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Curve::P256),
        Algorithm::Es384 => Signing::Ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Curve::P384),
        Algorithm::Es512 => Signing::Ec(&ECDSA_P521_SHA512_FIXED_SIGNING, Curve::P521),
        Algorithm::EdDsa | Algorithm::Ed25519 => Signing::Ed,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
    })
}

impl Pair {
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        match signing(algorithm) {
            Some(Signing::Rsa(encoding)) => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Self::Rsa(pair, encoding))
            }
            Some(Signing::Ec(signing, curve)) => {
                EcdsaKeyPair::generate(signing).map(|pair| Self::Ec(pair, curve))
            }
            Some(Signing::Ed) => Ed25519KeyPair::generate().map(Self::Ed),
            None => return Err(KeyErrorKind::WrongAlgorithm.into()),
        }
        .map_err(|_| KeyErrorKind::Failed.into())
    }

    pub(super) fn from_der(
        algorithm: Algorithm,
        label: Label,
        der: &[u8],
    ) -> Result<Self, KeyError> {
        let pair = match (signing(algorithm), label) {
            (_, Label::Spki | Label::RsaPublic) => return Err(KeyErrorKind::NotPrivate.into()),
            (Some(Signing::Rsa(encoding)), Label::Pkcs8) => {
                RsaKeyPair::from_pkcs8(der).map(|pair| Self::Rsa(pair, encoding))
            }
            (Some(Signing::Rsa(encoding)), Label::RsaPrivate) => {
                RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, encoding))
            }
            (Some(Signing::Ec(signing, curve)), Label::Pkcs8) => {
                EcdsaKeyPair::from_pkcs8(signing, der).map(|pair| Self::Ec(pair, curve))
            }
            (Some(Signing::Ec(signing, curve)), Label::EcPrivate) => {
                EcdsaKeyPair::from_private_key_der(signing, der).map(|pair| Self::Ec(pair, curve))
            }
            (Some(Signing::Ed), Label::Pkcs8) => Ed25519KeyPair::from_pkcs8(der).map(Self::Ed),
            _ => return Err(KeyErrorKind::WrongAlgorithm.into()),
        };
        pair.map_err(|rejected| refused(&rejected).into())
    }

    pub(super) fn from_parts(
        algorithm: Algorithm,
        public: &Public,
        private: &Private,
    ) -> Result<Self, KeyError> {
        match (signing(algorithm), public, private) {
            (Some(Signing::Rsa(encoding)), Public::Rsa { n, e }, Private::Rsa(parts)) => {
                parts.pair(n, e).map(|pair| Self::Rsa(pair, encoding))
            }
            (Some(Signing::Ec(signing, of)), Public::Ec { curve, point }, Private::Scalar(d))
                if *curve == of =>
            {
                EcdsaKeyPair::from_private_key_and_public_key(signing, d.expose_secret(), point)
                    .map(|pair| Self::Ec(pair, of))
            }
            (Some(Signing::Ed), Public::Ed { x }, Private::Scalar(d)) => {
                Ed25519KeyPair::from_seed_and_public_key(d.expose_secret(), x).map(Self::Ed)
            }
            _ => return Err(KeyErrorKind::WrongAlgorithm.into()),
        }
        .map_err(|_| KeyErrorKind::Inconsistent.into())
    }

    /// The public half; none if there is only one whole.
    pub(super) fn public(&self) -> Option<Public> {
        match self {
            Self::Hmac(_) => None,
            Self::Rsa(pair, _) => Some(Public::of_rsa(pair.public_key())),
            Self::Ec(pair, curve) => Some(Public::Ec {
                curve: *curve,
                point: pair.public_key().as_ref().to_vec(),
            }),
            Self::Ed(pair) => Some(Public::Ed {
                x: pair.public_key().as_ref().to_vec(),
            }),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .map(|()| signature)
            }
            Self::Ec(pair, _) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec()),
            Self::Ed(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec()),
        }
        .map_err(|_| KeyErrorKind::Failed.into())
    }

    pub(super) fn to_pem(&self) -> Result<SecretString, KeyError> {
        match self {
            Self::Hmac(_) => return Err(KeyErrorKind::Unsupported.into()),
            Self::Rsa(pair, _) => pair.as_der().map(|der| pem::encode(der.as_ref())),
            Self::Ec(pair, _) => pair.to_pkcs8v1().map(|der| pem::encode(der.as_ref())),
            Self::Ed(pair) => pair.to_pkcs8v1().map(|der| pem::encode(der.as_ref())),
        }
        .map_err(|_| KeyErrorKind::Failed.into())
    }
}

/// Most often it is a key of another type, loaded by mistake; the library tells that from no other fault of the encoding.
fn refused(rejected: &KeyRejected) -> KeyErrorKind {
    match rejected.to_string().as_str() {
        "TooSmall" => KeyErrorKind::TooShort,
        "TooLarge" | "InconsistentComponents" => KeyErrorKind::Inconsistent,
        _ => KeyErrorKind::WrongAlgorithm,
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair([REDACTED])")
    }
}

/// The secret numbers of a key, as RFC 7518 section 6 and RFC 8037 have them.
#[derive(Debug)]
pub(in crate::jwt) enum Private {
    Rsa(Box<RsaParts>),
    /// `d` of an EC key, of all bytes, or the seed of an Ed25519 key.
    Scalar(SecretBytes),
}

/// All numbers of an RSA key but the public ones.
#[derive(Debug)]
pub(in crate::jwt) struct RsaParts {
    pub(in crate::jwt) d: SecretBytes,
    pub(in crate::jwt) p: SecretBytes,
    pub(in crate::jwt) q: SecretBytes,
    pub(in crate::jwt) dp: SecretBytes,
    pub(in crate::jwt) dq: SecretBytes,
    pub(in crate::jwt) qi: SecretBytes,
}

impl RsaParts {
    fn pair(&self, n: &[u8], e: &[u8]) -> Result<RsaKeyPair, KeyRejected> {
        RsaKeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n, e },
            d: self.d.expose_secret(),
            p: self.p.expose_secret(),
            q: self.q.expose_secret(),
            dP: self.dp.expose_secret(),
            dQ: self.dq.expose_secret(),
            qInv: self.qi.expose_secret(),
        })
    }
}
