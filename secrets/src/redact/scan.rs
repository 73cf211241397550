//! Finds secrets in text of which nothing is known.
//!
//! One automaton (Aho-Corasick) looks for the literals that secrets and their names contain. Most
//! text has none of them and is done with. At each literal only its own reader looks closer.

use std::borrow::Cow;
use std::cmp::Reverse;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};

use super::card::cards;
use super::names::Names;
use super::pattern;
use super::prefix::Prefix;
use super::value::{Done, Edit, sql_text, value};
use super::{CUT, IN_PLACE, LONGEST_LINE, REDACTED, userinfo};
use crate::common::names::{SENSITIVE, SENSITIVE_IN_QUERIES, SEPARATORS};

pub(super) struct Scanner {
    literals: AhoCorasick,
    /// What each literal is, in the automaton's order.
    kinds: Vec<Kind>,
    prefixes: Vec<Prefix>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// The end of a sensitive name.
    Name,
    /// The same, with the equals sign of so many bytes that a query has behind it.
    NameInQuery {
        sign: usize,
    },
    Pem,
    Jwt,
    Bearer,
    Basic,
    Url,
    UrlInUrl,
    OwnKey,
    Hash,
    Sql,
    Email,
    Prefix(usize),
}

impl Scanner {
    /// `names` and `prefixes` are in addition to those that are built in.
    pub(super) fn new(
        names: &[String],
        prefixes: &[String],
        emails: bool,
    ) -> Result<Self, BuildError> {
        let told = prefixes.iter().map(|prefix| Prefix::new(prefix));
        let prefixes: Vec<_> = told.chain(Prefix::known()).collect();

        let mut literals: Vec<(String, Kind)> = Vec::new();
        let names = names.iter().map(String::as_str);
        for name in names.chain(SENSITIVE.iter().copied()) {
            literals.extend(spellings(name).map(|spelling| (spelling, Kind::Name)));
        }
        for name in SENSITIVE_IN_QUERIES {
            let signs = ["=", "%3d", "%253d", "\\u003d"].map(|sign| {
                let sign_length = sign.len();
                (
                    format!("{name}{sign}"),
                    Kind::NameInQuery { sign: sign_length },
                )
            });
            literals.extend(signs);
        }
        let urls_in_urls = userinfo::URLS_IN_URLS.map(|text| (text, Kind::UrlInUrl));
        let own_keys = pattern::OWN_KEYS.map(|text| (text, Kind::OwnKey));
        let hashes = pattern::HASHES.map(|text| (text, Kind::Hash));
        let sql = pattern::SQL.map(|text| (text, Kind::Sql));
        let several = urls_in_urls.into_iter().chain(own_keys).chain(hashes);
        let patterns = [
            (pattern::PEM, Kind::Pem),
            (pattern::JWT, Kind::Jwt),
            (pattern::BEARER, Kind::Bearer),
            (pattern::BASIC, Kind::Basic),
            (userinfo::URL, Kind::Url),
            (userinfo::URL_IN_JSON, Kind::Url),
        ];
        let emails = emails.then_some((pattern::EMAIL, Kind::Email));
        let patterns = patterns.into_iter().chain(several).chain(sql).chain(emails);
        literals.extend(patterns.map(|(text, kind)| (text.to_owned(), kind)));
        let prefix = |(index, prefix): (usize, &Prefix)| (prefix.text.clone(), Kind::Prefix(index));
        literals.extend(prefixes.iter().enumerate().map(prefix));

        let (literals, kinds): (Vec<_>, Vec<_>) = literals.into_iter().unzip();
        let literals = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            // All literals are found, also those inside of others.
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals)?;
        Ok(Self {
            literals,
            kinds,
            prefixes,
        })
    }

    pub(super) fn redact<'a>(&self, text: &'a [u8], names: &Names) -> Cow<'a, [u8]> {
        let redacted = self.redact_lines(text, names, LONGEST_LINE);
        if !has_longer_lines(&redacted, LONGEST_LINE) {
            return redacted;
        }
        // Marks can be longer than what they stand for, but not four times.
        let shorter = self.redact_lines(text, names, LONGEST_LINE / 4);
        Cow::Owned(shorter.into_owned())
    }

    fn redact_lines<'a>(&self, text: &'a [u8], names: &Names, longest: usize) -> Cow<'a, [u8]> {
        let text = match cut(text, longest) {
            Cow::Borrowed(text) => apply(text, self.edits(text, names)),
            Cow::Owned(text) => Cow::Owned(apply(&text, self.edits(&text, names)).into_owned()),
        };
        let Cow::Owned(mut text) = text else {
            return text;
        };
        // Where a mark replaces what another reader took for the end of a value, that goes on.
        const MOST: usize = 4;
        for _ in 0..MOST {
            let Cow::Owned(again) = apply(&text, self.edits(&text, names)) else {
                break;
            };
            text = again;
        }
        Cow::Owned(text)
    }

    fn edits(&self, text: &[u8], names: &Names) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut done = Done::default();
        let (mut jwt_done, mut covered) = (0, 0);
        for found in self.literals.find_overlapping_iter(text) {
            let literal = found.range();
            let in_place = |range| Edit::new(range, IN_PLACE);
            let kind = self.kinds[found.pattern()];
            // What is a part of a token or key has been read with it, to the end.
            let is_read = matches!(
                kind,
                Kind::Pem | Kind::OwnKey | Kind::Hash | Kind::Prefix(_)
            );
            if is_read && literal.end <= covered {
                continue;
            }
            let edit = match kind {
                Kind::Name => value(text, literal, names, &mut done),
                Kind::NameInQuery { sign } => {
                    value(text, literal.start..literal.end - sign, names, &mut done)
                }
                Kind::Pem => pattern::pem(text, literal).map(|range| Edit::new(range, REDACTED)),
                Kind::Jwt => pattern::jwt(text, literal, &mut jwt_done).map(in_place),
                Kind::Bearer => pattern::bearer(text, literal).map(in_place),
                Kind::Basic => pattern::basic(text, literal).map(in_place),
                Kind::Url => userinfo::in_text(text, literal).map(in_place),
                Kind::UrlInUrl => userinfo::encoded(text, literal).map(in_place),
                Kind::OwnKey => pattern::own_key(text, literal).map(in_place),
                Kind::Hash => pattern::hash(text, literal).map(in_place),
                Kind::Sql => sql_text(text, literal, &mut done),
                Kind::Email => pattern::email(text, literal).map(in_place),
                Kind::Prefix(index) => self.prefixes[index].token(text, literal).map(in_place),
            };
            if let (true, Some(edit)) = (is_read, &edit) {
                covered = covered.max(edit.range.end);
            }
            edits.extend(edit);
        }
        cards(text, |range| edits.push(Edit::new(range, IN_PLACE)));
        edits
    }
}

