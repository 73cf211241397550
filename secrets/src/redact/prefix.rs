//! Tokens that their issuers begin with a prefix.

use std::ops::Range;

use self::Body::{Alphanumeric, Any, Path, Upper};
use super::bytes::{at, is_token, run, starts_word};

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

/// What the characters are that must follow.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// Capital letters and digits.
    Upper,
    /// Letters and digits.
    Alphanumeric,
    /// These, `_`, `-` and `.`.
    Any,
    /// These and `/`.
    Path,
}

impl Prefix {
    /// A prefix that says all.
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            shortest: 8,
            body: Any,
            word: false,
        }
    }

    pub(super) fn known() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|&(text, shortest, body, word)| Self {
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
                byte != b'.' && (Any.has(byte) || body.has(byte))
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

/// As their issuers document them. The bounds are a little below what is issued today.
const KNOWN: &[(&str, usize, Body, bool)] = &[
    ("ghp_", 30, Alphanumeric, false),
    ("gho_", 30, Alphanumeric, false),
    ("ghu_", 30, Alphanumeric, false),
    ("ghs_", 30, Alphanumeric, false),
    ("ghr_", 30, Alphanumeric, false),
    ("github_pat_", 20, Any, false),
    ("glpat-", 20, Any, false),
    ("gldt-", 20, Any, false),
    ("glrt-", 20, Any, false),
    ("glptt-", 20, Any, false),
    ("sk_live_", 10, Alphanumeric, false),
    ("sk_test_", 10, Alphanumeric, false),
    ("rk_live_", 10, Alphanumeric, false),
    ("rk_test_", 10, Alphanumeric, false),
    ("whsec_", 16, Any, false),
    ("AKIA", 16, Upper, false),
    ("ASIA", 16, Upper, false),
    ("xoxa-", 10, Any, false),
    ("xoxb-", 10, Any, false),
    ("xoxe-", 10, Any, false),
    ("xoxe.", 10, Any, false),
    ("xoxp-", 10, Any, false),
    ("xoxr-", 10, Any, false),
    ("xoxs-", 10, Any, false),
    ("xapp-", 10, Any, false),
    ("hooks.slack.com/services/", 8, Path, false),
    ("AIza", 35, Any, false),
    ("ya29.", 20, Any, false),
    ("GOCSPX-", 20, Any, false),
    ("npm_", 36, Alphanumeric, false),
    ("pypi-", 50, Any, false),
    ("rubygems_", 40, Alphanumeric, false),
    ("dckr_pat_", 20, Any, false),
    ("sk-proj-", 20, Any, false),
    ("sk-svcacct-", 20, Any, false),
    ("sk-ant-", 20, Any, false),
    ("sk-", 40, Alphanumeric, true),
    ("hf_", 30, Alphanumeric, true),
    ("SG.", 40, Any, true),
    ("shpat_", 32, Alphanumeric, false),
    ("shpss_", 32, Alphanumeric, false),
    ("dop_v1_", 40, Alphanumeric, false),
    ("hvs.", 20, Any, true),
    ("hvb.", 20, Any, true),
    ("lin_api_", 32, Alphanumeric, false),
    ("sq0csp-", 20, Any, false),
    ("glsa_", 30, Any, false),
    ("AGE-SECRET-KEY-1", 40, Upper, false),
];
