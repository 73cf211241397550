//! Names in text, and what stands between them and their values.

use std::ops::Range;

use super::quote::Quote;
use crate::common::names::{Place, number};
use crate::common::percent::hex;
use crate::redact::bytes::{
    at, before, behind_fold, escaped, is_blank, is_token, run, skip_spaces,
};

/// What is between a name and its value.
pub(super) struct Assignment {
    /// The quote that closes the name, maybe an empty one.
    pub(super) quote: Range<usize>,
    pub(super) sign: Sign,
    /// Where the value starts.
    pub(super) value: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equals,
    Colon,
    /// `=` or `:` in another spelling of so many bytes: `%3D`, `\u003d`.
    Spelled(usize),
    Comma,
    /// The name is a value itself, and its own is called so: `"name":"password","value":"x"`.
    Member,
    /// A type that shows itself: `Password("x")`.
    Call,
    Space,
}

impl Assignment {
    pub(super) fn find(text: &[u8], name_end: usize) -> Option<Self> {
        let bracket = |start| {
            start + escaped(text, start, b']').unwrap_or(usize::from(at(text, start) == b']'))
        };
        // The field of a form may be one of several: `password2=x`, `password[0]=x`, `user[password]=x`.
        let numbered = name_end + number(text.get(name_end..)?.iter());
        let indexed = behind_index(text, bracket(numbered));
        let start = indexed.unwrap_or(bracket(numbered));
        let quote = start..start + Quote::at(text, start).map_or(0, Quote::length);
        // `env["password"] = x`
        let name_end = if quote.is_empty() {
            start
        } else {
            bracket(quote.end)
        };
        let sign_start = skip_spaces(text, name_end);
        let rest = &text[sign_start..];
        let spelled = || {
            let length = |sign| escaped(text, sign_start, sign);
            length(b'=').or_else(|| length(b':'))
        };
        if let Some(value) = member_value(text, sign_start).filter(|_| !quote.is_empty()) {
            let sign = Sign::Member;
            return Some(Self { quote, sign, value });
        }
        let (sign, length) = match rest {
            [b'=', b'=' | b'~', ..] | [b':', b':', ..] => return None,
            [b'=', b'>', ..] | [b':', b'=', ..] => (Sign::Equals, 2),
            [b'=', ..] => (Sign::Equals, 1),
            // `token[17]: started` is how a process is called.
            [b':', ..] if indexed.is_none() => (Sign::Colon, 1),
            [b',', ..] => (Sign::Comma, 1),
            [b'(', b'"' | b'\\', ..] if sign_start == start => (Sign::Call, 1),
            _ => match spelled() {
                Some(length) => (Sign::Spelled(length), length),
                None if sign_start > quote.end => (Sign::Space, 0),
                None => return None,
            },
        };
        let value = skip_spaces(text, sign_start + length);
        let folded = behind_fold(text, value).filter(|_| sign == Sign::Colon);
        let value = folded.unwrap_or(value);
        Some(Self { quote, sign, value })
    }
}

/// Behind the index of a field, if there is one.
fn behind_index(text: &[u8], start: usize) -> Option<usize> {
    const LONGEST: usize = 32;
    let bracket = |at, bracket| match text.get(at) {
        Some(byte) if *byte == bracket => Some(1),
        _ => escaped(text, at, bracket),
    };
    let index = start + bracket(start, b'[')?;
    let near = &text[..text.len().min(index + LONGEST)];
    let end = run(near, index, |byte| {
        is_token(byte) || matches!(byte, b'"' | b'\'')
    });
    Some(end + bracket(end, b']')?)
}

/// Where the value starts of the member or attribute that is called so, if that comes next.
fn member_value(text: &[u8], start: usize) -> Option<usize> {
    let behind_quote = |start| start + Quote::at(text, start).map_or(0, Quote::length);
    let comma = usize::from(at(text, start) == b',');
    let name = behind_quote(skip_spaces(text, start + comma));
    let end = name + b"value".len();
    if !text.get(name..end)?.eq_ignore_ascii_case(b"value") {
        return None;
    }
    let sign = skip_spaces(text, behind_quote(end));
    matches!(at(text, sign), b':' | b'=').then(|| skip_spaces(text, sign + 1))
}

