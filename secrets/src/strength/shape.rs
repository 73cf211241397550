//! What can be said about a text without knowing any language: how often it repeats, counts, and what it uses.

use zeroize::Zeroizing;

use super::Weakness;
use super::estimate::Estimate;

/// Sampling makes the measured entropy of a short random text come out low; this puts it above what random texts can
/// lack, and costs nothing where it matters, since a text that is weak in this respect is weak by a wide margin.
const SAMPLING: f64 = 1.25;

/// Where fingers go. Digits that count are runs already.
const KEYBOARDS: [&[u8]; 11] = [
    b"qwertyuiop[]",
    b"asdfghjkl;'",
    b"zxcvbnm,./",
    b"qwertzuiop",
    b"azertyuiop",
    b"!@#$%^&*()_+",
    b"1q2w3e4r5t6y7u8i9o0p-[=]",
    b"qawsedrftgyhujikolp;[']",
    b"azsxdcfvgbhnjmk,l.;/",
    b"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    b"!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik,(ol.)p;/",
];

/// The lowest of three upper bounds.
pub(super) fn estimate(text: &[char]) -> Estimate {
    let codes = Zeroizing::new(text.iter().map(|c| u32::from(*c)).collect::<Vec<_>>());
    let len = effective_len(&codes);
    let repeats = Estimate {
        bits: count(len) * alphabet_bits(text),
        // A text that is not much longer than what it comes down to has no other fault than being short.
        weakness: if len * 4 < text.len() * 3 {
            Weakness::Repetitive
        } else {
            Weakness::TooShort
        },
    };
    let uneven = Estimate {
        bits: SAMPLING * shannon_bits(codes.iter().copied()),
        weakness: Weakness::FewSymbols,
    };
    let steps = codes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let regular = Estimate {
        bits: SAMPLING * shannon_bits(steps),
        weakness: Weakness::Regular,
    };
    repeats.min(uneven).min(regular)
}

/// Bits per character of the smallest usual alphabet that has all of `text`.
pub(super) fn alphabet_bits(text: &[char]) -> f64 {
    let all = |in_alphabet: fn(&char) -> bool| text.iter().all(in_alphabet);
    let alphanumeric = all(char::is_ascii_alphanumeric);
    let one_case =
        !text.iter().any(char::is_ascii_uppercase) || !text.iter().any(char::is_ascii_lowercase);
    let size: f64 = if all(char::is_ascii_digit) {
        10.0
    } else if all(char::is_ascii_hexdigit) {
        16.0
    } else if one_case && all(char::is_ascii_alphabetic) {
        26.0
    } else if one_case && alphanumeric {
        36.0
    } else if alphanumeric {
        62.0
    } else if all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=')) {
        64.0
    } else {
        // As many as there are printable characters in ASCII: whoever types in another script has about as many keys.
        95.0
    };
    size.log2()
}

/// How many characters are left when a repetition of three or more counts as one and a run of three or more as two.
pub(super) fn effective_len(text: &[u32]) -> usize {
    // Hexadecimal digits lie close together, on the keyboard too.
    let hex = |code: &u32| u8::try_from(*code).is_ok_and(|ascii| ascii.is_ascii_hexdigit());
    let typed = !text.iter().all(hex);
    let (mut at, mut len) = (0, 0);
    while at < text.len() {
        let mut run = run(text, at);
        if typed {
            run = run.max(walk(text, at));
        }
        let repeated = repetition(text, at);
        let (charge, step) = if repeated >= 3 && repeated >= run {
            (1, repeated)
        } else if run >= 3 {
            (2, run)
        } else {
            (1, 1)
        };
        len += charge;
        at += step;
    }
    len
}

/// The length of the longest text at `at` that also begins earlier; the two may overlap.
fn repetition(text: &[u32], at: usize) -> usize {
    let here = &text[at..];
    let lengths = (0..at).map(|earlier| common_len(&text[earlier..], here));
    lengths.max().unwrap_or_default()
}

/// The length of the run that begins at `at`: characters in steps of one, up or down, or all the same.
fn run(text: &[u32], at: usize) -> usize {
    let mut steps = text[at..]
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]));
    match steps.next() {
        Some(step @ (0 | 1 | u32::MAX)) => 2 + steps.take_while(|next| *next == step).count(),
        _ => 1,
    }
}

/// The length of the walk over the keyboard that begins at `at`.
fn walk(text: &[u32], at: usize) -> usize {
    let pairs = text[at..].windows(2);
    let walked = 1 + pairs
        .take_while(|pair| are_neighbours(pair[0], pair[1]))
        .count();
    // Three neighbours happen by chance.
    if walked >= 4 { walked } else { 1 }
}

fn are_neighbours(a: u32, b: u32) -> bool {
    let key = |code| u8::try_from(code).map(|ascii| ascii.to_ascii_lowercase());
    let (Ok(a), Ok(b)) = (key(a), key(b)) else {
        return false;
    };
    a.is_ascii() && b.is_ascii() && NEIGHBOURS[usize::from(a)] & 1 << b != 0
}

/// The neighbours of each ASCII character, a bit for each.
const NEIGHBOURS: [u128; 128] = {
    let mut neighbours = [0; 128];
    let mut row = 0;
    while row < KEYBOARDS.len() {
        let keys = KEYBOARDS[row];
        let mut at = 1;
        while at < keys.len() {
            let (left, right) = (keys[at - 1], keys[at]);
            neighbours[left as usize] |= 1 << right;
            neighbours[right as usize] |= 1 << left;
            at += 1;
        }
        row += 1;
    }
    neighbours
};

fn common_len(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Shannon's entropy of all values together, by how often each is there.
fn shannon_bits(values: impl Iterator<Item = u32>) -> f64 {
    let mut values = Zeroizing::new(values.collect::<Vec<_>>());
    values.sort_unstable();
    let total = count(values.len());
    let groups = values
        .chunk_by(|a, b| a == b)
        .map(|group| count(group.len()));
    groups.map(|n| n * (total / n).log2()).sum()
}

#[expect(clippy::cast_precision_loss, reason = "no text is looked at that long")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}
