//! Reads JSON objects as tokens and keys must be read: strictly (RFC 8259), without copying, and no member twice.
//!
//! `serde_json` lets the last of two equal members win unless it knows their names, and which one wins differs from parser to
//! parser: RFC 7515 section 4 lets us refuse both.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// How deep arrays and objects may be nested. No claim of a standard needs more than four.
const MAX_DEPTH: u8 = 16;
/// How many names of one object are kept without asking for memory.
const INLINE: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No JSON, no object, or larger than anybody needs.
    Malformed,
    /// Two members of one object have the same name.
    Duplicate,
}

/// A string as it stands in the document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    quoted: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// What stands between the quotes, if that is what is meant.
    pub(super) fn plain(self) -> Option<&'a str> {
        (!self.escaped).then(|| unquoted(self.quoted))
    }

    /// What is meant.
    pub(super) fn read(self) -> Cow<'a, str> {
        if self.escaped {
            // Was read once before, or there would be no `Text`.
            Cow::Owned(serde_json::from_str(self.quoted).unwrap_or_default())
        } else {
            Cow::Borrowed(unquoted(self.quoted))
        }
    }
}

fn unquoted(quoted: &str) -> &str {
    quoted.get(1..quoted.len() - 1).unwrap_or_default()
}

/// A value as it stands in the document. Flat, because an enum of texts is copied by way of memory at every return.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) raw: &'a str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string that means what stands between its quotes.
    Plain,
    /// A string with escapes.
    Escaped,
    Number,
    Bool,
    Null,
    Array,
    Object,
}

impl<'a> Value<'a> {
    /// What is meant, if it is a string.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        let escaped = match self.kind {
            Kind::Plain => false,
            Kind::Escaped => true,
            _ => return None,
        };
        let quoted = self.raw;
        Some(Text { quoted, escaped }.read())
    }

    /// What stands between the quotes of a string.
    pub(super) fn unquoted(self) -> &'a str {
        unquoted(self.raw)
    }
}

/// Reads the one object of which `json` consists, and tells of each member. If it fails, what was told means nothing.
pub(super) fn object<'a>(
    json: &'a str,
    member: impl FnMut(Text<'a>, Value<'a>),
) -> Result<(), Fault> {
    let mut scanner = Scanner { json, at: 0 };
    scanner.skip_space();
    scanner.members(MAX_DEPTH, member)?;
    scanner.end()
}

/// Reads the one array of which `json` consists, and tells of each element.
pub(super) fn array<'a>(json: &'a str, element: impl FnMut(Value<'a>)) -> Result<(), Fault> {
    let mut scanner = Scanner { json, at: 0 };
    scanner.skip_space();
    scanner.elements(MAX_DEPTH, element)?;
    scanner.end()
}

