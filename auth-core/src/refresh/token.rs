use std::error::Error;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_secrets::strength::{WeakSecret, require_strong};
use portcullis_secrets::zeroize::Zeroizing;
use portcullis_secrets::{SecretBytes, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::Family;
use crate::id::SessionId;

/// What tells a refresh token from other strings, to people and to scanners of leaked secrets.
const PREFIX: &str = "rt_";
const VERSION: u8 = 1;
/// `ver 1 | kid 1 | family 16 | generation 4 | mac 32 | crc 4`
const LEN: usize = 58;
const MAC: usize = 22;
const CRC: usize = 54;
const TEXT_LEN: usize = PREFIX.len() + (LEN * 4).div_ceil(3);

/// What a MAC is in: what is seen of one form of a token, such as the id of a signed one in a log, is of no use for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// With the id of its key, which is the family's.
    Opaque(u8),
    #[cfg(feature = "jwt")]
    Signed,
}

impl Form {
    const fn context(self) -> &'static [u8] {
        match self {
            Self::Opaque(_) => b"auth-core/rt/v1",
            #[cfg(feature = "jwt")]
            Self::Signed => b"auth-core/rt+jwt/v1",
        }
    }
}

/// A text that has the form of a refresh token. Whether it is one is found out by [`RefreshKeys::verify`].
#[derive(Clone)]
pub struct RefreshToken {
    form: Form,
    family: SessionId,
    generation: u32,
    mac: Zeroizing<[u8; 32]>,
}

/// A text that is no refresh token. Shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedToken(());

impl RefreshToken {
    /// Reads the form, with its checksum: what was mistyped, cut or made up ends here, before any store is asked.
    ///
    /// # Errors
    ///
    /// For every text that was not written by [`RefreshKeys::token`] of this version.
    pub fn parse(text: &str) -> Result<Self, MalformedToken> {
        let malformed = MalformedToken(());
        let encoded = text.strip_prefix(PREFIX).ok_or(malformed)?;
        if text.len() != TEXT_LEN {
            return Err(malformed);
        }
        let mut bytes = Zeroizing::new([0; LEN]);
        // Refuses padding and stray bits: one token has one text.
        let decoded = URL_SAFE_NO_PAD.decode_slice_unchecked(encoded, &mut *bytes);
        if decoded != Ok(LEN) {
            return Err(malformed);
        }
        let (content, crc) = bytes.split_at(CRC);
        if crc != crc32fast::hash(content).to_be_bytes() {
            return Err(malformed);
        }
        let (head, mac) = content.split_at(MAC);
        let [VERSION, key_id, rest @ ..] = head else {
            return Err(malformed);
        };
        let (family, generation) = rest.split_at(16);
        let array = |_| malformed;
        Ok(Self {
            form: Form::Opaque(*key_id),
            family: SessionId::from_bytes(family.try_into().map_err(array)?),
            generation: u32::from_be_bytes(generation.try_into().map_err(array)?),
            mac: Zeroizing::new(mac.try_into().map_err(array)?),
        })
    }

    /// What a token says that we have signed. None if `id` is none of ours.
    #[cfg(feature = "jwt")]
    pub(super) fn signed(family: SessionId, generation: u32, id: &str) -> Option<Self> {
        let mut mac = Zeroizing::new([0; 32]);
        let decoded = URL_SAFE_NO_PAD.decode_slice(id, &mut *mac);
        (decoded == Ok(mac.len())).then_some(Self {
            form: Form::Signed,
            family,
            generation,
            mac,
        })
    }

    /// The family that it claims to be of.
    #[must_use]
    pub fn family(&self) -> SessionId {
        self.family
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("family", &self.family)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for MalformedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not a refresh token")
    }
}

impl Error for MalformedToken {}

/// A token of a family that exists, made with our key. Only [`RefreshKeys::verify`] makes one, so that nothing that was not
/// authenticated can reach a store, let alone end a family.
#[derive(Clone, Debug)]
pub struct Authentic {
    family: Arc<Family>,
    generation: u32,
}

impl Authentic {
    /// Whose token it is.
    #[must_use]
    pub fn family(&self) -> &Arc<Family> {
        &self.family
    }

    /// Which of the family's tokens it is.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

/// The keys that authenticate refresh tokens: one for new families, and those that older families still need.
///
/// A family keeps its key for life, so a key can go when the last family with it has: 30 days by default after it was
/// replaced. Until then a service that starts without it would end sessions by mistake, and refuses to start instead.
#[derive(Clone)]
pub struct RefreshKeys {
    /// The first is the one for new families.
    keys: Vec<(u8, Hmac<Sha256>)>,
}

impl RefreshKeys {
    /// The key for new families, under an id that no other key ever had.
    ///
    /// # Errors
    ///
    /// When the key has fewer than 32 bytes, or could be guessed.
    pub fn new(id: u8, key: &SecretBytes) -> Result<Self, RefreshKeyError> {
        let keys = Vec::with_capacity(1);
        Self { keys }.and_older(id, key)
    }

