//! Numbers and strings of JSON.

use crate::redact::bytes::{at, run};

/// RFC 8259, 6.
pub(super) fn is_number(word: &[u8]) -> bool {
    let digits = |from| run(word, from, |byte| byte.is_ascii_digit());
    let start = usize::from(at(word, 0) == b'-');
    let mut end = digits(start);
    if end == start || at(word, start) == b'0' && end > start + 1 {
        return false;
    }
    if at(word, end) == b'.' {
        let start = end + 1;
        end = digits(start);
        if end == start {
            return false;
        }
    }
    if matches!(at(word, end), b'e' | b'E') {
        let start = end + 1 + usize::from(matches!(at(word, end + 1), b'+' | b'-'));
        end = digits(start);
        if end == start {
            return false;
        }
    }
    end == word.len()
}

/// Appends what a valid string says. Half of a surrogate pair says nothing.
pub(super) fn unescape(raw: &str, plain: &mut String) {
    let unit = |text: &str| {
        text.get(..4)
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
    };
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (sign, behind) = escape.split_at(escape.len().min(1));
        rest = behind;
        match sign {
            "b" => plain.push('\u{8}'),
            "f" => plain.push('\u{c}'),
            "n" => plain.push('\n'),
            "r" => plain.push('\r'),
            "t" => plain.push('\t'),
            "u" => {
                let first = unit(rest);
                rest = rest.get(4..).unwrap_or_default();
                let second = rest.strip_prefix("\\u").and_then(unit);
                let pair = first.into_iter().chain(second);
                let decoded = char::decode_utf16(pair).next().and_then(Result::ok);
                let char = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
                if char.len_utf16() == 2 {
                    rest = rest.get(6..).unwrap_or_default();
                }
                plain.push(char);
            }
            itself => plain.push_str(itself),
        }
    }
    plain.push_str(rest);
}

pub(super) fn escape(plain: &str, raw: &mut String) {
    for char in plain.chars() {
        match char {
            '"' => raw.push_str("\\\""),
            '\\' => raw.push_str("\\\\"),
            '\n' => raw.push_str("\\n"),
            '\r' => raw.push_str("\\r"),
            '\t' => raw.push_str("\\t"),
            '\0'..' ' => raw.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => raw.push(char),
        }
    }
}