struct Scanner<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault::Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        (self.next()? == byte).then_some(()).ok_or(Fault::Malformed)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        self.peek().is_none().then_some(()).ok_or(Fault::Malformed)
    }

    fn since(&self, start: usize) -> Result<&'a str, Fault> {
        self.json.get(start..self.at).ok_or(Fault::Malformed)
    }

    fn members(
        &mut self,
        depth: u8,
        mut member: impl FnMut(Text<'a>, Value<'a>),
    ) -> Result<(), Fault> {
        let mut names = Names::default();
        self.list(b'{', b'}', |scanner| {
            let name = scanner.text()?;
            names.insert(name)?;
            scanner.skip_space();
            scanner.expect(b':')?;
            scanner.skip_space();
            member(name, scanner.value(depth)?);
            Ok(())
        })
    }

    fn elements(&mut self, depth: u8, mut element: impl FnMut(Value<'a>)) -> Result<(), Fault> {
        self.list(b'[', b']', |scanner| {
            element(scanner.value(depth)?);
            Ok(())
        })
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(open)?;
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            item(self)?;
            self.skip_space();
            match self.next()? {
                b',' => {}
                byte if byte == close => return Ok(()),
                _ => return Err(Fault::Malformed),
            }
        }
    }

    fn value(&mut self, depth: u8) -> Result<Value<'a>, Fault> {
        let start = self.at;
        let kind = self.skip_value(depth)?;
        let raw = self.since(start)?;
        Ok(Value { raw, kind })
    }

    fn skip_value(&mut self, depth: u8) -> Result<Kind, Fault> {
        match self.peek() {
            Some(b'"') => self.skip_text(),
            Some(b'{') => {
                let depth = depth.checked_sub(1).ok_or(Fault::Malformed)?;
                self.members(depth, |_, _| ()).map(|()| Kind::Object)
            }
            Some(b'[') => {
                let depth = depth.checked_sub(1).ok_or(Fault::Malformed)?;
                self.elements(depth, |_| ()).map(|()| Kind::Array)
            }
            Some(b'-' | b'0'..=b'9') => self.skip_number().map(|()| Kind::Number),
            Some(b't') => self.skip_word("true").map(|()| Kind::Bool),
            Some(b'f') => self.skip_word("false").map(|()| Kind::Bool),
            Some(b'n') => self.skip_word("null").map(|()| Kind::Null),
            _ => Err(Fault::Malformed),
        }
    }

    fn skip_word(&mut self, word: &str) -> Result<(), Fault> {
        word.bytes().try_for_each(|byte| self.expect(byte))
    }

    fn text(&mut self) -> Result<Text<'a>, Fault> {
        let start = self.at;
        let escaped = self.skip_text()? == Kind::Escaped;
        let quoted = self.since(start)?;
        Ok(Text { quoted, escaped })
    }

    fn skip_text(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        let mut kind = Kind::Plain;
        self.expect(b'"')?;
        loop {
            self.skip_plain();
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    self.next()?;
                }
                0..=0x1f => return Err(Fault::Malformed),
                _ => {}
            }
        }
        // Rare: escapes, and halves of surrogate pairs, are judged by whoever decodes them.
        if kind == Kind::Escaped && serde_json::from_str::<String>(self.since(start)?).is_err() {
            return Err(Fault::Malformed);
        }
        Ok(kind)
    }

    /// Goes on to the end of the string, to an escape or to what is not allowed in one, eight bytes at a time; may stop
    /// earlier. Half of what is read of a token is read here.
    fn skip_plain(&mut self) {
        const ONES: u64 = u64::MAX / 255;
        const HIGH: u64 = ONES << 7;
        // The high bit of the lowest byte of `bytes` that is below `least` is set, and none before it.
        let below = |bytes: u64, least: u64| bytes.wrapping_sub(ONES * least) & !bytes & HIGH;
        let is = |bytes: u64, byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
        while let Some((bytes, _)) = self
            .json
            .as_bytes()
            .get(self.at..)
            .and_then(<[u8]>::split_first_chunk)
        {
            let bytes = u64::from_le_bytes(*bytes);
            let special = is(bytes, b'"') | is(bytes, b'\\') | below(bytes, 0x20);
            match special.trailing_zeros() {
                64 => self.at += 8,
                bit => {
                    // A bit's number, divided by eight, is a byte's.
                    self.at += usize::try_from(bit / 8).unwrap_or_default();
                    return;
                }
            }
        }
    }

    fn skip_number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let mut large = false;
        if let Some(b'e' | b'E') = self.peek() {
            large = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let number = self.since(start)?;
        // Beyond what a double can hold, every reader makes something else of it (RFC 8259 section 6).
        if (large || number.len() > 300) && !number.parse().is_ok_and(f64::is_finite) {
            return Err(Fault::Malformed);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (start < self.at).then_some(()).ok_or(Fault::Malformed)
    }
}

/// The names of the members that an object was seen to have.
struct Names<'a> {
    /// A bit for each name, which few others share: most names are new at a glance.
    seen: u64,
    len: usize,
    inline: [&'a str; INLINE],
    /// All of them, as they are meant, once one is escaped or there are many: whoever sends a token chooses the names, and
    /// comparing each with each took a hundred times as long as a signature.
    more: BTreeSet<Cow<'a, str>>,
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self {
            seen: 0,
            len: 0,
            inline: [""; INLINE],
            more: BTreeSet::new(),
        }
    }
}

impl<'a> Names<'a> {
    fn insert(&mut self, name: Text<'a>) -> Result<(), Fault> {
        let is_new = match name.plain() {
            Some(plain) if self.len < INLINE && self.more.is_empty() => self.insert_inline(plain),
            _ => {
                let inline = self.inline.iter().take(std::mem::take(&mut self.len));
                self.more.extend(inline.copied().map(Cow::Borrowed));
                self.more.insert(name.read())
            }
        };
        is_new.then_some(()).ok_or(Fault::Duplicate)
    }

    fn insert_inline(&mut self, name: &'a str) -> bool {
        let bit = 1 << glance(name);
        if self.seen & bit != 0
            && self
                .inline
                .iter()
                .take(self.len)
                .any(|known| *known == name)
        {
            return false;
        }
        self.seen |= bit;
        if let Some(slot) = self.inline.get_mut(self.len) {
            *slot = name;
            self.len += 1;
        }
        true
    }
}

/// A number below 64 that tells most names of an object apart.
fn glance(name: &str) -> usize {
    let byte = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
    let bytes = name.as_bytes();
    (3 * byte(bytes.first()) + 5 * byte(bytes.last()) + 7 * bytes.len()) % 64
}
