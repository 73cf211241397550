use std::fmt;
use std::sync::Arc;

use super::algorithm::Algorithm;
use super::error::JwtErrorKind;
use super::header::{Header, KeyId};
use super::key::VerifyingKey;
use super::{JwtError, MAX_TOKEN_BYTES, base64};

/// The longest signature there is: that of an RSA key of 8192 bits.
const MAX_SIGNATURE: usize = 1024;

/// A signed message in compact form (RFC 7515 section 7.1), read and not yet believed.
///
/// For tokens there is [`Verifier`](super::Verifier), which also looks at what they say. This is for signatures of anything
/// else: the payload may be any bytes.
///
/// ```
/// use portcullis_auth_core::jwt::{Algorithm, Jwk, Jws, JwtErrorKind};
///
/// // RFC 8037 appendix A.4
/// let jws = Jws::parse(
///     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
/// )?;
/// let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let key = Jwk::parse(jwk)?.verifying_key(&[Algorithm::EdDsa])?;
/// assert_eq!(jws.verify(&key)?, b"Example of Ed25519 signing");
///
/// let forged = Jws::parse("eyJhbGciOiJFZERTQSJ9.Rm9yZ2Vk.AAAA")?;
/// assert_eq!(forged.verify(&key).unwrap_err().kind(), JwtErrorKind::Signature);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Keys come from the caller alone: what a header says of keys (`jku`, `jwk`, `x5u`, `x5c`) is never looked at.
#[derive(Clone)]
pub struct Jws<'a> {
    header: Arc<Header>,
    payload: Vec<u8>,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Jws<'a> {
    /// Takes a message apart.
    ///
    /// # Errors
    ///
    /// When it has more than [8 KiB](MAX_TOKEN_BYTES), when it is not three parts of strict base64url, when the header is no
    /// JSON object without members of the same name, when its `alg`, `typ` or `kid` is not acceptable, and when it has
    /// `crit`, `b64`, `zip` or `enc`.
    pub fn parse(token: &'a str) -> Result<Self, JwtError> {
        Self::parse_with(token, |header| Header::parse(header).map(Arc::new))
    }

    pub(super) fn parse_with(
        token: &'a str,
        parse_header: impl FnOnce(&str) -> Result<Arc<Header>, JwtError>,
    ) -> Result<Self, JwtError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwtErrorKind::TooLarge.into());
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtErrorKind::Malformed)?;
        // A fourth part would leave a dot in one of these, where base64 has none.
        let (header, payload) = signed.split_once('.').ok_or(JwtErrorKind::Malformed)?;
        Ok(Self {
            header: parse_header(header)?,
            payload: base64::decode(payload).ok_or(JwtErrorKind::Malformed)?,
            signed,
            signature,
        })
    }

    /// Its `alg`.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// Its `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.id.as_ref().map(KeyId::as_str)
    }

    /// Whether its header brings a key, a certificate or an address of one along. Nobody does that by mistake.
    #[must_use]
    pub fn embeds_key(&self) -> bool {
        self.header.embeds_key
    }

    /// Its payload, if `key` has signed it.
    ///
    /// # Errors
    ///
    /// When the key is for another algorithm, before it is used, and when the signature is not the key's.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&[u8], JwtError> {
        if key.algorithm() != self.header.algorithm {
            return Err(JwtErrorKind::Algorithm.into());
        }
        let mut buffer = [0; MAX_SIGNATURE];
        // A text too long for the buffer, and one that is no base64url, are both nobody's signature.
        let signature =
            base64::decode_into(self.signature, &mut buffer).ok_or(JwtErrorKind::Signature)?;
        if !key.verifies(self.signed.as_bytes(), signature) {
            return Err(JwtErrorKind::Signature.into());
        }
        Ok(&self.payload)
    }

    pub(super) fn header(&self) -> &Arc<Header> {
        &self.header
    }

    pub(super) fn take_payload(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.payload)
    }
}

/// Shows neither payload nor signature: together they may be a token that opens something.
impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
