//! Text as a JSON string that is safe to print anywhere.

/// Appends at most `max` bytes of `text` to `out`, escaped. What is not UTF-8 becomes U+FFFD.
pub(super) fn escape(text: &[u8], max: usize, out: &mut Vec<u8>) {
    let text = bounded(text, max);
    if are_plain(text) {
        out.extend_from_slice(text);
        return;
    }
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match u8::try_from(char) {
                Ok(byte) if is_plain(byte) => out.push(byte),
                Ok(byte @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', byte]),
                // JSON writes what two bytes of UTF-16 do not hold as a pair of surrogates.
                _ => char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    out.extend_from_slice(b"\\u");
                    out.extend(unit.to_be_bytes().iter().flat_map(|byte| hex(*byte)));
                }),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// Whether no byte needs an escape, found out sixteen bytes at a time.
fn are_plain(text: &[u8]) -> bool {
    // Without a branch per byte, so that it compiles to vector instructions.
    let all = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(true, |plain, byte| plain & is_plain(*byte))
    };
    // The last sixteen may overlap those before: asking twice is cheaper than one by one.
    match text.last_chunk::<16>() {
        Some(last) => all(last) && text.as_chunks::<16>().0.iter().all(|chunk| all(chunk)),
        None => all(text),
    }
}

/// Printable ASCII that needs no escape.
const fn is_plain(byte: u8) -> bool {
    // Signed, because that is the comparison which vectors of bytes have: beyond ASCII is below zero.
    (byte.cast_signed() >= 0x20) & (byte != 0x7f) & (byte != b'"') & (byte != b'\\')
}

const fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 0xf) as usize]]
}

/// At most `max` bytes, and not a part of a character at the end.
fn bounded(text: &[u8], max: usize) -> &[u8] {
    if text.len() <= max {
        return text;
    }
    // A character has at most three bytes that continue it; more are no text in the first place.
    let is_start = |end: &usize| text[*end] & 0xc0 != 0x80;
    let end = (max.saturating_sub(3)..=max).rev().find(is_start);
    &text[..end.unwrap_or(max)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &[u8], max: usize) -> String {
        let mut out = Vec::new();
        escape(text, max, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn everything_but_plain_ascii_is_escaped() {
        for (text, expected) in [
            (&b"plain text/1.0 (a; b)"[..], "plain text/1.0 (a; b)"),
            (b"", ""),
            (b"\"\\/", "\\\"\\\\/"),
            (b"a\nb\rc\td", "a\\u000ab\\u000dc\\u0009d"),
            (b"\0\x1b[31m\x7f", "\\u0000\\u001b[31m\\u007f"),
            ("ä€".as_bytes(), "\\u00e4\\u20ac"),
            ("\u{1f980}".as_bytes(), "\\ud83e\\udd80"),
            // The other ways to begin a line or to turn it around.
            (
                "\u{85}\u{2028}\u{2029}\u{202e}".as_bytes(),
                "\\u0085\\u2028\\u2029\\u202e",
            ),
            (b"a\xffb\xc3", "a\\ufffdb\\ufffd"),
        ] {
            assert_eq!(escaped(text, 100), expected);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(escaped(b"12345", 5), "12345");
        assert_eq!(escaped(b"123456", 5), "12345");
        assert_eq!(escaped("1234\u{20ac}".as_bytes(), 5), "1234");
        assert_eq!(escaped("1234\u{20ac}".as_bytes(), 6), "1234");
        assert_eq!(escaped("1\u{1f980}2".as_bytes(), 5), "1\\ud83e\\udd80");
        assert_eq!(escaped(&[0x80; 9], 2), "\\ufffd\\ufffd");
        assert_eq!(escaped("\u{20ac}".as_bytes(), 0), "");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_a_parser(text: String) {
            let json = format!("\"{}\"", escaped(text.as_bytes(), usize::MAX));
            prop_assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            let back: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn any_bytes_are_bounded_json(text: Vec<u8>, max in 0..40_usize) {
            let json = format!("\"{}\"", escaped(&text, max));
            prop_assert!(json.len() <= 6 * max + 2);
            let back: String = serde_json::from_str(&json).unwrap();
            let whole = String::from_utf8_lossy(&text);
            if text.len() <= max {
                prop_assert_eq!(back, whole);
            }
        }
    }
}
