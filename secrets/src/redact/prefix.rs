//! Tokens that their issuers begin with a prefix.

use std::ops::Range;

use super::bytes::{at, is_token, run, starts_word};
use crate::common::issuers::{Body, ISSUERS};

/// The beginning of the tokens of one issuer.
#[derive(Debug)]
pub(super) struct Prefix {
    pub(super) text: String,
    /// How many characters must follow, so that it is a token.
    shortest: usize,
    body: Body,
    /// Whether it must stand at the start of a word, because it is also the end of some.
    word: bool,
}

impl Prefix {
    /// A prefix that says all.
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            shortest: 8,
            body: Body::Any,
            word: false,
        }
    }

    pub(super) fn known() -> impl Iterator<Item = Self> {
        ISSUERS.iter().map(|&(text, shortest, body, word)| Self {
            text: text.to_owned(),
            shortest,
            body,
            word,
        })
    }

    /// The rest of a token, behind its prefix.
    pub(super) fn token(&self, text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
        if text[literal.clone()] != *self.text.as_bytes()
            || self.word && !starts_word(text, literal.start)
        {
            return None;
        }
        let body = self.body;
        let near = &text[..text.len().min(literal.end + self.shortest)];
        let end = run(near, literal.end, |byte| body.has(byte));
        if end - literal.end < self.shortest {
            return None;
        }
        // Whatever is joined to a token may be a part of it.
        let part = |start| {
            run(text, start, |byte| {
                byte != b'.' && (Body::Any.has(byte) || body.has(byte))
            })
        };
        let end = part(end);
        // Dots separate the parts of some tokens, and sentences.
        let next = part(end + 1);
        let has_next = at(text, end) == b'.' && body.has(b'.') && next > end + 1;
        Some(literal.end..if has_next { next } else { end })
    }
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Any => is_token(byte) || byte == b'.',
            Self::Path => Self::Any.has(byte) || byte == b'/',
        }
    }
}
