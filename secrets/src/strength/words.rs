//! How little a text says that is made of words.

use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::Weakness;
use super::estimate::Estimate;
use super::shape::{alphabet_bits, count, effective_len};

/// 2,048 words are about what people draw from.
const WORD_BITS: f64 = 11.0;
/// The words that come to mind when a key is asked for are far fewer.
const FIRST_WORD_BITS: f64 = WORD_BITS / 2.0;
/// A word that was there before.
const REPEATED_WORD_BITS: f64 = 1.0;
/// What a letter of English says in its context; Shannon found 0.6 to 1.3 bits in 1951.
const LETTER_BITS: f64 = 1.5;
const DIGIT_BITS: f64 = std::f64::consts::LOG2_10;
/// A word that is there by chance is one of so many, at one of 32 places.
const PLACE_BITS: f64 = 5.0;
/// And there are so many ways to put a digit for a letter.
const LEET_BITS: f64 = 4.0;
/// Random texts say so much with words once in three hundred million times, all their words taken together.
const NO_ACCIDENT_BITS: f64 = 28.0;
/// What stands between words says nothing.
const SEPARATORS: &str = "-_. /:,";

/// Common English words, first names, and words of our trade.
const WORDS: &str = include_str!("words.txt");

const FIRST_WORDS: &str = "
    access act add admin administrator aes after age ago air all always and any anything api app application apps
    are arm art asdf ask auth authentication authorization backend bad bag bar bearer bed bee before best big bit
    bits box boy bus but buy byte bytes can cannot car cat change changed char character characters chars cipher
    client company confidential config configuration cookie cookies cow cry crypto cup cut dad database day decrypt
    default dev develop developer development did die dog dragon dry ear eat egg encrypt encrypted encryption end
    env environment ever eye fat few fly for fox from frontend fun gas generate generated get god good guess guessed
    gun hard has hash hat have hello her here hex hidden him his hit hmac hot how ice iloveyou internal into its job
    joy just jwt keep key keys kid know law least leg length let letmein lie like local localhost login long longer
    lot low mad made main make man map master max maximum may mega men min mine minimum mix mom monkey must need
    needs net never new nor not now number numbers oauth off oil old one only our out own pass passphrase passwd
    password passwords pay pen pepper pet pig please pop private prod production project public put qwerty random
    randomly raw real red refresh root row rsa run sad safe safely salt say sea secret secrets secure security see
    sensitive server service session sessions set setting settings sha share shared she should sign signature signed
    signing sir sit six sky some something somewhere son ssh ssl stage staging string strings strong stronger sun
    super tea ten text that the these thing things this those tls token tokens too top try two ultra url use used
    user username users using value values very want war way web webhook webhooks welcome whatever who will win with
    without word words world yes yet you zxcvbn
";

/// Words that say that the secret is still to be chosen. They count for nothing.
const PLACEHOLDERS: &str = "
    changeit changeme changethis demo dummy example examples fake fixme fixture foobar insecure insert ipsum lorem
    amet adipiscing consectetur dolor elit mock mysecret none notsecure null placeholder replace replaceme replacethis sample samples secretkey temp
    temporary test tested tester testing tests tmp todo undefined unsafe your yoursecret
";

struct Word {
    folded: String,
    bits: f64,
}

/// In order of the folded words, each of them once, with its lowest price.
static DICTIONARY: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let lists = [
        (PLACEHOLDERS, 0.0),
        (FIRST_WORDS, FIRST_WORD_BITS),
        (WORDS, WORD_BITS),
    ];
    let words = lists.iter().flat_map(|(list, bits)| {
        list.split_ascii_whitespace().map(|word| Word {
            folded: word.bytes().map(|byte| char::from(fold(byte))).collect(),
            bits: *bits,
        })
    });
    let mut words: Vec<_> = words.collect();
    // A stable sort, so the cheapest of equal words stays in front and is the one that is kept.
    words.sort_by(|a, b| a.folded.cmp(&b.folded));
    words.dedup_by(|later, first| later.folded == first.folded);
    words
});

