//! Values behind sensitive names in free text: `password=x`, `"token": "x"`, `secret: Some("x")`,
//! `?code=x`, `--api-key x`, `Authorization: Bearer x`, and the same in quotes that are escaped.
//!
//! Where a value ends is not a regular language: quotes are escaped as deep as they are nested,
//! and brackets are counted. So it is read by hand, each byte once.

mod assignment;
mod extent;
mod quote;

use std::ops::Range;

use memchr::memmem;

use self::assignment::{Assignment, Name, Sign};
use self::extent::{bare_end, cookies_end, header_end, json_scalar};
use self::quote::Quote;
use super::bytes::{at, is_blank, line_end, run, skip_spaces};
use super::names::{Names, Place};
use super::{IN_PLACE, REDACTED};

/// Text to replace, and by what.
#[derive(Debug)]
pub(in crate::redact) struct Edit {
    pub(in crate::redact) range: Range<usize>,
    pub(in crate::redact) mark: &'static str,
    /// What to put around the mark: the quotes of the name, where the value has none and JSON
    /// needs them.
    pub(in crate::redact) quote: Range<usize>,
}

impl Edit {
    pub(in crate::redact) fn new(range: Range<usize>, mark: &'static str) -> Self {
        let quote = 0..0;
        Self { range, mark, quote }
    }
}

/// How far a text has been read, so that no part of it is read twice.
#[derive(Default)]
pub(in crate::redact) struct Done {
    /// The end of the last value.
    value: usize,
    /// The end of the line that was looked at last.
    line: usize,
}

/// The value of the name that `literal` is the end of.
pub(in crate::redact) fn value(
    text: &[u8],
    literal: Range<usize>,
    names: &Names,
    done: &mut Done,
) -> Option<Edit> {
    let found = Assignment::find(text, literal.end).filter(|found| found.value >= done.value)?;
    let name = Name::before(text, literal, found.quote.len());
    if !name.takes(text, &found) || !names.is_sensitive(name.text, name.place) {
        return None;
    }
    if done.line < found.value {
        done.line = line_end(text, found.value);
    }
    let is_bare = found.quote.is_empty() && Quote::at(text, found.value).is_none();
    let edit = if name.place == Place::Query && is_bare {
        query_value(text, &found)
    } else if is_bare && ends_with(name.text, b"cookie") {
        Edit::new(found.value..cookies_end(text, found.value), REDACTED)
    } else {
        let is_authorization = ends_with(name.text, b"authorization");
        field_value(text, &found, done.line, is_authorization)?
    };
    done.value = edit.range.end;
    (!edit.range.is_empty()).then_some(edit)
}

fn ends_with(name: &[u8], end: &[u8]) -> bool {
    let start = name.len().checked_sub(end.len());
    start.is_some_and(|start| name[start..].eq_ignore_ascii_case(end))
}

/// The value of a query's parameter goes to the next one.
fn query_value(text: &[u8], assignment: &Assignment) -> Edit {
    let start = assignment.value;
    let end = run(text, start, |byte| {
        !is_blank(byte)
            && !matches!(
                byte,
                b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | 0x1b
            )
    });
    let end = match assignment.sign {
        Sign::Encoded => memmem::find(&text[start..end], b"%26").map_or(end, |next| start + next),
        _ => end,
    };
    Edit::new(start..end, IN_PLACE)
}

fn field_value(
    text: &[u8],
    assignment: &Assignment,
    line: usize,
    is_authorization: bool,
) -> Option<Edit> {
    let start = assignment.value;
    // `b"x"` is how Rust and Python show bytes.
    let prefixed =
        usize::from(at(text, start) == b'b' && matches!(at(text, start + 1), b'"' | b'\''));
    if let Some(quote) = Quote::at(text, start + prefixed)
        && let Some(range) = quote.content(&text[..line], start + prefixed)
    {
        return Some(match scheme(&text[range.clone()], is_authorization) {
            Some(scheme) => Edit::new(range.start + scheme.length..range.end, IN_PLACE),
            None => Edit::new(range, REDACTED),
        });
    }
    let rest = &text[start..line];
    if let Some(scheme) = scheme(rest, is_authorization) {
        let start = start + scheme.length;
        let end = match scheme.has_parameters {
            true => header_end(text, start, line),
            false => bare_end(text, start, line),
        };
        return Some(Edit::new(start..end, IN_PLACE));
    }
    // An unknown scheme may be followed by anything.
    if is_authorization && assignment.sign == Sign::Colon && assignment.quote.is_empty() {
        return Some(Edit::new(start..header_end(text, start, line), REDACTED));
    }
    let end = match json_scalar(rest) {
        Some(length) if !assignment.quote.is_empty() => start + length,
        _ => bare_end(text, start, line),
    };
    if matches!(&text[start..end], b"null" | b"None" | b"nil") {
        return None;
    }
    let mut edit = Edit::new(start..end, REDACTED);
    if text[assignment.quote.clone()].ends_with(b"\"") {
        edit.quote = assignment.quote.clone();
    }
    Some(edit)
}

struct Scheme {
    /// Of the name and what follows until the credentials.
    length: usize,
    /// Whether there is more than one word behind it.
    has_parameters: bool,
}

/// The scheme by which credentials begin (RFC 9110, 11.4).
fn scheme(value: &[u8], is_authorization: bool) -> Option<Scheme> {
    const WITH_TOKEN: [&str; 2] = ["bearer", "basic"];
    const OTHERS: [&str; 7] = [
        "apikey",
        "dpop",
        "negotiate",
        "ntlm",
        "token",
        "digest",
        "aws4-hmac-sha256",
    ];
    let word = run(value, 0, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'-'
    });
    let length = skip_spaces(value, word);
    let is = |name: &&str| value[..word].eq_ignore_ascii_case(name.as_bytes());
    let has_token = WITH_TOKEN.iter().any(is);
    let known = has_token || is_authorization && OTHERS.iter().any(is);
    (known && length > word && length < value.len()).then_some(Scheme {
        length,
        has_parameters: !has_token,
    })
}
