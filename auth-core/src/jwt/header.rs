use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::algorithm::Algorithm;
use super::error::JwtErrorKind;
use super::kind::Type;
use super::{JwtError, base64, json};

/// The most bytes of a `kid`.
const MAX_ID: usize = 128;

/// What a header says, as far as anything depends on it.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// As it stood in the token.
    encoded: Box<str>,
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
        Self::read(encoded, json)
    }

    fn read(encoded: &str, json: &str) -> Result<Self, JwtError> {
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
            encoded: encoded.into(),
            algorithm,
            typ: typ.ok_or(JwtErrorKind::Type)?,
            id: id.ok_or(JwtErrorKind::KeyId)?,
            embeds_key,
        })
    }
}

/// The header of the token that was accepted last. All that were signed with one key have the same one, byte by byte, so that
/// it need not be read again.
#[derive(Debug, Default)]
pub(super) struct LastHeader(ArcSwapOption<Header>);

impl LastHeader {
    pub(super) fn parse(&self, encoded: &str) -> Result<Arc<Header>, JwtError> {
        match self.0.load_full() {
            Some(last) if *last.encoded == *encoded => Ok(last),
            _ => Header::parse(encoded).map(Arc::new),
        }
    }

    pub(super) fn keep(&self, header: &Arc<Header>) {
        let last = self.0.load();
        if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, header)) {
            self.0.store(Some(Arc::clone(header)));
        }
    }
}

/// A `kid`.
#[derive(Clone)]
pub(super) struct KeyId(Box<str>);

impl KeyId {
    pub(super) fn new(id: &str) -> Option<Self> {
        // `@` because RFC 7520 calls its keys by addresses.
        let of_ids = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:/+=@-".contains(&byte);
        let fits = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(of_ids);
        fits.then(|| Self(id.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}