    /// Adds a key for the families that were made with it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when there is a key of that id.
    pub fn and_older(mut self, id: u8, key: &SecretBytes) -> Result<Self, RefreshKeyError> {
        if self.mac(id).is_some() {
            return Err(RefreshKeyError(KeyFault::DuplicateId(id)));
        }
        let weak = |weak| RefreshKeyError(KeyFault::Weak(weak));
        let mac = key.expose(|key| {
            if key.len() < 32 {
                return Err(RefreshKeyError(KeyFault::Short(key.len())));
            }
            require_strong("the refresh token key", key).map_err(weak)?;
            Ok(hmac(key))
        })?;
        self.keys.push((id, mac));
        Ok(self)
    }

    /// The id of the key for new families.
    #[must_use]
    pub fn current(&self) -> u8 {
        self.keys.first().map_or(0, |(id, _)| *id)
    }

    /// Whether there is a key of this id.
    #[must_use]
    pub fn contains(&self, id: u8) -> bool {
        self.mac(id).is_some()
    }

    /// The text of a token. The same each time, which is why it need not be stored.
    ///
    /// # Errors
    ///
    /// When the family's key is not here.
    pub fn token(&self, family: &Family, generation: u32) -> Result<SecretString, MissingKey> {
        let mac = self.authenticate(family, generation, Form::Opaque(family.key_id))?;
        let mut bytes = Zeroizing::new([0; LEN]);
        bytes[0] = VERSION;
        bytes[1] = family.key_id;
        bytes[2..18].copy_from_slice(family.id.as_bytes());
        bytes[18..MAC].copy_from_slice(&generation.to_be_bytes());
        bytes[MAC..CRC].copy_from_slice(&*mac);
        let crc = crc32fast::hash(&bytes[..CRC]);
        bytes[CRC..].copy_from_slice(&crc.to_be_bytes());
        let mut text = String::with_capacity(TEXT_LEN);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        Ok(text.into())
    }

    /// Whether `token` was made with our key for `family`: which generation it is of may be any that ever was.
    ///
    /// The comparison takes the same time wherever the first difference is. `None` for a token that is not authentic.
    ///
    /// # Errors
    ///
    /// When the family's key is not here: that says nothing about the token.
    pub fn verify(
        &self,
        token: &RefreshToken,
        family: Arc<Family>,
    ) -> Result<Option<Authentic>, MissingKey> {
        let generation = token.generation;
        let mac = self.authenticate(&family, generation, token.form)?;
        let by_its_key = !matches!(token.form, Form::Opaque(key) if key != family.key_id);
        let ours = token.family == family.id && by_its_key;
        let authentic = ours && bool::from(mac.ct_eq(&*token.mac));
        Ok(authentic.then_some(Authentic { family, generation }))
    }

    /// The id (`jti`) of a signed token. The same each time, and made by nobody else.
    #[cfg(feature = "jwt")]
    pub(super) fn signed_id(&self, family: &Family, generation: u32) -> Result<String, MissingKey> {
        let mac = self.authenticate(family, generation, Form::Signed)?;
        Ok(URL_SAFE_NO_PAD.encode(*mac))
    }

    fn authenticate(
        &self,
        family: &Family,
        generation: u32,
        form: Form,
    ) -> Result<Zeroizing<[u8; 32]>, MissingKey> {
        let missing = MissingKey(family.key_id);
        let mut mac = self.mac(family.key_id).ok_or(missing)?.clone();
        // Unambiguous without separators: only the tenant has no fixed length.
        mac.update(form.context());
        mac.update(family.tenant.as_str().as_bytes());
        mac.update(family.id.as_bytes());
        mac.update(&generation.to_be_bytes());
        mac.update(family.nonce.expose_secret());
        Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    fn mac(&self, id: u8) -> Option<&Hmac<Sha256>> {
        let key = self.keys.iter().find(|(own, _)| *own == id);
        key.map(|(_, mac)| mac)
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| id).collect();
        f.debug_tuple("RefreshKeys").field(&ids).finish()
    }
}

/// The key of a family is not configured, although the family lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingKey(pub(super) u8);

impl MissingKey {
    /// The key's id.
    #[must_use]
    pub fn key_id(&self) -> u8 {
        self.0
    }
}

impl fmt::Display for MissingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        write!(
            f,
            "the refresh token key {id} is missing, and live sessions need it"
        )
    }
}

impl Error for MissingKey {}

/// A key that cannot authenticate refresh tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshKeyError(KeyFault);

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyFault {
    DuplicateId(u8),
    Short(usize),
    Weak(WeakSecret),
}

impl fmt::Display for RefreshKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            KeyFault::DuplicateId(id) => {
                write!(f, "there are two refresh token keys with the id {id}")
            }
            KeyFault::Short(len) => write!(
                f,
                "a refresh token key has at least 32 bytes, and this one {len}"
            ),
            KeyFault::Weak(weak) => weak.fmt(f),
        }
    }
}

impl Error for RefreshKeyError {}
