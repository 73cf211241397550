use std::fmt;

use super::algorithm::Algorithm;
use super::error::JwtErrorKind;
use super::kind::Type;
use super::{JwtError, base64, json};

/// The most bytes of a `kid`.
const MAX_ID: usize = 128;

/// What a header says, as far as anything depends on it.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) typ: Type,
    pub(super) id: Option<KeyId>,
    /// It has a key, a certificate or an address of one. None of them is ever looked at.
    pub(super) embeds_key: bool,
}

impl Header {
    pub(super) fn parse(encoded: &str) -> Result<Self, JwtError> {
        // Headers of ours have some 90 bytes.
        let mut small = [0; 384];
        let mut large = Vec::new();
        let buffer = if encoded.len() <= small.len() {
            &mut small[..]
        } else {
            large.resize(encoded.len(), 0);
            &mut large
        };
        let json = base64::decode_into(encoded, buffer)
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .ok_or(JwtErrorKind::Malformed)?;
        Self::read(json)
    }

    fn read(json: &str) -> Result<Self, JwtError> {
        let mut algorithm = None;
        let mut typ = Some(Type::Absent);
        let mut id = Some(None);
        let mut extended = false;
        let mut embeds_key = false;
        json::object(json, |name, value| match &*name.read() {
            "alg" => algorithm = value.text().and_then(|name| name.parse().ok()),
            "typ" => typ = value.text().map(|typ| Type::of(&typ)),
            "kid" => id = value.text().and_then(|id| KeyId::new(&id)).map(Some),
            "crit" | "b64" | "zip" | "enc" => extended = true,
            "jku" | "jwk" | "x5u" | "x5c" => embeds_key = true,
            _ => {}
        })?;
        let algorithm = algorithm.ok_or(JwtErrorKind::Algorithm)?;
        if extended {
            return Err(JwtErrorKind::Extension.into());
        }
        Ok(Self {
            algorithm,
            typ: typ.ok_or(JwtErrorKind::Type)?,
            id: id.ok_or(JwtErrorKind::KeyId)?,
            embeds_key,
        })
    }
}

/// A `kid`, kept where it is so that none is copied to the heap.
#[derive(Clone)]
pub(super) struct KeyId {
    bytes: [u8; MAX_ID],
    len: usize,
}

impl KeyId {
    pub(super) fn new(id: &str) -> Option<Self> {
        // `@` because RFC 7520 calls its keys by addresses.
        let of_ids = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~:/+=@-".contains(byte);
        let mut bytes = [0; MAX_ID];
        let len = id.len();
        bytes.get_mut(..len)?.copy_from_slice(id.as_bytes());
        (len > 0 && id.as_bytes().iter().all(of_ids)).then_some(Self { bytes, len })
    }

    pub(super) fn as_str(&self) -> &str {
        // ASCII, as was seen when it was made.
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
