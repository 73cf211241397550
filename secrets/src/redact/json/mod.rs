//! Redaction of JSON (RFC 8259) as it is read: what is not a secret stays as it was written, to the
//! last space and digit.

mod scalar;

use std::borrow::Cow;
use std::ops::Range;

use self::scalar::{escape, is_number, unescape};
use super::bytes::{at, run};
use super::names::Class;
use super::value::is_first_of_pair;
use super::{REDACTED, Redactor};
use crate::common::names::Place;

/// Rewrites one or more documents. `None` if it is not JSON, or nested deeper than [`Frames::MOST`].
pub(super) fn rewrite<'a>(redactor: &Redactor, text: &'a str) -> Option<Cow<'a, str>> {
    let mut rewriter = Rewriter {
        redactor,
        text,
        at: 0,
        out: String::new(),
        copied: 0,
        plain: String::new(),
    };
    rewriter.skip_spaces();
    while rewriter.at < text.len() {
        rewriter.document()?;
        rewriter.skip_spaces();
    }
    if rewriter.copied == 0 {
        return Some(Cow::Borrowed(text));
    }
    rewriter.out.push_str(&text[rewriter.copied..]);
    Some(Cow::Owned(rewriter.out))
}

struct Rewriter<'r, 'a> {
    redactor: &'r Redactor,
    text: &'a str,
    at: usize,
    out: String,
    /// How much of the text is in `out`, in whatever form.
    copied: usize,
    /// A string without its escapes.
    plain: String,
}

/// The objects and arrays that are open, the innermost one in the lowest bit.
#[derive(Default)]
struct Frames {
    depth: u32,
    objects: u128,
    sensitive: u128,
    unlisted: u128,
    /// Those in which a sensitive name is a value, so that another value may be what it names.
    named: u128,
}

impl Frames {
    /// As deep as `serde_json` goes.
    const MOST: u32 = 128;

