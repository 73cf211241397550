//! Where a byte stands in a JSON text (RFC 8259), in whatever pieces that comes and whether or not it
//! is one: what is no JSON has places too, only of less use.

use memchr::memchr2;

/// A place between two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In text that is not read as JSON.
    Text,
    /// Outside of strings, numbers and words.
    Between,
    /// In a number or a word, behind so many of its bytes, or [`LONG`].
    Scalar(u8),
    /// In a string, behind a whole character.
    String,
    /// In a string, in an escape sequence.
    Escape(Escape),
    /// In a string, behind the first half of a surrogate pair, which is worth nothing without the other one.
    HalfPair,
}

/// A number of more bytes than this is not waited for.
pub(super) const LONG: Place = Place::Scalar(u8::MAX);

/// The bytes that are missing: `u` or another sign and the four digits behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Escape {
    left: u8,
    /// Whether it can be the first half of a surrogate pair, as far as it is read.
    may_be_half: bool,
}

impl Place {
    #[inline]
    pub(super) fn after(self, byte: u8) -> Self {
        match self {
            Self::Text => Self::Text,
            Self::Between | Self::Scalar(_) if byte == b'"' => Self::String,
            Self::Between | Self::Scalar(_) if is_delimiter(byte) => Self::Between,
            Self::Between => Self::Scalar(1),
            Self::Scalar(length) => Self::Scalar(length.saturating_add(1)),
            Self::String | Self::HalfPair => match byte {
                b'"' => Self::Between,
                b'\\' => Self::Escape(Escape {
                    left: 5,
                    may_be_half: self == Self::String,
                }),
                _ => Self::String,
            },
            Self::Escape(escape) => escape.after(byte),
        }
    }

    pub(super) const fn is_in_string(self) -> bool {
        matches!(self, Self::String | Self::Escape(_) | Self::HalfPair)
    }

    pub(super) const fn is_in_scalar(self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    /// Whether nothing is torn apart here, be it a number, an escape sequence or a pair of them: the
    /// place before `next`, if that is known and tells.
    pub(super) fn between_tokens(self, next: Option<u8>) -> Option<Self> {
        match self {
            Self::Text | Self::Between | Self::String => Some(self),
            Self::Scalar(_) if next.is_some_and(|next| next == b'"' || is_delimiter(next)) => {
                Some(Self::Between)
            }
            Self::HalfPair if next.is_some_and(|next| next != b'\\') => Some(Self::String),
            Self::Scalar(_) | Self::HalfPair | Self::Escape(_) => None,
        }
    }

    /// How many bytes of `text` leave this place what it is, as far as that is quick to say.
    pub(super) fn run(self, text: &[u8]) -> usize {
        match self {
            Self::Text => text.len(),
            Self::String => memchr2(b'"', b'\\', text).unwrap_or(text.len()),
            _ => 0,
        }
    }
}

impl Escape {
    fn after(self, byte: u8) -> Place {
        let Self { left, may_be_half } = self;
        let fits = match left {
            5 if byte != b'u' => return Place::String,
            5 => true,
            _ if !byte.is_ascii_hexdigit() => return Place::String.after(byte),
            4 => matches!(byte, b'd' | b'D'),
            3 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
            _ => true,
        };
        let may_be_half = may_be_half && fits;
        match left {
            1 if may_be_half => Place::HalfPair,
            1 => Place::String,
            _ => Place::Escape(Self {
                left: left - 1,
                may_be_half,
            }),
        }
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | b'{' | b'}' | b'[' | b']' | b':' | b',')
}
