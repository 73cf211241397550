//! Small readers of text as bytes. None of them ends inside of a character, because they end
//! before ASCII bytes only.

use std::ops::Range;

use crate::common::percent::hex;

/// The byte at `at`, or zero behind the end.
pub(super) fn at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or_default()
}

/// The byte before `at`, or zero before the start.
pub(super) fn before(text: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |before| text[before])
}

/// Where the bytes that are `wanted` end.
pub(super) fn run(text: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !wanted(*byte));
    start + length.unwrap_or(rest.len())
}

/// Where the line ends that `start` is in, without what ends it, and without the mark of a cut.
pub(super) fn line_end(text: &[u8], start: usize) -> usize {
    let end = run(text, start, |byte| byte != b'\n' && byte != b'\r');
    match text[start..end].strip_suffix(super::CUT.as_bytes()) {
        Some(line) => start + line.len(),
        None => end,
    }
}

/// Letters and digits, `_` and `-`: what tokens are made of.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Behind the spaces and the colours at `start`, of which there may be none. Only so many are
/// skipped that a text made of them is read once, however often it is asked.
pub(super) fn skip_spaces(text: &[u8], start: usize) -> usize {
    const MOST: usize = 64;
    let mut end = start;
    while end - start < MOST {
        end = match at(text, end) {
            b' ' | b'\t' => end + 1,
            _ => match colour(text, end) {
                Some(behind) => behind,
                None => break,
            },
        };
    }
    end
}

/// Behind the line break and the spaces at `start`, if they fold a header (RFC 9112, 5.2) or a value, and the
/// next line is none of its own that gives a value to another name.
pub(super) fn behind_fold(text: &[u8], start: usize) -> Option<usize> {
    const LONGEST_NAME: usize = 64;
    let next = match text.get(start..)? {
        [b'\r', b'\n', b' ' | b'\t', ..] => start + 2,
        [b'\n', b' ' | b'\t', ..] => start + 1,
        _ => return None,
    };
    let next = skip_spaces(text, next);
    let near = &text[..text.len().min(next + LONGEST_NAME)];
    let name = run(near, next, |byte| {
        is_token(byte) || matches!(byte, b'.' | b'"')
    });
    let has_name = name > next && matches!(at(text, skip_spaces(near, name)), b':' | b'=');
    (!has_name && !is_blank(at(text, next))).then_some(next)
}

/// Behind the ANSI control sequence (ECMA-48, 5.4) at `start`.
pub(super) fn colour(text: &[u8], start: usize) -> Option<usize> {
    const MOST: usize = 32;
    if text.get(start..)?.starts_with(b"\x1b[") {
        let text = &text[..text.len().min(start + MOST)];
        let end = run(text, start + 2, |byte| matches!(byte, b' '..=b'?'));
        matches!(at(text, end), b'@'..=b'~').then_some(end + 1)
    } else {
        None
    }
}

/// Whether a word can start at `start`, also directly behind an escaped character: `\n`, `%3D`, `\u003d`.
pub(super) fn starts_word(text: &[u8], start: usize) -> bool {
    let ends_with_escape = |length: usize, sign: &[u8]| {
        let escape = start.checked_sub(length).map(|from| &text[from..start]);
        let digits = escape.and_then(|escape| escape.strip_prefix(sign));
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let byte = before(text, start);
    !byte.is_ascii_alphanumeric()
        || matches!(byte, b'n' | b'r' | b't') && before(text, start - 1) == b'\\'
        || ends_with_escape(3, b"%")
        || ends_with_escape(6, b"\\u")
}

/// How many backslashes end at `end`, looking back no further than to `start`.
pub(super) fn backslashes(text: &[u8], range: Range<usize>) -> usize {
    let backwards = text[range].iter().rev();
    backwards.take_while(|byte| **byte == b'\\').count()
}

/// How many bytes at `start` spell the ASCII `byte` in a URL, also in one that is a part of another URL, in
/// JSON or in HTML: `%3D`, `%253D`, `\u003d`, `&#61;`. For quotes also `&quot;`.
pub(super) fn escaped(text: &[u8], start: usize, byte: u8) -> Option<usize> {
    const NESTED: usize = 3;
    let rest = text.get(start..)?;
    let is_byte = |text: Option<&[u8]>| text.and_then(hex) == Some(byte);
    match rest {
        [b'%', rest @ ..] => {
            let nested = rest.chunks(2).take(NESTED);
            let nested = nested.take_while(|digits| digits == b"25").count();
            is_byte(rest.get(2 * nested..)).then_some(3 + 2 * nested)
        }
        [b'\\', b'u', b'0', b'0', rest @ ..] => is_byte(Some(rest)).then_some(6),
        [b'&', b'#', tens, ones, b';', ..] => {
            let number = [tens, ones].map(|digit| char::from(*digit).to_digit(10));
            let [Some(tens), Some(ones)] = number else {
                return None;
            };
            (tens * 10 + ones == u32::from(byte)).then_some(5)
        }
        [b'&', b'q', b'u', b'o', b't', b';', ..] => (byte == b'"').then_some(6),
        _ => None,
    }
}
