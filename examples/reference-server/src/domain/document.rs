//! A JSON document as it was sent.
//!
//! The text is kept byte for byte: no number is rounded, no member moved, nothing escaped anew. It
//! is read once, to refuse what readers of JSON disagree about (RFC 8259, sections 4, 8 and 9): two
//! members of one name, text that is not UTF-8, nesting or sheer count that some parsers give up on.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::etag::Digest;

/// How deep arrays and objects may be nested.
pub(crate) const MAX_DEPTH: usize = 64;
/// How many values a document may hold, counted with those in arrays and objects. A value costs
/// two bytes to send and a hundred to keep in memory while it is checked.
pub(crate) const MAX_VALUES: usize = 250_000;

/// Checked JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    text: String,
    value: Value,
    values: usize,
    depth: usize,
    pointers: u64,
}

/// Why a text is not accepted as a document; lines and columns count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) detail: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Document {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error))?;
        let reading = Reading::default();
        let mut json = serde_json::Deserializer::from_str(text);
        // Ours is the lower limit, with a sentence of its own.
        let value = Seed {
            reading: &reading,
            depth: 0,
            pointer: 0,
        }
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        .map_err(|error| Malformed {
            detail: sentence(&error),
            line: error.line(),
            column: error.column(),
        })?;
        Ok(Self {
            text: text.to_owned(),
            value,
            values: reading.values.get(),
            depth: reading.depth.get(),
            pointers: reading.pointers.get(),
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// For checking only: numbers beyond a double's precision are rounded here, and not in the text.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    pub(crate) fn values(&self) -> usize {
        self.values
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The bytes of the JSON pointers to all values, which can be many times those of the text: a name
    /// counts for every value below it.
    pub(crate) fn pointers(&self) -> u64 {
        self.pointers
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
}

// serde_json appends the position, which has members of its own in the answer.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> Malformed {
    let before = bytes.get(..error.valid_up_to()).unwrap_or(bytes);
    let line_start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    Malformed {
        detail: "the text is not UTF-8".to_owned(),
        line: before.iter().filter(|&&b| b == b'\n').count() + 1,
        column: before.len() - line_start + 1,
    }
}

#[derive(Default)]
struct Reading {
    values: Cell<usize>,
    depth: Cell<usize>,
    pointers: Cell<u64>,
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    reading: &'a Reading,
    depth: usize,
    /// The bytes of the pointer to this value.
    pointer: u64,
}

impl Seed<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            let limit = format_args!("nested deeper than {MAX_DEPTH} levels").to_string();
            return Err(E::custom(limit));
        }
        self.reading.depth.set(self.reading.depth.get().max(depth));
        Ok(Self { depth, ..self })
    }

    /// The value that `token` bytes lead to.
    fn at(self, token: usize) -> Self {
        let token = u64::try_from(token).unwrap_or(u64::MAX);
        let pointer = self.pointer.saturating_add(token).saturating_add(1);
        Self { pointer, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        let values = self.reading.values.get() + 1;
        if values > MAX_VALUES {
            return Err(D::Error::custom(format_args!(
                "more than {MAX_VALUES} values"
            )));
        }
        self.reading.values.set(values);
        let pointers = self.reading.pointers.get().saturating_add(self.pointer);
        self.reading.pointers.set(pointers);
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut items = Vec::new();
        // As many digits as the last index of the longest document has.
        let item_seed = inside.at(6);
        while let Some(item) = sequence.next_element_seed(item_seed)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(
                    "two members of an object have the same name",
                ));
            }
            let value = map.next_value_seed(inside.at(name.len()))?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, MAX_DEPTH, MAX_VALUES};

    fn refused(text: &[u8]) -> (String, usize, usize) {
        let malformed = Document::parse(text).unwrap_err();
        (malformed.detail, malformed.line, malformed.column)
    }

    #[test]
    fn text_is_kept_byte_for_byte() {
        let text = " {\"z\":1.0,\n\"a\":[12345678901234567890123,1e2,-0, \"\\u00e9\\/\"]}\n";
        let document = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(document.text(), text);
        assert_eq!(document.values(), 7);
        assert_eq!(document.depth(), 2);
        // "", /z, /a, and five below /a.
        assert_eq!(document.pointers(), 2 + 2 + 4 * (2 + 7));
        assert_eq!(document.value()["a"][1], 100.0);
    }

    #[test]
    fn faults_are_told_with_their_position() {
        for (text, detail, line, column) in [
            (&b""[..], "EOF while parsing a value", 1, 0),
            (b"{\"a\":1,}", "trailing comma", 1, 8),
            (b"[1\n 2]", "expected `,` or `]`", 2, 2),
            (b"{} {}", "trailing characters", 1, 4),
            (b"'a'", "expected value", 1, 1),
            (b"[01]", "invalid number", 1, 3),
            (b"NaN", "expected value", 1, 1),
            (b"1e999", "number out of range", 1, 5),
            (b"\"\\ud800\"", "unexpected end of hex escape", 1, 8),
            (b"\xef\xbb\xbf{}", "expected value", 1, 1),
            (b"[\n\"\xff\"]", "the text is not UTF-8", 2, 2),
        ] {
            let got = refused(text);
            assert_eq!(got, (detail.to_owned(), line, column), "{text:?}");
        }
    }

    #[test]
    fn a_name_given_twice_is_refused_however_it_is_written() {
        let twice = "two members of an object have the same name";
        assert_eq!(refused(b"{\"a\":1,\"a\":1}").0, twice);
        assert_eq!(
            refused(b"[{\"b\":{\"a\":1,\n\"\\u0061\":2}}]"),
            (twice.to_owned(), 2, 8)
        );
        assert!(Document::parse(b"[{\"a\":1},{\"a\":1}]").is_ok());
    }

    #[test]
    fn depth_and_count_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            Document::parse(nested(MAX_DEPTH).as_bytes())
                .unwrap()
                .depth(),
            MAX_DEPTH
        );
        assert_eq!(
            refused(nested(MAX_DEPTH + 1).as_bytes()).0,
            "nested deeper than 64 levels"
        );
        // Far beyond: refused on the way in, not by a stack that has run out.
        assert_eq!(
            refused("[".repeat(5_000_000).as_bytes()).0,
            "nested deeper than 64 levels"
        );

        let many = |n: usize| format!("[{}0]", "0,".repeat(n - 1));
        assert!(Document::parse(many(MAX_VALUES - 1).as_bytes()).is_ok());
        assert_eq!(
            refused(many(MAX_VALUES).as_bytes()).0,
            "more than 250000 values"
        );
    }
}