/// A whole name.
pub(super) struct Name<'a> {
    pub(super) text: &'a [u8],
    pub(super) place: Place,
    /// What is before it and its quote.
    pub(super) before: usize,
}

impl<'a> Name<'a> {
    pub(super) fn before(text: &'a [u8], literal: Range<usize>, quote: usize) -> Self {
        const LONGEST: usize = 128;
        let floor = literal.end.saturating_sub(LONGEST);
        let mut start = literal.start;
        while start > floor && (is_token(text[start - 1]) || text[start - 1] == b'.') {
            start -= 1;
        }
        let mut place = match before(text, start) {
            b'?' | b'&' => Place::Query,
            _ => Place::Field,
        };
        // `%3Ftoken` is a question mark and a name, and so is `\u003ftoken`.
        if let Some(sign) = start.checked_sub(1) {
            let length = |byte| escaped(&text[..literal.start], sign, byte);
            if let Some(length) = length(b'?').or_else(|| length(b'&')) {
                place = Place::Query;
                start = sign + length;
            } else {
                let digits = match &text[sign..literal.start] {
                    [b'%', digits @ ..] => hex(digits).map(|_| 3),
                    [b'\\', b'u', b'0', b'0', digits @ ..] => hex(digits).map(|_| 6),
                    _ => None,
                };
                start = digits.map_or(start, |length| sign + length);
            }
        }
        Self {
            text: &text[start..literal.end],
            place,
            before: start.saturating_sub(quote),
        }
    }

    /// Whether the assignment is one to this name.
    pub(super) fn takes(&self, text: &[u8], assignment: &Assignment) -> bool {
        let is_argument = self.text.starts_with(b"--");
        let value = &text[assignment.value..];
        match assignment.sign {
            Sign::Equals | Sign::Spelled(_) => true,
            // Neither a path of a module, `auth::token: started`, nor a URL, `secret://vault/a`.
            Sign::Colon => {
                let is_url = before(text, assignment.value) == b':' && value.starts_with(b"//");
                !text[..self.before].ends_with(b"::") && !is_url
            }
            // A pair, `("password", "x")`, or the arguments of a process, `["--password", "x"]`.
            Sign::Comma => {
                let is_pair = is_first_of_pair(text, self.before) || is_argument;
                is_pair
                    && !assignment.quote.is_empty()
                    && Quote::at(text, assignment.value).is_some()
            }
            Sign::Member => matches!(last_before(text, self.before).1, b':' | b'='),
            Sign::Call => is_type_of_secret(self.text),
            Sign::Space => is_argument && !value.starts_with(b"-"),
        }
    }
}

/// Whether what starts at `start` is the first of two in brackets: `("a", "b")`, or `["a", "b"]` in a
/// list of such. Another list of words is no pair.
pub(in crate::redact) fn is_first_of_pair(text: &[u8], start: usize) -> bool {
    match last_before(text, start) {
        (_, b'(') => true,
        (bracket, b'[') => matches!(last_before(text, bracket).1, b'[' | b','),
        _ => false,
    }
}

/// The last byte before `end` that is not blank, and where it is, if it is near.
fn last_before(text: &[u8], end: usize) -> (usize, u8) {
    const MOST: usize = 16;
    let near = text[..end].iter().enumerate().rev().take(MOST);
    let mut near = near.map(|(index, byte)| (index, *byte));
    near.find(|(_, byte)| !is_blank(*byte)).unwrap_or_default()
}

/// Whether this is the name of a type, and not that of an error about such a value.
fn is_type_of_secret(name: &[u8]) -> bool {
    const ERRORS: [&str; 10] = [
        "Bad",
        "Duplicate",
        "Expected",
        "Expired",
        "Invalid",
        "Malformed",
        "Missing",
        "Unexpected",
        "Unknown",
        "Wrong",
    ];
    let is_error = ERRORS
        .iter()
        .any(|error| name.starts_with(error.as_bytes()));
    name.first().is_some_and(u8::is_ascii_uppercase) && !is_error
}
