//! What can be said about a text without knowing any language: how often it repeats, counts, and what it uses.

use zeroize::Zeroizing;

use super::Weakness;
use super::estimate::Estimate;

/// Sampling makes the measured entropy of a short random text come out low; this puts it above what random texts can
/// lack, and costs nothing where it matters, since a text that is weak in this respect is weak by a wide margin.
const SAMPLING: f64 = 1.25;
/// A description that is so much shorter than the text is no accident: of random texts it fits one in 2^28 at most,
/// because that many bits fewer tell apart that many texts fewer.
const NO_ACCIDENT_BITS: f64 = 28.0;
/// The differences of ASCII characters.
const STEPS: f64 = 255.0;

/// Where fingers go. A key with a digit stands for what it writes with shift as well.
const KEYBOARDS: [&[u8]; 13] = [
    b"1234567890",
    b"qwertyuiop[]",
    b"asdfghjkl;'",
    b"zxcvbnm,./",
    b"qwertzuiop",
    b"azertyuiop",
    b"1q2w3e4r5t6y7u8i9o0p-[=]",
    b"qawsedrftgyhujikolp;[']",
    b"azsxdcfvgbhnjmk,l.;/",
    b"qazwsxedcrfvtgbyhnujmik,ol.p;/",
    b"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    b"zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90p;/",
    b"1qazxsw23edcvfr45tgbnhy67ujm,ki89ol./;p0",
];
const SHIFTED: &[u8; 10] = b"!@#$%^&*()";

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
    let plain = count(text.len()) * alphabet_bits(text);
    let uneven = Estimate {
        bits: shannon_bits(codes.iter().copied(), alphabet_bits(text).exp2(), plain),
        weakness: Weakness::FewSymbols,
    };
    let steps = codes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let regular = Estimate {
        bits: shannon_bits(steps, STEPS, plain),
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
    // Hexadecimal digits lie close together, on the keyboard too, and three of them repeat by chance.
    let hex = |code: &u32| u8::try_from(*code).is_ok_and(|ascii| ascii.is_ascii_hexdigit());
    let typed = !text.iter().all(hex);
    let shortest = if typed { 3 } else { 4 };
    let (mut at, mut len) = (0, 0);
    while at < text.len() {
        let mut run = run(text, at);
        if typed {
            run = run.max(walk(text, at));
        }
        let repeated = repetition(text, at);
        let (charge, step) = if repeated >= shortest && repeated >= run {
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

/// The length of the walk that begins at `at`, along one row of a keyboard and in one direction.
fn walk(text: &[u32], at: usize) -> usize {
    // Any neighbour will not do: a key has six, and random text has four in a row too often.
    const SHORTEST: usize = 4;
    let place = |row: &[u8; 128], code: &u32| {
        let place = usize::try_from(*code).ok().and_then(|code| row.get(code));
        place.copied().filter(|place| *place > 0)
    };
    let walked = |row: &[u8; 128], step: i8| {
        let mut places = text[at..].iter().map_while(|code| place(row, code));
        let mut last = places.next();
        let goes_on = |next: &u8| {
            let expected = last.and_then(|last| last.checked_add_signed(step));
            last = Some(*next);
            expected == last
        };
        1 + places.take_while(goes_on).count()
    };
    let rows = ROWS
        .iter()
        .flat_map(|row| [walked(row, 1), walked(row, -1)]);
    let longest = rows.max().unwrap_or_default();
    if longest >= SHORTEST { longest } else { 1 }
}

/// The place that each ASCII character has in each row, from one on; zero if it is not there.
const ROWS: [[u8; 128]; KEYBOARDS.len()] = {
    let mut rows = [[0; 128]; KEYBOARDS.len()];
    let mut row = 0;
    while row < rows.len() {
        let keys = KEYBOARDS[row];
        let mut at = 0;
        let mut place = 0;
        while at < keys.len() {
            place += 1;
            rows[row][keys[at] as usize] = place;
            rows[row][keys[at].to_ascii_uppercase() as usize] = place;
            let mut digit = 0;
            while digit < SHIFTED.len() {
                if keys[at] == KEYBOARDS[0][digit] {
                    rows[row][SHIFTED[digit] as usize] = place;
                }
                digit += 1;
            }
            at += 1;
        }
        row += 1;
    }
    rows
};

fn common_len(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Shannon's entropy of all values together, by how often each is there, of `symbols` that there could be. Without limit if
/// that tells nothing, because to describe the text so is not much shorter than its `plain` bits.
fn shannon_bits(values: impl Iterator<Item = u32>, symbols: f64, plain: f64) -> f64 {
    let mut values = Zeroizing::new(values.collect::<Vec<_>>());
    values.sort_unstable();
    let total = count(values.len());
    let groups = values.chunk_by(|a, b| a == b).map(<[u32]>::len);
    let different = groups.clone().count();
    // Which symbols there are, how often each, and in which order: a code that leaves nothing to guess.
    let orders = orders_bits(values.len()) - groups.clone().map(orders_bits).sum::<f64>();
    let counts = choices_bits(total - 1.0, different.saturating_sub(1)) + total.max(1.0).log2();
    let described = choices_bits(symbols, different) + counts + orders;
    if plain - described < NO_ACCIDENT_BITS {
        return f64::INFINITY;
    }
    let entropy = groups
        .map(count)
        .map(|n| n * (total / n).log2())
        .sum::<f64>();
    SAMPLING * entropy
}

/// What it takes to tell the order of `n` things.
fn orders_bits(n: usize) -> f64 {
    (2..=n).map(|n| count(n).log2()).sum()
}

/// What it takes to tell `chosen` things of `all`.
fn choices_bits(all: f64, chosen: usize) -> f64 {
    (0..chosen)
        .map(|n| ((all - count(n)).max(1.0) / count(n + 1)).log2())
        .sum()
}

#[expect(clippy::cast_precision_loss, reason = "no text is looked at that long")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}
