use std::error::Error;
use std::fmt;
use std::str::FromStr;

use portcullis_secrets::zeroize::Zeroizing;
use portcullis_secrets::{ApiKeySecret, SecretError};

use super::base62;

const ID: usize = 12;
/// 43 digits of base 62 are 256 bits.
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// What keys look like: `<brand>_<environment>_<id>_<secret><checksum>`.
///
/// ```
/// use portcullis_auth_core::api_key::{Environment, KeyFormat};
///
/// let format = KeyFormat::new("acme", Environment::Live)?;
/// let (id, key) = format.generate()?;
/// assert_eq!(format.parse(key.expose_secret())?, id);
/// assert_eq!(format.display(id), format!("acme_live_{id}"));
///
/// // One wrong character is found without asking anybody.
/// let last = key.expose(|key| key.ends_with('0'));
/// let wrong = key.expose(|key| format!("{}{}", &key[..key.len() - 1], if last { '1' } else { '0' }));
/// assert!(format.parse(&wrong).is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// The prefix tells people and scanners whose key it is, the id is public and names it in lists and logs, the secret has 256
/// bits from the operating system, and the checksum is the CRC-32 of all that is before it. Only letters, digits and `_` are
/// in a key, so that a double click selects all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFormat {
    brand: Box<str>,
    environment: Environment,
    /// `acme_live_`
    prefix: Box<str>,
}

/// What a key is for. Keys of one environment are no keys in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// Real data: `live`.
    Live,
    /// Trying out: `test`.
    Test,
}

/// The public part of a key, 12 letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID]);

/// A text that cannot be a key: its prefix, its length, a character or the checksum is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedKey(());

/// A text that cannot be the brand of keys: not 2 to 10 of `a-z` and `0-9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBrand(());

/// A text that is not the id of a key: not 12 letters and digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKeyId(());

impl KeyFormat {
    /// Keys of `brand`, 2 to 10 of `a-z` and `0-9`.
    ///
    /// # Errors
    ///
    /// When the brand is anything else.
    pub fn new(brand: &str, environment: Environment) -> Result<Self, InvalidBrand> {
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !(2..=10).contains(&brand.len()) || !brand.bytes().all(usual) {
            return Err(InvalidBrand(()));
        }
        Ok(Self {
            brand: brand.into(),
            environment,
            prefix: format!("{brand}_{}_", environment.as_str()).into(),
        })
    }

    /// A new key. The text is nowhere else: show it once, and keep its digest.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn generate(&self) -> Result<(KeyId, ApiKeySecret), SecretError> {
        let mut id = [0; ID];
        base62::fill_random(&mut id)?;
        let mut secret = Zeroizing::new([0; SECRET]);
        base62::fill_random(&mut *secret)?;
        // Of the right size at once: what a string leaves behind as it grows is not wiped.
        let mut text = String::with_capacity(self.key_len());
        text.push_str(&self.prefix);
        text.extend(id.map(char::from));
        text.push('_');
        text.extend(secret.iter().copied().map(char::from));
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.map(char::from));
        Ok((KeyId(id), text.into()))
    }

    /// The id of a key that is written as it should be. Whether there is such a key is another question.
    ///
    /// # Errors
    ///
    /// When it is not a key of this brand and environment, or was mistyped.
    pub fn parse(&self, text: &str) -> Result<KeyId, MalformedKey> {
        self.read(text.as_bytes()).ok_or(MalformedKey(()))
    }

    fn read(&self, text: &[u8]) -> Option<KeyId> {
        if text.len() != self.key_len() {
            return None;
        }
        let body = text.strip_prefix(self.prefix.as_bytes())?;
        let (id, rest) = body.split_first_chunk::<ID>()?;
        let rest = rest.strip_prefix(b"_")?;
        if !id.iter().chain(rest).all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let (checked, written) = text.split_last_chunk::<CHECKSUM>()?;
        (checksum(checked) == *written).then_some(KeyId(*id))
    }

    fn key_len(&self) -> usize {
        self.prefix.len() + ID + 1 + SECRET + CHECKSUM
    }

    /// Whether `text` starts like a key of this brand, of either environment: then it is meant to be one and nothing else.
    /// No signed token does.
    #[must_use]
    pub fn is_meant_by(&self, text: &str) -> bool {
        text.strip_prefix(&*self.brand)
            .is_some_and(|rest| rest.starts_with('_'))
    }

    /// How lists and logs show a key: `acme_live_<id>`.
    #[must_use]
    pub fn display(&self, id: KeyId) -> String {
        format!("{}{id}", self.prefix)
    }

    /// A regular expression that finds keys of this brand, of both environments, in what was published by mistake. It is
    /// understood by all usual dialects.
    #[must_use]
    pub fn scanner_regex(&self) -> String {
        format!(
            r"\b{}_(?:live|test)_[0-9A-Za-z]{{{ID}}}_[0-9A-Za-z]{{{}}}\b",
            self.brand,
            SECRET + CHECKSUM
        )
    }

    /// What the keys are for.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }
}

fn checksum(text: &[u8]) -> [u8; CHECKSUM] {
    base62::digits(crc32fast::hash(text))
}

impl Environment {
    /// `live` or `test`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl KeyId {
    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Letters and digits are always UTF-8.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        match <[u8; ID]>::try_from(text.as_bytes()) {
            Ok(id) if id.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(id)),
            _ => Err(InvalidKeyId(())),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Display for MalformedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not an api key")
    }
}

impl Error for MalformedKey {}

impl fmt::Display for InvalidBrand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the brand of api keys is 2 to 10 of a-z and 0-9")
    }
}

impl Error for InvalidBrand {}

impl fmt::Display for InvalidKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of an api key is 12 letters and digits")
    }
}

impl Error for InvalidKeyId {}
