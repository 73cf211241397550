//! The text form of keys: RFC 7468.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_secrets::{SecretBytes, SecretString};

use super::{KeyError, KeyErrorKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// `PRIVATE KEY`: PKCS#8 (RFC 5958).
    Pkcs8,
    /// `RSA PRIVATE KEY`: PKCS#1 (RFC 8017).
    RsaPrivate,
    /// `EC PRIVATE KEY`: SEC1 (RFC 5915).
    EcPrivate,
    /// `PUBLIC KEY`: SubjectPublicKeyInfo (RFC 5280).
    Spki,
    /// `RSA PUBLIC KEY`: PKCS#1 (RFC 8017).
    RsaPublic,
}

impl Label {
    const PRIVATE_KEY: &'static str = "PRIVATE KEY";

    fn of(label: &str) -> Result<Option<Self>, KeyError> {
        match label {
            Self::PRIVATE_KEY => Ok(Some(Self::Pkcs8)),
            "RSA PRIVATE KEY" => Ok(Some(Self::RsaPrivate)),
            "EC PRIVATE KEY" => Ok(Some(Self::EcPrivate)),
            "PUBLIC KEY" => Ok(Some(Self::Spki)),
            "RSA PUBLIC KEY" => Ok(Some(Self::RsaPublic)),
            // `openssl ecparam -genkey` writes the curve first.
            "EC PARAMETERS" => Ok(None),
            _ => Err(KeyErrorKind::Unsupported.into()),
        }
    }
}

/// The first key of `pem`, and what it is said to be.
pub(super) fn decode(pem: &str) -> Result<(Label, SecretBytes), KeyError> {
    let malformed = KeyError::from(KeyErrorKind::Malformed);
    let mut rest = pem;
    loop {
        let (_, from) = rest.split_once("-----BEGIN ").ok_or(malformed.clone())?;
        let (label, from) = from.split_once("-----").ok_or(malformed.clone())?;
        let (body, after) = from.split_once("-----END ").ok_or(malformed.clone())?;
        rest = after
            .strip_prefix(label)
            .and_then(|after| after.strip_prefix("-----"))
            .ok_or(malformed.clone())?;
        if let Some(label) = Label::of(label)? {
            let mut base64 = String::with_capacity(body.len());
            base64.extend(body.chars().filter(|char| !char.is_ascii_whitespace()));
            let base64 = SecretString::from(base64);
            let der = SecretBytes::from_base64(base64.expose_secret()).map_err(|_| malformed)?;
            return Ok((label, der));
        }
    }
}

/// `der`, which is PKCS#8, as PEM.
pub(super) fn encode(der: &[u8]) -> SecretString {
    const LINE: usize = 64;
    let base64 = SecretString::from(STANDARD.encode(der));
    let base64 = base64.expose_secret();
    let label = Label::PRIVATE_KEY;
    let mut pem = String::with_capacity(base64.len() + base64.len() / LINE + 64);
    pem.push_str("-----BEGIN ");
    pem.push_str(label);
    pem.push_str("-----\n");
    for line in base64.as_bytes().chunks(LINE) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem.into()
}
