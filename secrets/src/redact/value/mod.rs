//! Values behind sensitive names in free text: `password=x`, `"token": "x"`, `secret: Some("x")`,
//! `?code=x`, `--api-key x`, `Authorization: Bearer x`, `<pin>x</pin>`, and the same in quotes and
//! signs that are escaped.
//!
//! Where a value ends is not a regular language: quotes are escaped as deep as they are nested,
//! and brackets are counted. So it is read by hand, each byte once.

mod assignment;
mod enclosed;
mod extent;
mod quote;

use std::ops::Range;

pub(in crate::redact) use self::assignment::is_first_of_pair;
use self::assignment::{Assignment, Name, Sign};
use self::enclosed::{element, part};
use self::extent::{bare_end, cookies_end, header_end, json_scalar};
use self::quote::Quote;
use super::bytes::{at, behind_fold, escaped, is_blank, is_token, line_end, run, skip_spaces};
use super::names::Names;
use super::{IN_PLACE, REDACTED};
use crate::common::names::Place;

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

impl Done {
    /// Where the line ends that `start` is in.
    fn line_of(&mut self, text: &[u8], start: usize) -> usize {
        if self.line < start {
            self.line = line_end(text, start);
        }
        self.line
    }
}

/// The value of the name that `literal` is the end of.
pub(in crate::redact) fn value(
    text: &[u8],
    literal: Range<usize>,
    names: &Names,
    done: &mut Done,
) -> Option<Edit> {
    let edit = match Assignment::find(text, literal.end) {
        Some(found) if found.value < done.value => return None,
        Some(found) => assigned(text, literal.clone(), &found, names, done),
        None => None,
    };
    let edit = edit.or_else(|| enclosed(text, literal, names, done))?;
    done.value = edit.range.end;
    (!edit.range.is_empty()).then_some(edit)
}

fn enclosed(text: &[u8], literal: Range<usize>, names: &Names, done: &mut Done) -> Option<Edit> {
    if literal.end < done.value {
        return None;
    }
    let quote = Quote::at(text, literal.end).map_or(0, Quote::length);
    let name = Name::before(text, literal.clone(), quote);
    let range = match quote {
        0 => element(text, literal.end - name.text.len()..literal.end)?,
        _ => {
            let line_end = |start| done.line_of(text, start);
            part(text, name.before, literal.end + quote, line_end)?
        }
    };
    let is_sensitive = names.is_sensitive(name.text, name.place);
    is_sensitive.then(|| Edit::new(range, REDACTED))
}

fn assigned(
    text: &[u8],
    literal: Range<usize>,
    found: &Assignment,
    names: &Names,
    done: &mut Done,
) -> Option<Edit> {
    let mut name = Name::before(text, literal, found.quote.len());
    if !name.takes(text, found) {
        return None;
    }
    if !names.is_sensitive(name.text, name.place) {
        name.place = Place::Query;
        if !begins_query(text, found) || !names.is_sensitive(name.text, name.place) {
            return None;
        }
    }
    let line = done.line_of(text, found.value);
    let is_bare = found.quote.is_empty() && Quote::at(text, found.value).is_none();
    if name.place == Place::Query && is_bare {
        Some(query_value(text, found))
    } else if is_bare && ends_with(name.text, b"cookie") {
        let end = cookies_end(text, found.value, line);
        Some(Edit::new(found.value..end, REDACTED))
    } else {
        let is_authorization = ends_with(name.text, b"authorization");
        field_value(text, found, line, is_authorization)
    }
}

/// The text of a password in a statement of SQL, whose quote ends the literal: `PASSWORD 'x'`.
pub(in crate::redact) fn sql_text(
    text: &[u8],
    literal: Range<usize>,
    done: &mut Done,
) -> Option<Edit> {
    let quote = literal.end - 1;
    let line = &text[..done.line_of(text, quote)];
    let range = Quote::at(text, quote)?.content(line, quote)?;
    (!range.is_empty()).then(|| Edit::new(range, REDACTED))
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
        // The sign before the next parameter is spelled as this one is.
        Sign::Spelled(length) => {
            let mut places = start..end;
            let next = places.find(|place| escaped(text, *place, b'&') == Some(length));
            next.unwrap_or(end)
        }
        _ => end,
    };
    Edit::new(start..end, IN_PLACE)
}

/// Whether the value is followed by that of another parameter, so that it is one itself: the first of a query
/// that is printed without its question mark.
fn begins_query(text: &[u8], assignment: &Assignment) -> bool {
    const LONGEST: usize = 512;
    let near = &text[..text.len().min(assignment.value + LONGEST)];
    let end = query_value(near, assignment).range.end;
    match assignment.sign {
        Sign::Equals if at(near, end) == b'&' => {
            let next = run(near, end + 1, is_token);
            next > end + 1 && at(near, next) == b'='
        }
        Sign::Spelled(length) => escaped(near, end, b'&') == Some(length),
        _ => false,
    }
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
        let quoted = Quote::at(text, start).and_then(|quote| quote.content(&text[..line], start));
        if let Some(range) = quoted {
            return Some(Edit::new(range, IN_PLACE));
        }
        let end = match scheme.has_parameters {
            true => header_end(text, start, line),
            false => bare_end(text, start, line),
        };
        return Some(Edit::new(start..end, IN_PLACE));
    }
    if is_authorization
        && is_one_of(&WITH_TOKEN, rest.trim_ascii_end())
        && let Some(start) = behind_fold(text, line)
    {
        let end = run(text, start, |byte| !is_blank(byte));
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

/// The schemes by which credentials begin (RFC 9110, 11.4).
const WITH_TOKEN: [&str; 2] = ["bearer", "basic"];
/// Those that are words elsewhere, or have more than a token behind them.
const OTHERS: [&str; 7] = [
    "apikey",
    "dpop",
    "negotiate",
    "ntlm",
    "token",
    "digest",
    "aws4-hmac-sha256",
];

fn is_one_of(schemes: &[&str], word: &[u8]) -> bool {
    let is = |scheme: &&str| word.eq_ignore_ascii_case(scheme.as_bytes());
    schemes.iter().any(is)
}

fn scheme(value: &[u8], is_authorization: bool) -> Option<Scheme> {
    let word = run(value, 0, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'-'
    });
    let length = skip_spaces(value, word);
    let has_token = is_one_of(&WITH_TOKEN, &value[..word]);
    let known = has_token || is_authorization && is_one_of(&OTHERS, &value[..word]);
    (known && length > word && length < value.len()).then_some(Scheme {
        length,
        has_parameters: !has_token,
    })
}
