//! The passwords that are tried first.

use std::collections::HashSet;
use std::sync::LazyLock;

use portcullis_secrets::zeroize::Zeroizing;

/// Written down for this crate from what is publicly known to be common: roots, of which the usual variations are made when they
/// are compared.
const LIST: &str = include_str!("common.txt");

/// What people put before and after a root to please a rule: a year and an exclamation mark, a birthday.
const MAX_DECORATION: usize = 6;

static COMMON: LazyLock<HashSet<Box<str>>> = LazyLock::new(|| {
    let entries = LIST.lines().filter(|line| !line.starts_with('#'));
    let entries = entries.flat_map(str::split_whitespace);
    entries
        .map(|entry| fold(entry).collect::<String>().into())
        .collect()
});

/// Whether `password` is in the list or in `more`, in capitals or not, with digits for letters or not, with up to six other
/// characters than letters on each side or not.
pub(super) fn is_common(password: &str, more: &HashSet<Box<str>>) -> bool {
    let listed = |text: &str| {
        let mut folded = Zeroizing::new(String::with_capacity(4 * text.len()));
        folded.extend(fold(text));
        COMMON.contains(folded.as_str()) || more.contains(folded.as_str())
    };
    let compact = Zeroizing::new(password.split_whitespace().collect::<String>());
    let starts = cuts(
        compact
            .char_indices()
            .map(|(at, char)| (at + char.len_utf8(), char)),
    );
    starts.into_iter().any(|start| {
        let rest = &compact[start.unwrap_or_default()..];
        let ends = cuts(rest.char_indices().rev()).into_iter();
        let mut roots = ends.map(|end| &rest[..end.unwrap_or(rest.len())]);
        // A short root says little of what is mostly something else.
        roots.any(|root| 2 * root.len() >= compact.len() && listed(root))
    })
}

/// Where up to six characters that are no letters end; first none of them.
fn cuts(chars: impl Iterator<Item = (usize, char)>) -> Vec<Option<usize>> {
    let decoration = chars
        .take(MAX_DECORATION)
        .take_while(|(_, char)| !char.is_alphabetic());
    let mut cuts = vec![None];
    cuts.extend(decoration.map(|(at, _)| Some(at)));
    cuts
}

/// Whether `text` is what may be cut off.
pub(super) fn is_decoration(text: &[char]) -> bool {
    text.len() <= MAX_DECORATION && !text.iter().any(|char| char.is_alphabetic())
}

pub(super) fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(fold_char)
}

/// Lower case, with letters for the digits and signs that stand for them. Some stand for `i` as well as for `l`: both are one.
pub(super) fn fold_char(char: char) -> char {
    let mut lower = char.to_lowercase();
    let lower = match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => char,
    };
    match lower {
        '0' => 'o',
        '1' | '!' | '|' | 'l' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

/// Whether `text` is a unit of less than `unit` characters at least twice, the last time perhaps not to its end.
pub(super) fn is_repeated(text: &[char], unit: usize) -> bool {
    let longest = (text.len() / 2).min(unit.saturating_sub(1));
    (1..=longest).any(|unit| text[unit..] == text[..text.len() - unit])
}

#[cfg(test)]
pub(super) fn entries() -> usize {
    COMMON.len()
}
