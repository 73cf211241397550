//! Names in text, and what stands between them and their values.

use std::ops::Range;

use super::quote::Quote;
use crate::redact::bytes::{before, hex, is_token, skip_spaces};
use crate::redact::names::Place;

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
    /// `=` or `:`, percent-encoded.
    Encoded,
    Comma,
    Space,
}

impl Assignment {
    pub(super) fn find(text: &[u8], name_end: usize) -> Option<Self> {
        // The name of a form's field may be an index: `user[password]=x`.
        let bracket = match text.get(name_end..)? {
            [b']', ..] => 1,
            [b'%', b'5', b'd' | b'D', ..] => 3,
            _ => 0,
        };
        let start = name_end + bracket;
        let quote = start..start + Quote::at(text, start).map_or(0, Quote::length);
        let sign_start = skip_spaces(text, quote.end);
        let rest = &text[sign_start..];
        let (sign, length) = match rest {
            [b'=', b'=' | b'~', ..] | [b':', b':', ..] => return None,
            [b'=', b'>', ..] | [b':', b'=', ..] => (Sign::Equals, 2),
            [b'=', ..] => (Sign::Equals, 1),
            [b':', ..] => (Sign::Colon, 1),
            [b',', ..] => (Sign::Comma, 1),
            [b'%', b'3', b'a' | b'A' | b'd' | b'D', ..] => (Sign::Encoded, 3),
            _ if sign_start > quote.end => (Sign::Space, 0),
            _ => return None,
        };
        let value = skip_spaces(text, sign_start + length);
        Some(Self { quote, sign, value })
    }
}

/// A whole name.
pub(super) struct Name<'a> {
    pub(super) text: &'a [u8],
    pub(super) place: Place,
    /// What is before it and its quote.
    before: usize,
}

impl<'a> Name<'a> {
    pub(super) fn before(text: &'a [u8], literal: Range<usize>, quote: usize) -> Self {
        const LONGEST: usize = 128;
        let floor = literal.end.saturating_sub(LONGEST);
        let mut start = literal.start;
        while start > floor && (is_token(text[start - 1]) || text[start - 1] == b'.') {
            start -= 1;
        }
        // `%3Ftoken` is a question mark and a name.
        let mut sign = before(text, start);
        if let (b'%', Some(byte)) = (sign, hex(&text[start..literal.start])) {
            sign = byte;
            start += 2;
        }
        let place = match sign {
            b'?' | b'&' => Place::Query,
            _ => Place::Field,
        };
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
            Sign::Equals | Sign::Encoded => true,
            // Neither a path of a module, `auth::token: started`, nor a URL, `secret://vault/a`.
            Sign::Colon => {
                let is_url = before(text, assignment.value) == b':' && value.starts_with(b"//");
                !text[..self.before].ends_with(b"::") && !is_url
            }
            // A pair, `("password", "x")`, or the arguments of a process, `["--password", "x"]`.
            Sign::Comma => {
                let is_pair = before(text, self.before) == b'(' || is_argument;
                is_pair
                    && !assignment.quote.is_empty()
                    && Quote::at(text, assignment.value).is_some()
            }
            Sign::Space => is_argument && !value.starts_with(b"-"),
        }
    }
}
