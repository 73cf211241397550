//! Masks the values of chosen fields in JSON that comes in pieces.

use std::ops::Range;

use bytes::Bytes;

use super::fields::{JsonFields, LONGEST_WRITTEN, State};
use super::lexer::Place;
use super::rewrite::{MARK, Rewrite};

/// Replaces values by marks as soon as they begin, and leaves out the rest of them. Nothing is held back.
///
/// It relies on as little of the grammar as it can, so that a text that is no JSON, or several documents
/// in a row, hide nothing from it: a string before a colon is a name.
pub(super) struct FieldMask {
    fields: JsonFields,
    place: Place,
    /// The last string: what was read of it in earlier pieces, and where it stands in this one.
    string: Vec<u8>,
    span: Range<usize>,
    /// For each open object and list, the state of its values.
    open: Vec<State>,
    /// How many are open beyond those.
    deeper: usize,
    /// The state of the value that comes next.
    next: State,
    /// The value that is left out.
    skip: Option<Skip>,
    found: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Skip {
    /// It is the next value.
    Next,
    String,
    Scalar,
    /// An object or list, in which so many are open.
    Open(usize),
}

/// Deeper in a document, a path is known by its last name alone.
const DEEPEST: usize = 128;
/// The end of a string that goes on in the next piece.
const UNKNOWN: usize = usize::MAX;

impl FieldMask {
    pub(super) const fn new(fields: JsonFields) -> Self {
        Self {
            fields,
            place: Place::Between,
            string: Vec::new(),
            span: 0..0,
            open: Vec::new(),
            deeper: 0,
            next: State::NONE,
            skip: None,
            found: 0,
        }
    }

    #[cfg(test)]
    pub(super) const fn kept(&self) -> usize {
        self.string.capacity()
    }

    /// How many marks were put since the last time.
    pub(super) fn take_found(&mut self) -> u64 {
        std::mem::take(&mut self.found)
    }

    /// Takes the next piece, and says what can be passed on.
    pub(super) fn push(&mut self, text: &Bytes) -> Bytes {
        let mut out = Rewrite::new(text);
        let mut at = 0;
        while at < text.len() {
            at += self.place.run(&text[at..]);
            let Some(&byte) = text.get(at) else { break };
            let before = self.place;
            self.place = before.after(byte);
            if self.skip == Some(Skip::Scalar) && !self.place.is_in_scalar() {
                self.skip = None;
                out.skip_to(at);
            }
            match (before.is_in_string(), self.place.is_in_string()) {
                (false, true) => self.string(at, &mut out),
                (true, false) => self.end_of_string(at, &mut out),
                (false, false) if !self.place.is_in_scalar() => self.sign(byte, at, &mut out),
                (false, false) if before == Place::Between => {
                    self.is_left_out(Skip::Scalar, at, &mut out);
                }
                _ => {}
            }
            at += 1;
        }
        if self.skip.is_some_and(|skip| skip != Skip::Next) {
            out.skip_to(text.len());
        }
        self.keep_string(text);
        out.finish(text.len())
    }

    /// A value or a name begins. If it is left out, puts a mark.
    fn is_left_out(&mut self, what: Skip, at: usize, out: &mut Rewrite<'_>) -> bool {
        if self.skip == Some(Skip::Next) {
            out.put(at, &[b"\"", MARK, b"\""]);
            self.skip = Some(what);
            self.found += 1;
        }
        self.skip.is_some()
    }

    fn string(&mut self, at: usize, out: &mut Rewrite<'_>) {
        if !self.is_left_out(Skip::String, at, out) {
            self.string.clear();
            self.span = at + 1..UNKNOWN;
        }
    }

    fn end_of_string(&mut self, at: usize, out: &mut Rewrite<'_>) {
        match self.skip {
            None => self.span.end = at,
            Some(Skip::String) => {
                self.skip = None;
                out.skip_to(at + 1);
            }
            Some(_) => {}
        }
    }

    fn sign(&mut self, sign: u8, at: usize, out: &mut Rewrite<'_>) {
        match (sign, &mut self.skip) {
            (b'{' | b'[', Some(Skip::Open(open))) => *open += 1,
            (b'{' | b'[', _) => self.open(at, out),
            (b'}' | b']', Some(Skip::Open(open))) => {
                *open -= 1;
                if *open == 0 {
                    self.skip = None;
                    out.skip_to(at + 1);
                }
            }
            (_, Some(Skip::Open(_))) => {}
            (b'}' | b']' | b',', skip) => {
                *skip = None;
                // The last string was no name.
                self.string.clear();
                self.span = 0..0;
                if sign != b',' {
                    self.close();
                }
            }
            (b':', _) => self.colon(out.text()),
            _ => {}
        }
    }

    fn colon(&mut self, text: &[u8]) {
        let here = self.span.clone();
        if self.string.is_empty() {
            let name = text.get(here).unwrap_or_default();
            self.next = self.fields.after(self.innermost(), name);
        } else {
            self.keep(text, here);
            self.next = self.fields.after(self.innermost(), &self.string);
        }
        self.string.clear();
        self.span = 0..0;
        self.skip = self.fields.are_at(self.next).then_some(Skip::Next);
    }

    /// The values of a list are where the list is.
    fn open(&mut self, at: usize, out: &mut Rewrite<'_>) {
        if self.is_left_out(Skip::Open(1), at, out) {
            return;
        }
        if self.open.len() < DEEPEST {
            self.open.push(self.next);
        } else {
            self.deeper += 1;
        }
        self.next = self.innermost();
    }

    fn close(&mut self) {
        match self.deeper.checked_sub(1) {
            Some(deeper) => self.deeper = deeper,
            None => drop(self.open.pop()),
        }
        self.next = self.innermost();
    }

    fn innermost(&self) -> State {
        match self.open.last() {
            _ if self.deeper > 0 => State::ANY,
            Some(state) => *state,
            None => State::NONE,
        }
    }

    /// Keeps what there is of the last string, which may be a name.
    fn keep_string(&mut self, text: &[u8]) {
        let Range { start, end } = self.span.clone();
        self.keep(text, start..end.min(text.len()));
        self.span = 0..if end == UNKNOWN { UNKNOWN } else { 0 };
    }

    /// Of a string that is too long for a name, a byte too much is enough.
    fn keep(&mut self, text: &[u8], here: Range<usize>) {
        let here = text.get(here).unwrap_or_default();
        let room = (LONGEST_WRITTEN + 1).saturating_sub(self.string.len());
        let kept = here.len().min(room);
        self.string.extend_from_slice(&here[..kept]);
    }
}
