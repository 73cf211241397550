use std::fmt;
use std::io::Read;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::read::read_all;
use super::{Secret, SecretError, SecretErrorKind, SecretString};

// Strict about stray bits, so that one key has one text; about padding there is no agreement among those who write keys.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Secret bytes: keys, mostly. See the [module docs](super) for what is promised.
#[must_use]
pub struct SecretBytes(Secret<[u8]>);

impl SecretBytes {
    /// `len` bytes from the operating system's random source. 32 are right for every use in this family.
    ///
    /// # Errors
    ///
    /// Fewer than 16 bytes are refused, since they can be guessed; the operating system's own failure is passed on.
    pub fn generate(len: usize) -> Result<Self, SecretError> {
        if len < 16 {
            return Err(SecretErrorKind::TooShort.into());
        }
        let mut bytes = Zeroizing::new(vec![0; len]);
        getrandom::fill(&mut bytes).map_err(SecretError::no_randomness)?;
        Ok(Self::from(std::mem::take(&mut *bytes)))
    }

    /// Reads to the end of `reader`, which may have `max` bytes at most.
    ///
    /// # Errors
    ///
    /// When the reader fails or has more than `max` bytes.
    pub fn read_from(reader: impl Read, max: usize) -> Result<Self, SecretError> {
        read_all(reader, max).map(Self::from)
    }

    /// Reads pairs of hexadecimal digits, in either case.
    ///
    /// # Errors
    ///
    /// When there is anything else in `text`, or a digit without its pair.
    pub fn from_hex(text: &str) -> Result<Self, SecretError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for [high, low] in pairs {
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                return Err(SecretErrorKind::NotHex.into());
            };
            bytes.push(high << 4 | low);
        }
        if !rest.is_empty() {
            return Err(SecretErrorKind::NotHex.into());
        }
        Ok(Self::from(std::mem::take(&mut *bytes)))
    }

    /// Reads base64 in the standard or in the URL-safe alphabet, with or without padding.
    ///
    /// # Errors
    ///
    /// When `text` is neither.
    pub fn from_base64(text: &str) -> Result<Self, SecretError> {
        let engine = if text.contains(['-', '_']) {
            URL_SAFE
        } else {
            STANDARD
        };
        // Larger than any result, since a vector that had to grow would leave a copy behind.
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
        let Ok(len) = engine.decode_slice(text, &mut bytes) else {
            return Err(SecretErrorKind::NotBase64.into());
        };
        Ok(Self::from(&bytes[..len]))
    }

    /// The bytes as lower-case hexadecimal digits.
    pub fn to_hex(&self) -> SecretString {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let bytes = self.expose_secret();
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            text.push(DIGITS[usize::from(byte >> 4)]);
            text.push(DIGITS[usize::from(byte & 15)]);
        }
        text.into()
    }

    /// The bytes as base64 in the URL-safe alphabet, without padding: good in headers, cookies, URLs and shells.
    pub fn to_base64url(&self) -> SecretString {
        let bytes = self.expose_secret();
        // Not `encode_string`: it goes through a buffer on the stack.
        let mut ascii = Zeroizing::new(vec![0; bytes.len().div_ceil(3) * 4]);
        // Cannot fail: there is room.
        let len = URL_SAFE_NO_PAD
            .encode_slice(bytes, &mut ascii)
            .unwrap_or_default();
        let mut text = String::with_capacity(len);
        text.extend(ascii[..len].iter().copied().map(char::from));
        text.into()
    }

    /// Lends the bytes to `f`, and returns what `f` returns.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.0.expose(f)
    }

    /// Lends the bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Compares in a time that depends on the lengths only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.ct_matches(other.expose_secret())
    }

    /// Compares with bytes that are not held as a secret, such as those a caller presented, in a time that depends on
    /// the lengths only.
    #[must_use]
    pub fn ct_matches(&self, presented: &[u8]) -> bool {
        self.expose_secret().ct_eq(presented).into()
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Takes the bytes over. If the vector has room to spare they are copied, and its buffer is wiped.
impl From<Vec<u8>> for SecretBytes {
    fn from(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self::from(bytes.into_boxed_slice());
        }
        let exact = Box::<[u8]>::from(&*bytes);
        bytes.zeroize();
        Self::from(exact)
    }
}

impl From<Box<[u8]>> for SecretBytes {
    fn from(bytes: Box<[u8]>) -> Self {
        Self(Secret::from(bytes))
    }
}

/// Copies the bytes; the caller's own are the caller's to wipe.
impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self::from(Box::<[u8]>::from(bytes))
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes([REDACTED])")
    }
}

impl ZeroizeOnDrop for SecretBytes {}
