//! Where values without quotes end.

use memchr::memchr3;

use super::quote::{Quote, double_quote};
use crate::redact::bytes::{at, before, colour, is_blank, is_token, line_end, run};

/// Where a header ends that is a part of a line: at a quote, which is one around it if it does not
/// open the value of a parameter, or with the line.
pub(super) fn header_end(text: &[u8], start: usize, line: usize) -> usize {
    let text = &text[..line];
    let mut end = start;
    while let Some(next) = memchr3(b'"', b'\\', 0x1b, &text[end..]) {
        let quote = Quote::at(text, end + next);
        let content = quote.filter(|_| before(text, end + next) == b'=');
        end += next;
        let Some(content) = content.and_then(|quote| quote.content(text, end)) else {
            return start + text[start..end].trim_ascii_end().len();
        };
        // Behind the quote that closes it, or at the end of the line.
        end = text.len().min(content.end + (content.start - end));
    }
    start + text[start..].trim_ascii_end().len()
}

/// Where a list of cookies ends, `a=b; c=d`.
pub(super) fn cookies_end(text: &[u8], start: usize, line: usize) -> usize {
    let text = &text[..line];
    let mut end = start;
    loop {
        end = run(text, end, |byte| {
            !is_blank(byte) && !matches!(byte, b'"' | b'\\' | 0x1b)
        });
        // A value may be in quotes (RFC 6265, 4.1.1).
        let quote = Quote::at(text, end).filter(|_| before(text, end) == b'=');
        if let Some(content) = quote.and_then(|quote| quote.content(text, end)) {
            end = text.len().min(content.end + (content.start - end));
            continue;
        }
        if before(text, end) != b';' || at(text, end) != b' ' || is_blank(at(text, end + 1)) {
            return end;
        }
        end += 1;
    }
}

/// A number or a boolean of JSON.
pub(super) fn json_scalar(text: &[u8]) -> Option<usize> {
    let end = run(text, 0, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
    });
    let word = &text[..end];
    let is_number = matches!(word, [b'-' | b'0'..=b'9', ..]);
    let is_end =
        end == text.len() || is_blank(text[end]) || matches!(text[end], b',' | b'}' | b']' | b'\\');
    (is_end && (is_number || matches!(word, b"true" | b"false"))).then_some(end)
}

/// Where a value without quotes ends, on a line that ends at `line` or behind brackets that do not.
pub(super) fn bare_end(text: &[u8], start: usize, mut line: usize) -> usize {
    let mut end = start;
    while end < line {
        let opens = matches!(text[end], b'(' | b'[' | b'{');
        // `Credentials { .. }` is how Rust shows a struct.
        let opens_struct = text[end..].starts_with(b" {") && is_type(&text[start..end]);
        if opens || opens_struct {
            let Some(behind) = closed(text, end + usize::from(opens_struct)) else {
                return line;
            };
            end = behind;
            if end > line {
                line = line_end(text, end);
            }
            continue;
        }
        end = match text[end] {
            b')' | b']' | b'}' if ends_group(at(text, end + 1)) => break,
            b',' | b';' | b'&' if ends_item(text, end + 1) => break,
            b':' if is_blank(at(text, end + 1)) => break,
            // Another one than that around it is followed by a word.
            b'"' if !at(text, end + 1).is_ascii_alphanumeric() => break,
            b'\\' => {
                let behind = run(&text[..line], end, |byte| byte == b'\\');
                // Of an escape both halves are taken, and none of a quote's.
                match at(text, behind) {
                    b'"' if !at(text, behind + 1).is_ascii_alphanumeric() => break,
                    _ if (behind - end).is_multiple_of(2) => behind,
                    _ => line.min(behind + 1),
                }
            }
            0x1b => match colour(text, end) {
                Some(behind) if goes_on(at(text, behind)) => behind,
                _ => break,
            },
            byte if is_blank(byte) => break,
            _ => end + 1,
        };
    }
    end
}

/// Whether a value goes on with it behind a colour.
fn goes_on(byte: u8) -> bool {
    byte != 0
        && !is_blank(byte)
        && !matches!(
            byte,
            b'"' | b'\\' | 0x1b | b',' | b';' | b'&' | b')' | b']' | b'}'
        )
}

fn is_type(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_uppercase)
        && word.iter().all(|byte| is_token(*byte) || *byte == b':')
}

/// Whether a bracket before this byte closes one that is around the value.
fn ends_group(next: u8) -> bool {
    next == 0
        || is_blank(next)
        || matches!(
            next,
            b',' | b';' | b':' | b'.' | b')' | b']' | b'}' | b'>' | b'"' | b'\'' | b'\\' | 0x1b
        )
}

/// Whether what starts behind a comma is another item and not the rest of the value.
fn ends_item(text: &[u8], start: usize) -> bool {
    const LONGEST_NAME: usize = 64;
    let near = &text[..text.len().min(start + LONGEST_NAME)];
    let name = run(near, start, |byte| is_token(byte) || byte == b'.');
    let has_name = name > start && matches!(at(text, name), b'=' | b':');
    has_name || ends_group(at(text, start)) || matches!(at(text, start), b'(' | b'[' | b'{')
}

/// Behind the bracket that closes the one at `start`, if it is near.
fn closed(text: &[u8], start: usize) -> Option<usize> {
    const FARTHEST: usize = 1024;
    let near = &text[..text.len().min(start + FARTHEST)];
    let (mut depth, mut index) = (0_usize, start);
    while index < near.len() {
        match near[index] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'"' => index += 1 + double_quote(&near[index + 1..], 0)?,
            b'\\' => index += 1,
            _ => {}
        }
        index += 1;
        if depth == 0 {
            return Some(index);
        }
    }
    None
}
