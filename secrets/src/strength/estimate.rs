use zeroize::Zeroizing;

use super::{Weakness, shape, words};
use crate::SecretBytes;

/// The scan for repetition takes time with the square of the length.
const LOOKED_AT: usize = 1024;
/// Keys are wrapped in base64 or hexadecimal once or twice, not more often.
const ENCODINGS: u32 = 3;

#[derive(Clone, Copy)]
pub(super) struct Estimate {
    pub(super) bits: f64,
    /// What keeps it from being more.
    pub(super) weakness: Weakness,
}

impl Estimate {
    pub(super) fn min(self, other: Self) -> Self {
        if other.bits < self.bits { other } else { self }
    }

    pub(super) fn of(secret: &[u8]) -> Self {
        Self::encoded(secret, ENCODINGS)
    }

    fn encoded(secret: &[u8], encodings: u32) -> Self {
        let estimate = match str::from_utf8(secret) {
            Ok(text) if is_text(text) => Self::of_text(text.trim()),
            // A key of raw bytes has too few of them to say much about their distribution; its digits are enough.
            _ => {
                let secret = &secret[..secret.len().min(LOOKED_AT)];
                let codes = secret.iter().map(|byte| u32::from(*byte));
                let codes = Zeroizing::new(codes.collect::<Vec<_>>());
                let bytes = Self {
                    bits: shape::count(shape::effective_len(&codes)) * 8.0,
                    weakness: Weakness::Repetitive,
                };
                bytes.min(Self::of_text(
                    SecretBytes::from(secret).to_hex().expose_secret(),
                ))
            }
        };
        if encodings == 0 {
            return estimate;
        }
        let inner = decoded(secret).into_iter().flatten();
        inner
            .map(|secret| Self::encoded(secret.expose_secret(), encodings - 1))
            .fold(estimate, Self::min)
    }

    fn of_text(text: &str) -> Self {
        let text = Zeroizing::new(text.chars().take(LOOKED_AT).collect::<Vec<_>>());
        let shape = shape::estimate(&text);
        words::estimate(&text).map_or(shape, |words| shape.min(words))
    }
}

/// How many bits an attacker has to guess at most, in the light of all that is looked for. See the
/// [module docs](super) for what that means.
///
/// ```
/// use portcullis_secrets::strength::estimate_bits;
///
/// assert_eq!(estimate_bits(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 0.0);
/// assert!(estimate_bits(b"deadbeefdeadbeefdeadbeefdeadbeef") < 40.0);
/// assert!(estimate_bits(b"5f1c8a0be27d94360ac17be85d02f94b") > 90.0);
/// ```
#[must_use]
pub fn estimate_bits(secret: &[u8]) -> f64 {
    Estimate::of(secret).bits
}

fn is_text(text: &str) -> bool {
    let unprintable = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    // The 16 bytes of a random key are valid UTF-8 once in a million times.
    !text.contains(unprintable) && (text.is_ascii() || text.len() >= 24)
}

/// What `secret` encodes, if that is text again.
fn decoded(secret: &[u8]) -> [Option<SecretBytes>; 2] {
    let text = str::from_utf8(secret).unwrap_or_default().trim();
    let from_hex = SecretBytes::from_hex(text).ok();
    // Text gives letters of both cases. Without this, a random key in base32 would now and then be taken for base64.
    let mixed = text.contains(|c: char| c.is_ascii_uppercase())
        && text.contains(|c: char| c.is_ascii_lowercase());
    let from_base64 = SecretBytes::from_base64(text).ok().filter(|_| mixed);
    [from_hex, from_base64].map(|secret| {
        let secret = secret?;
        let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        let text = secret.expose(|bytes| !bytes.is_empty() && bytes.iter().all(printable));
        text.then_some(secret)
    })
}
