use std::fmt;
use std::sync::Arc;

use super::error::{InvalidFields, Problem};

/// The fields of JSON documents whose values are masked: names, or paths of names separated by dots.
///
/// ```
/// use portcullis_security_layers::mask::JsonFields;
///
/// let fields = JsonFields::new(["password", "card.number"])?;
/// assert_eq!(
///     JsonFields::new(["card..number"]).unwrap_err().to_string(),
///     "'card..number' is no field: names of 1 to 64 letters are separated by dots",
/// );
/// # let _layer = portcullis_security_layers::mask::MaskLayer::new().fields(fields);
/// # Ok::<_, portcullis_security_layers::mask::InvalidFields>(())
/// ```
///
/// A field is found anywhere in a document. `card.number` is the member `number` of an object that is
/// the value of `card`, or of one in a list that is. In names, the case of ASCII letters and the
/// separators `_-. ` make no difference: `card_number` stands for `cardNumber` and `card.number` as well.
#[derive(Clone)]
pub struct JsonFields(Arc<Fields>);

/// All paths behind one another, a name for each bit of a [`State`].
struct Fields {
    names: Vec<Box<[u8]>>,
    firsts: u64,
    lasts: u64,
    /// A bit for each ASCII letter or digit that a name starts with.
    letters: u128,
}

/// The names that were met on the way to a value: those of all paths of which it may be a part
/// (the algorithm is Baeza-Yates and Gonnet's Shift-And, with names for letters).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

impl State {
    /// None of them.
    pub(super) const NONE: Self = Self(0);
    /// All of them.
    pub(super) const ANY: Self = Self(u64::MAX);
}

/// In bytes, without separators.
const LONGEST_NAME: usize = 64;
const MOST_NAMES: usize = 64;
/// In bytes, as written: each as six, for `\u0070`, and with some separators.
pub(super) const LONGEST_WRITTEN: usize = 512;

impl JsonFields {
    /// The fields with these names or paths.
    ///
    /// # Errors
    ///
    /// If a name is empty or has more than 64 bytes, without the separators, or if there are more than 64
    /// names in all.
    pub fn new(paths: impl IntoIterator<Item: AsRef<str>>) -> Result<Self, InvalidFields> {
        let (mut names, mut firsts, mut lasts, mut letters) = (Vec::new(), 0, 0, 0);
        for path in paths {
            let path = path.as_ref();
            firsts |= bit(names.len())?;
            for name in path.split('.') {
                let mut room = Name::new();
                room.extend(name.bytes());
                let name = room.get().filter(|name| !name.is_empty());
                let name = name.ok_or_else(|| InvalidFields(Problem::Field(path.to_owned())))?;
                bit(names.len())?;
                letters |= letter(name[0]);
                names.push(name.into());
            }
            lasts |= bit(names.len() - 1)?;
        }
        Ok(Self(Arc::new(Fields {
            names,
            firsts,
            lasts,
            letters,
        })))
    }

    /// Where one is behind the name that is written like this, in an object where one was in `state`.
    pub(super) fn after(&self, State(state): State, written: &[u8]) -> State {
        let Fields {
            names,
            firsts,
            letters,
            ..
        } = &*self.0;
        // Most names are decided by their first letter.
        if written
            .first()
            .is_some_and(|first| letter(*first) & !letters != 0)
        {
            return State::NONE;
        }
        let mut name = Name::new();
        if written.len() > LONGEST_WRITTEN || !unescape(written, &mut name) {
            return State::NONE;
        }
        let Some(name) = name.get() else {
            return State::NONE;
        };
        let same = names
            .iter()
            .enumerate()
            .filter(|(_, known)| ***known == *name);
        let same = same.fold(0, |bits, (index, _)| bits | 1 << index);
        State((state << 1 | firsts) & same)
    }

    /// Whether the value is that of a field.
    pub(super) fn are_at(&self, State(state): State) -> bool {
        state & self.0.lasts != 0
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.names.is_empty()
    }
}

/// The bit of a letter, in whatever case, or a digit; none for what may be left out or stand for another.
fn letter(first: u8) -> u128 {
    match first.to_ascii_lowercase() {
        first @ (b'0'..=b'9' | b'a'..=b'z') => 1 << first,
        _ => 0,
    }
}

fn bit(index: usize) -> Result<u64, InvalidFields> {
    if index >= MOST_NAMES {
        return Err(InvalidFields(Problem::TooMany));
    }
    Ok(1 << index)
}

/// A name without its separators and in lower case.
struct Name {
    bytes: [u8; LONGEST_NAME],
    length: usize,
}

impl Name {
    const fn new() -> Self {
        Self {
            bytes: [0; LONGEST_NAME],
            length: 0,
        }
    }

    fn extend(&mut self, bytes: impl IntoIterator<Item = u8>) {
        let bytes = bytes.into_iter().filter(|byte| !b"_-. ".contains(byte));
        for byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte.to_ascii_lowercase();
            }
            self.length += 1;
        }
    }

    /// `None` if it is too long.
    fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }
}

/// Adds what a string says to `name`; `false` if it is not valid. Half of a surrogate pair says nothing.
fn unescape(written: &[u8], name: &mut Name) -> bool {
    let mut rest = written;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        name.extend(rest[..at].iter().copied());
        let Some((&sign, behind)) = rest[at + 1..].split_first() else {
            return false;
        };
        rest = behind;
        let plain = match sign {
            b'u' => {
                let units = [unit(rest), rest.get(4..).and_then(second_unit)];
                let char = char::decode_utf16(units.into_iter().map_while(|unit| unit)).next();
                let Some(char) = char else { return false };
                let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
                rest = &rest[char.len_utf16() * 6 - 2..];
                name.extend(char.encode_utf8(&mut [0; 4]).bytes());
                continue;
            }
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            itself => itself,
        };
        name.extend([plain]);
    }
    name.extend(rest.iter().copied());
    true
}

fn second_unit(text: &[u8]) -> Option<u16> {
    unit(text.strip_prefix(b"\\u")?)
}

fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.first_chunk::<4>()?.iter();
    digits.copied().try_fold(0, |unit, digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

impl fmt::Debug for JsonFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.names.iter();
        f.debug_list()
            .entries(names.map(|name| String::from_utf8_lossy(name)))
            .finish()
    }
}