/// The ways in which the words of a name are joined.
fn spellings(name: &str) -> impl Iterator<Item = String> {
    let separators = SEPARATORS.iter().map(|byte| char::from(*byte).to_string());
    let several = name.contains('_');
    let joined = separators.filter(move |_| several).chain([String::new()]);
    joined.map(move |separator| name.replace('_', &separator))
}

/// Makes the edits. Where they overlap the first one counts, for all that any of them covers.
pub(super) fn apply(text: &[u8], mut edits: Vec<Edit>) -> Cow<'_, [u8]> {
    // What is redacted already looks like a secret too.
    edits.retain(|edit| text[edit.range.clone()] != *edit.mark.as_bytes());
    if edits.is_empty() {
        return Cow::Borrowed(text);
    }
    edits.sort_unstable_by_key(|edit| (edit.range.start, Reverse(edit.range.end)));
    let mut out = Vec::with_capacity(text.len() + edits.len() * REDACTED.len());
    let mut end = 0;
    for edit in edits {
        if edit.range.start >= end {
            out.extend_from_slice(&text[end..edit.range.start]);
            out.extend_from_slice(&text[edit.quote.clone()]);
            out.extend_from_slice(edit.mark.as_bytes());
            out.extend_from_slice(&text[edit.quote]);
        }
        end = end.max(edit.range.end);
    }
    out.extend_from_slice(&text[end..]);
    Cow::Owned(out)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// Whether a line is longer, not counting the mark of a cut.
fn is_longer(line: &[u8], longest: usize) -> bool {
    line.len() > longest
        && line
            .strip_suffix(CUT.as_bytes())
            .is_none_or(|line| line.len() > longest)
}

fn has_longer_lines(text: &[u8], longest: usize) -> bool {
    text.len() > longest && lines(text).any(|line| is_longer(line, longest))
}

/// Shortens the lines that are longer, and marks them.
fn cut(text: &[u8], longest: usize) -> Cow<'_, [u8]> {
    if !has_longer_lines(text, longest) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    for line in lines(text) {
        if is_longer(line, longest) {
            out.extend_from_slice(&line[..cut_at(line, longest)]);
            out.extend_from_slice(CUT.as_bytes());
        } else {
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    }
    out.pop();
    Cow::Owned(out)
}

/// Where to cut a line that is longer: behind a word, so that no half of a secret is left that is
/// not recognised as one, or else behind a character.
fn cut_at(line: &[u8], longest: usize) -> usize {
    const LONGEST_WORD: usize = 4096;
    let is_end = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b'"' | b'\'' | b',' | b'&' | b';' | b'>'
        )
    };
    let last = line[..longest].iter().rev().take(LONGEST_WORD);
    match last.clone().position(is_end) {
        Some(word) => longest - word,
        // A character has at most three bytes that continue it.
        None => (longest - 3..=longest)
            .rev()
            .find(|end| line[*end] & 0xc0 != 0x80)
            .unwrap_or(longest),
    }
}
