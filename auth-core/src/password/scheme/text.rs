//! What the texts of all kinds of hashes are made of.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};

use super::super::error::Fault;

/// A salt of the lengths that are accepted: shorter ones repeat.
pub(super) const SALT: std::ops::RangeInclusive<usize> = 8..=64;
/// An output of the lengths that are accepted: shorter ones match by chance.
pub(super) const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;

/// A decimal number as `Display` writes it: no sign, no zeros before it.
pub(super) fn number(text: &str) -> Result<u64, Fault> {
    let canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = canonical.then(|| text.parse().ok()).flatten();
    number.ok_or(Fault::Malformed)
}

/// The number after `name=`.
pub(super) fn parameter(text: &str, name: &str) -> Result<u64, Fault> {
    let value = text.strip_prefix(name).and_then(|v| v.strip_prefix('='));
    number(value.ok_or(Fault::Malformed)?)
}

/// Cuts at `$`: as many parts as there are in the pattern that the caller takes them with.
pub(super) fn fields<const N: usize>(text: &str) -> Result<[&str; N], Fault> {
    let mut parts = text.split('$');
    let mut fields = [""; N];
    for field in &mut fields {
        *field = parts.next().ok_or(Fault::Malformed)?;
    }
    match parts.next() {
        None => Ok(fields),
        Some(_) => Err(Fault::Malformed),
    }
}

/// Base64 without padding, strict about stray bits: the PHC string format.
const PHC: GeneralPurpose = base64::engine::general_purpose::STANDARD_NO_PAD;

/// Base64 as other programs have written it: `.` for `+` (passlib), padding (Django), stray bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn phc(text: &str) -> Result<Box<[u8]>, Fault> {
    let bytes = PHC.decode(text).map_err(|_| Fault::Malformed)?;
    Ok(bytes.into())
}

pub(super) fn to_phc(bytes: &[u8]) -> String {
    PHC.encode(bytes)
}

pub(super) fn lenient(text: &str) -> Result<Box<[u8]>, Fault> {
    let bytes = LENIENT.decode(text.replace('.', "+"));
    Ok(bytes.map_err(|_| Fault::Malformed)?.into())
}

/// Refuses salts and outputs of lengths that no hash should have.
pub(super) fn lengths(salt: &[u8], output: &[u8]) -> Result<(), Fault> {
    if SALT.contains(&salt.len()) && OUTPUT.contains(&output.len()) {
        Ok(())
    } else {
        Err(Fault::ParamsRejected)
    }
}
