//! Percent-encoding (RFC 3986, 2.1).

use std::borrow::Cow;

/// The bytes that `text` stands for. What is no encoding stands for itself.
pub(crate) fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, hex(behind)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => bytes.push(*first),
        }
    }
    Cow::Owned(bytes)
}

/// The byte of which the two digits are at the start of `text`.
pub(crate) fn hex(text: &[u8]) -> Option<u8> {
    let digit = |index| char::from(*text.get(index)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}
