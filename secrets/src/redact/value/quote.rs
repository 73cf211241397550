//! Quotes around names and values.

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::redact::bytes::{backslashes, is_blank, run};

/// A quote, and how deep it is escaped.
#[derive(Clone, Copy)]
pub(super) enum Quote {
    Double {
        backslashes: usize,
    },
    Single,
    /// A double quote, percent-encoded.
    Encoded,
}

impl Quote {
    /// More backslashes are no quote that anybody wrote.
    const DEEPEST: usize = 15;

    pub(super) fn at(text: &[u8], start: usize) -> Option<Self> {
        let rest = text.get(start..)?;
        let backslashes = rest.iter().take(Self::DEEPEST + 1);
        let backslashes = backslashes.take_while(|byte| **byte == b'\\').count();
        match &rest[backslashes..] {
            [b'"', ..] => Some(Self::Double { backslashes }),
            [b'\'', ..] if backslashes == 0 => Some(Self::Single),
            [b'%', b'2', b'2', ..] if backslashes == 0 => Some(Self::Encoded),
            _ => None,
        }
    }

    pub(super) const fn length(self) -> usize {
        match self {
            Self::Double { backslashes } => backslashes + 1,
            Self::Single => 1,
            Self::Encoded => 3,
        }
    }

    /// What is between the quote at `start` and the one that closes it, or the end of the line.
    pub(super) fn content(self, line: &[u8], start: usize) -> Option<Range<usize>> {
        let start = start + self.length();
        let rest = line.get(start..)?;
        let length = match self {
            Self::Double { backslashes } => double_quote(rest, backslashes).unwrap_or(rest.len()),
            // It may be an apostrophe.
            Self::Single => memchr(b'\'', rest)?,
            Self::Encoded => {
                let word = run(rest, 0, |byte| !is_blank(byte) && byte != b'&');
                memmem::find(&rest[..word], b"%22").unwrap_or(word)
            }
        };
        Some(start..start + length)
    }
}

/// Where `text` ends by a quote behind `depth` backslashes. One with more is a part of the text,
/// unless they are pairs that stand for backslashes.
pub(super) fn double_quote(text: &[u8], depth: usize) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + memchr(b'"', &text[from..])?;
        let before = backslashes(text, from..quote);
        if before >= depth && (before - depth).is_multiple_of(2 * (depth + 1)) {
            return Some(quote - depth);
        }
        from = quote + 1;
    }
}
