//! Public keys: from their numbers to what verifies, to JWK and to thumbprint.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKey as RsaPublicKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::{KeyError, KeyErrorKind};
use crate::jwt::algorithm::{Algorithm, Curve, Family};
use crate::jwt::base64;

/// The numbers of a public key, as RFC 7518 section 6 and RFC 8037 have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::jwt) enum Public {
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The curve, and 4 with both coordinates (SEC1 2.3.3).
    Ec { curve: Curve, point: Vec<u8> },
    /// The 32 bytes of an Ed25519 key.
    Ed { x: Vec<u8> },
}

impl Public {
    pub(in crate::jwt) fn family(&self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::Ec { curve, .. } => Family::Ec(*curve),
            Self::Ed { .. } => Family::Ed,
        }
    }

    /// The key that verifies signatures of `algorithm`. All that can be checked of a key is checked here.
    pub(super) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
        match (self, verification(algorithm)) {
            (Self::Rsa { n, e }, Some(Verification::Rsa(parameters))) => {
                check_rsa(n, e)?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            (Self::Ec { curve, point }, Some(Verification::Ec(of, verification)))
                if *curve == of =>
            {
                ParsedPublicKey::new(verification, point)
            }
            (Self::Ed { x }, Some(Verification::Ed)) => {
                check_ed25519(x)?;
                ParsedPublicKey::new(&ED25519, x)
            }
            _ => return Err(KeyErrorKind::WrongAlgorithm.into()),
        }
        .map_err(|_| KeyErrorKind::Inconsistent.into())
    }

    /// Reads SubjectPublicKeyInfo, or PKCS#1 if `algorithm` is one for RSA keys.
    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        match verification(algorithm) {
            Some(Verification::Rsa(_)) => {
                let key = RsaPublicKey::from_der(der).map_err(|_| KeyErrorKind::WrongAlgorithm)?;
                Ok(Self::of_rsa(&key))
            }
            Some(Verification::Ec(curve, verification)) => {
                let mut point = tail(verification, der, 1 + 2 * curve.bytes())?;
                // The library writes points in full, whatever it read.
                if point.first_mut() != Some(&mut 4) {
                    return Err(KeyErrorKind::Malformed.into());
                }
                Ok(Self::Ec { curve, point })
            }
            Some(Verification::Ed) => Ok(Self::Ed {
                x: tail(&ED25519, der, 32)?,
            }),
            None => Err(KeyErrorKind::WrongAlgorithm.into()),
        }
    }

    pub(super) fn of_rsa(key: &RsaPublicKey) -> Self {
        Self::Rsa {
            n: key.modulus().big_endian_without_leading_zero().to_vec(),
            e: key.exponent().big_endian_without_leading_zero().to_vec(),
        }
    }

    /// The required members in the order of RFC 7638 section 3.2, without the braces.
    pub(super) fn members(&self) -> String {
        match self {
            Self::Rsa { n, e } => {
                let (n, e) = (base64::encode(n), base64::encode(e));
                format!(r#""e":"{e}","kty":"RSA","n":"{n}""#)
            }
            Self::Ec { curve, point } => {
                let (x, y) = point.get(1..).unwrap_or_default().split_at(curve.bytes());
                let (x, y) = (base64::encode(x), base64::encode(y));
                let curve = curve.name();
                format!(r#""crv":"{curve}","kty":"EC","x":"{x}","y":"{y}""#)
            }
            Self::Ed { x } => {
                let x = base64::encode(x);
                format!(r#""crv":"Ed25519","kty":"OKP","x":"{x}""#)
            }
        }
    }
}

/// RFC 7638, with SHA-256, of a key with these required members.
pub(super) fn thumbprint(members: &str) -> String {
    base64::encode(digest(&SHA256, format!("{{{members}}}").as_bytes()))
}

/// The library accepts any size until it verifies, and any odd exponent above one.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let (Some(first), Some(last)) = (n.first(), n.last()) else {
        return Err(KeyErrorKind::Malformed.into());
    };
    let zeros = usize::try_from(first.leading_zeros()).unwrap_or(8);
    match n.len() * 8 - zeros {
        ..2048 => return Err(KeyErrorKind::TooShort.into()),
        2048..=8192 => {}
        _ => return Err(KeyErrorKind::Inconsistent.into()),
    }
    let odd = last & 1 == 1 && e.last().is_some_and(|last| last & 1 == 1);
    if *first == 0 || e.first() == Some(&0) || e == [1] || !odd || e.len() > 5 {
        return Err(KeyErrorKind::Inconsistent.into());
    }
    // NIST SP 800-89 section 5.3.3: no factors below 752.
    let has_small_factor = (3..752).step_by(2).any(|odd| remainder(n, odd) == 0);
    if has_small_factor || is_roca(n) {
        return Err(KeyErrorKind::Broken.into());
    }
    Ok(())
}

/// The library accepts any point. One of small order is nobody's key: of every eight messages, one at least is "signed" for
/// it by a signature that takes no secret to make. Of the 32 bytes, 255 bits are a number below 2^255 - 19 (RFC 8032
/// section 5.1.3).
fn check_ed25519(x: &[u8]) -> Result<(), KeyError> {
    /// The numbers of all such points: of the orders 1, 2, 4, 8 and 8.
    const SMALL_ORDER: [&str; 5] = [
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "7P_______________________________________38",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    ];
    let mut y = x.to_vec();
    if let Some(last) = y.last_mut() {
        // The sign of the other coordinate.
        *last &= 0x7f;
    }
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let is_number = y.iter().rev().lt(prime.iter().rev());
    if is_number && !SMALL_ORDER.contains(&base64::encode(y).as_str()) {
        Ok(())
    } else {
        Err(KeyErrorKind::Inconsistent.into())
    }
}

/// Primes of the faulty library are powers of 65537 modulo all small primes, and so is the product of two of them. Of others
/// that is true by a chance that nobody meets (Nemec et al., CCS 2017, section 3.1).
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let rest = remainder(n, prime);
        let mut power = 1;
        (1..prime).any(|_| {
            power = power * 65_537 % prime;
            power == rest
        })
    })
}

fn remainder(n: &[u8], by: u32) -> u32 {
    n.iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % by)
}

/// The key at the end of a SubjectPublicKeyInfo: nothing comes after it, and its length is known.
fn tail(
    verification: &'static dyn VerificationAlgorithm,
    der: &[u8],
    len: usize,
) -> Result<Vec<u8>, KeyError> {
    let key = ParsedPublicKey::new(verification, der).map_err(|_| KeyErrorKind::WrongAlgorithm)?;
    let der = key.as_der().map_err(|_| KeyErrorKind::Failed)?;
    let start = der.as_ref().len().checked_sub(len);
    start
        .and_then(|start| der.as_ref().get(start..))
        .map(<[u8]>::to_vec)
        .ok_or(KeyErrorKind::Malformed.into())
}

enum Verification {
    Rsa(&'static RsaParameters),
    Ec(Curve, &'static dyn VerificationAlgorithm),
    Ed,
}

fn verification(algorithm: Algorithm) -> Option<Verification> {
    Some(match algorithm {
        Algorithm::Rs256 => Verification::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Verification::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Verification::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Verification::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Verification::Rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Verification::Rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 => Verification::Ec(Curve::P256, &ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => Verification::Ec(Curve::P384, &ECDSA_P384_SHA384_FIXED),
        Algorithm::Es512 => Verification::Ec(Curve::P521, &ECDSA_P521_SHA512_FIXED),
        Algorithm::EdDsa | Algorithm::Ed25519 => Verification::Ed,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
    })
}
