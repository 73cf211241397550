//! Quotes around names and values.

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::redact::bytes::{at, backslashes, escaped, is_blank, run};

/// A quote, and how deep it is escaped.
#[derive(Clone, Copy)]
pub(super) enum Quote {
    Double {
        backslashes: usize,
    },
    /// `'`, or `` ` ``.
    Single(u8),
    /// A double quote in another spelling of so many bytes: `%22`, `&quot;`, `\u0022`.
    Spelled(usize),
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
            [quote @ (b'\'' | b'`'), ..] if backslashes == 0 => Some(Self::Single(*quote)),
            _ => escaped(text, start, b'"').map(Self::Spelled),
        }
    }

    pub(super) const fn length(self) -> usize {
        match self {
            Self::Double { backslashes } => backslashes + 1,
            Self::Single(_) => 1,
            Self::Spelled(length) => length,
        }
    }

    /// What is between the quote at `start` and the one that closes it, or the end of the line.
    pub(super) fn content(self, line: &[u8], start: usize) -> Option<Range<usize>> {
        let opened = start;
        let start = start + self.length();
        let rest = line.get(start..)?;
        let length = match self {
            Self::Double { backslashes } => double_quote(rest, backslashes).unwrap_or(rest.len()),
            // It may be an apostrophe.
            Self::Single(quote) => single_quote(rest, quote)?,
            Self::Spelled(_) => {
                let spelling = &line[opened..start];
                let quoted = memmem::find(rest, spelling).unwrap_or(rest.len());
                match spelling.starts_with(b"%") {
                    true => run(&rest[..quoted], 0, |byte| !is_blank(byte) && byte != b'&'),
                    false => quoted,
                }
            }
        };
        Some(start..start + length)
    }
}

/// Where `text` ends by a quote behind `depth` backslashes. One with more is a part of the text,
/// unless they are pairs that stand for backslashes; so is one that a word follows.
pub(super) fn double_quote(text: &[u8], depth: usize) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + memchr(b'"', &text[from..])?;
        let before = backslashes(text, from..quote);
        let in_word = at(text, quote + 1).is_ascii_alphanumeric();
        if before >= depth && (before - depth).is_multiple_of(2 * (depth + 1)) && !in_word {
            return Some(quote - depth);
        }
        from = quote + 1;
    }
}

/// Where `text` ends by `quote`. One behind a backslash and two in a row stand for themselves.
fn single_quote(text: &[u8], quote: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + memchr(quote, &text[from..])?;
        let is_escaped = !backslashes(text, from..end).is_multiple_of(2);
        let is_doubled = at(text, end + 1) == quote;
        match (is_escaped, is_doubled) {
            (false, false) => return Some(end),
            (true, _) => from = end + 1,
            (false, true) => from = end + 2,
        }
    }
}