/// What is left to guess for one who knows the words, if it is no accident that there are words.
pub(super) fn estimate(text: &[char]) -> Option<Estimate> {
    // Hexadecimal digits make words by chance, since each stands for a letter.
    if !text.iter().all(char::is_ascii) || text.iter().all(char::is_ascii_hexdigit) {
        return None;
    }
    let ascii = text.iter().map(|c| u8::try_from(*c).unwrap_or_default());
    let ascii = Zeroizing::new(ascii.collect::<Vec<_>>());
    let folded = Zeroizing::new(ascii.iter().map(|byte| fold(*byte)).collect::<Vec<_>>());

    let parse = parse(&folded, &ascii, alphabet_bits(text));
    let surprise = parse.first().map_or(0.0, |best| best.surprise);
    let (mut at, mut bits) = (0, 0.0);
    let mut words: Vec<&str> = Vec::new();
    let mut rest = Zeroizing::new(Vec::with_capacity(text.len()));
    while at < text.len() {
        let Some(word) = parse[at].word else {
            rest.push(text[at]);
            at += 1;
            continue;
        };
        let repeated = words.contains(&word.folded.as_str());
        bits += if repeated {
            word.bits.min(REPEATED_WORD_BITS)
        } else {
            word.bits
        };
        words.push(&word.folded);
        at += word.folded.len();
    }
    if surprise < NO_ACCIDENT_BITS {
        return None;
    }
    Some(Estimate {
        bits: bits + rest_bits(&rest, text.len()),
        weakness: Weakness::Words,
    })
}

/// What the characters say that are no words. Those of a text that is mostly words are words that are not known here.
fn rest_bits(rest: &[char], total: usize) -> f64 {
    let codes = Zeroizing::new(rest.iter().map(|c| u32::from(*c)).collect::<Vec<_>>());
    let shape = count(effective_len(&codes)) * alphabet_bits(rest);
    let separators = rest.iter().filter(|c| SEPARATORS.contains(**c)).count();
    if (total - rest.len()) * 2 <= total - separators {
        return shape;
    }
    let digits = rest.iter().filter(|c| c.is_ascii_digit()).count();
    let letters = rest.len() - digits - separators;
    shape.min(count(digits) * DIGIT_BITS + count(letters) * LETTER_BITS)
}

/// How a text from some place on is made of words, at best.
#[derive(Clone, Copy, Default)]
struct Best {
    /// How unlikely all the words are together, in bits.
    surprise: f64,
    /// How many characters are in words.
    covered: usize,
    /// The word that begins here.
    word: Option<&'static Word>,
}

/// The words that are the least likely to be there by chance, from each place on. To take the longest word at each would
/// read `secretsecret` as `secrets` and then as nothing.
fn parse(folded: &[u8], ascii: &[u8], alphabet: f64) -> Vec<Best> {
    let mut best = vec![Best::default(); folded.len() + 1];
    for at in (0..folded.len()).rev() {
        let mut here = Best {
            word: None,
            ..best[at + 1]
        };
        each_word(&folded[at..], &ascii[at..], |word| {
            let behind = best[at + word.folded.len()];
            let written = &ascii[at..at + word.folded.len()];
            let with = Best {
                surprise: behind.surprise + surprise(written, alphabet),
                covered: behind.covered + written.len(),
                word: Some(word),
            };
            if (with.surprise, with.covered) > (here.surprise, here.covered) {
                here = with;
            }
        });
        best[at] = here;
    }
    best
}

/// How many bits less a word says than as many other characters, after what it says that there is one at all.
fn surprise(written: &[u8], alphabet: f64) -> f64 {
    let mut by_chance = WORD_BITS + PLACE_BITS;
    if !written.iter().all(u8::is_ascii_alphabetic) {
        by_chance += LEET_BITS;
    }
    (count(written.len()) * alphabet - by_chance).max(0.0)
}

/// The words that `folded` begins with and that `ascii` writes as people do.
fn each_word(folded: &[u8], ascii: &[u8], mut found: impl FnMut(&'static Word)) {
    let mut candidates = DICTIONARY.as_slice();
    for (at, byte) in folded.iter().enumerate() {
        let letter = |word: &Word| word.folded.as_bytes().get(at).copied();
        let start = candidates.partition_point(|word| letter(word) < Some(*byte));
        let end = candidates.partition_point(|word| letter(word) <= Some(*byte));
        candidates = &candidates[start..end];
        // Of all words that begin alike, the one that is no longer than that comes first.
        match candidates.first() {
            None => break,
            Some(word) if word.folded.len() == at + 1 && is_written(&ascii[..=at]) => found(word),
            Some(_) => {}
        }
    }
}

/// Lower case, UPPER CASE or Capitalised, and half of it letters. Random text forms words too, but hardly ever so.
fn is_written(word: &[u8]) -> bool {
    let mut letters = word.iter().filter(|byte| byte.is_ascii_alphabetic());
    let upper = letters.clone().all(u8::is_ascii_uppercase);
    let enough = letters.clone().count() * 2 >= word.len();
    letters.next();
    enough && (upper || letters.all(u8::is_ascii_lowercase))
}

/// Undoes capitals and the usual replacements. Some of these stand for an `i` as well as for an `l`, so both are one.
fn fold(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        b'0' => b'o',
        b'1' | b'!' | b'|' | b'l' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' | b'+' => b't',
        b'8' => b'b',
        b'9' => b'g',
        letter => letter,
    }
}