    fn open(&mut self, is_object: bool, class: Class) -> Option<()> {
        if self.depth == Self::MOST {
            return None;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        self.sensitive = self.sensitive << 1 | u128::from(class == Class::Sensitive);
        // A name that is not listed stands for its value, and for those of a list, but an object's
        // members have names of their own.
        let unlisted = class == Class::Unlisted && !is_object;
        self.unlisted = self.unlisted << 1 | u128::from(unlisted);
        self.named <<= 1;
        Some(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
        self.sensitive >>= 1;
        self.unlisted >>= 1;
        self.named >>= 1;
    }

    fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// What all that is in the innermost one is.
    fn class(&self) -> Class {
        match (self.sensitive & 1, self.unlisted & 1) {
            (1, _) => Class::Sensitive,
            (_, 1) => Class::Unlisted,
            _ => Class::Plain,
        }
    }
}

impl Rewriter<'_, '_> {
    fn document(&mut self) -> Option<()> {
        let mut frames = Frames::default();
        let mut class = Class::Plain;
        loop {
            match self.peek() {
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    self.skip_spaces();
                    frames.open(open == b'{', class)?;
                    if !matches!(self.peek(), b'}' | b']') {
                        class = self.member(&mut frames)?;
                        continue;
                    }
                }
                b'"' => frames.named |= u128::from(self.string(class)?),
                _ => self.scalar(class)?,
            }
            // A value is complete, and with it maybe what it is in.
            loop {
                if frames.depth == 0 {
                    return Some(());
                }
                self.skip_spaces();
                let next = self.peek();
                self.at += 1;
                match (next, frames.is_object()) {
                    (b'}', true) | (b']', false) => frames.close(),
                    (b',', _) => {
                        self.skip_spaces();
                        class = self.member(&mut frames)?;
                        break;
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Reads up to the value of the next member or element, and says what it is.
    fn member(&mut self, frames: &mut Frames) -> Option<Class> {
        let is_named = frames.named & 1 == 1;
        if !frames.is_object() {
            // It names the next element and no other.
            frames.named &= !1;
            return Some(if is_named {
                Class::Sensitive
            } else {
                frames.class()
            });
        }
        let start = self.at;
        let mut name = self.name()?;
        if is_named && self.text[start..self.at].eq_ignore_ascii_case("\"value\"") {
            name = Class::Sensitive;
        }
        self.skip_spaces();
        if self.peek() != b':' {
            return None;
        }
        self.at += 1;
        self.skip_spaces();
        Some(match frames.class() {
            Class::Sensitive => Class::Sensitive,
            _ => name,
        })
    }

    fn name(&mut self) -> Option<Class> {
        let start = self.at;
        let has_escapes = self.skip_string()?;
        let redactor = self.redactor;
        let name = self.content(start, has_escapes)?;
        let class = redactor.class(name.as_bytes(), Place::Field);
        // Names can be secrets themselves: sessions by their token.
        self.scan(start, has_escapes)?;
        Some(class)
    }

    /// Says whether it is a sensitive name.
    fn string(&mut self, class: Class) -> Option<bool> {
        let start = self.at;
        let has_escapes = self.skip_string()?;
        match class {
            Class::Plain => {
                let is_name = self.is_name(start, has_escapes)?;
                self.scan(start, has_escapes)?;
                return Some(is_name);
            }
            // There is nothing to see in an empty one.
            _ if self.at == start + 2 => {}
            _ => self.replace(start + 1..self.at - 1, REDACTED),
        }
        Some(false)
    }

    /// Whether the string from `start` to here is a sensitive name of another value:
    /// `{"name":"password","value":"x"}`, `[["cookie","a=x"]]`, `["--password","x"]`.
    fn is_name(&mut self, start: usize, has_escapes: bool) -> Option<bool> {
        const LONGEST: usize = 128;
        let text = self.text.as_bytes();
        let is_member = text[..start].trim_ascii_end().ends_with(b":");
        let is_argument = text[start + 1..].starts_with(b"--");
        let is_first = is_member || is_argument || is_first_of_pair(text, start);
        if self.at - start > LONGEST || !is_first {
            return Some(false);
        }
        let redactor = self.redactor;
        let name = self.content(start, has_escapes)?;
        Some(redactor.is_sensitive(name))
    }

    /// Looks for secrets in the string from `start` to here.
    fn scan(&mut self, start: usize, has_escapes: bool) -> Option<()> {
        let redactor = self.redactor;
        let Cow::Owned(redacted) = redactor.redact(self.content(start, has_escapes)?) else {
            return Some(());
        };
        let mut escaped = String::with_capacity(redacted.len());
        escape(&redacted, &mut escaped);
        self.replace(start + 1..self.at - 1, &escaped);
        Some(())
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self, class: Class) -> Option<()> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at = run(bytes, start, |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
        });
        let word = &self.text[start..self.at];
        let is_number = is_number(word.as_bytes());
        if !is_number && !matches!(word, "true" | "false" | "null") {
            return None;
        }
        let shown = match class {
            _ if word == "null" => return Some(()),
            Class::Plain if !is_number => return Some(()),
            // The number of a card, for instance.
            Class::Plain => self.redactor.redact(word),
            Class::Sensitive | Class::Unlisted => Cow::Owned(REDACTED.to_owned()),
        };
        let Cow::Owned(shown) = shown else {
            return Some(());
        };
        let shown = format!("\"{shown}\"");
        self.replace(start..self.at, &shown);
        Some(())
    }

    /// Moves behind a string, and says whether there are escapes in it.
    fn skip_string(&mut self) -> Option<bool> {
        if self.peek() != b'"' {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        let mut has_escapes = false;
        loop {
            end = run(bytes, end, |byte| {
                byte >= b' ' && byte != b'"' && byte != b'\\'
            });
            match at(bytes, end) {
                b'"' => break,
                b'\\' => has_escapes = true,
                _ => return None,
            }
            end += match at(bytes, end + 1) {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                b'u' => {
                    let digits = bytes.get(end + 2..end + 6)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
                }
                _ => return None,
            };
        }
        self.at = end + 1;
        Some(has_escapes)
    }

    /// What the string from `start` to here says.
    fn content(&mut self, start: usize, has_escapes: bool) -> Option<&str> {
        let raw = self.text.get(start + 1..self.at - 1)?;
        if !has_escapes {
            return Some(raw);
        }
        self.plain.clear();
        unescape(raw, &mut self.plain);
        Some(&self.plain)
    }

    fn replace(&mut self, range: Range<usize>, with: &str) {
        if self.text[range.clone()] == *with {
            return;
        }
        self.out.push_str(&self.text[self.copied..range.start]);
        self.out.push_str(with);
        self.copied = range.end;
    }

    fn peek(&self) -> u8 {
        at(self.text.as_bytes(), self.at)
    }

    fn skip_spaces(&mut self) {
        self.at = run(self.text.as_bytes(), self.at, |byte| {
            matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
        });
    }
}
