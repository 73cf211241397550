//! Masks known secrets in text that comes in pieces.

use bytes::Bytes;
use portcullis_secrets::redact::KnownForms;

use super::lexer::{LONG, Place};
use super::rewrite::{MARK, Rewrite};

/// Replaces secrets by marks. In JSON the marks are whole strings or parts of one, so that it stays JSON.
///
/// Only what a secret may have begun in is held back, which is less than its longest form; in JSON
/// together with the number or the escape sequence that this is a part of.
pub(super) struct SecretMask {
    forms: KnownForms,
    /// Before the first byte of `held`.
    place: Place,
    held: Vec<u8>,
    /// The mark that was put last, if it covers what is held and may cover more.
    mark: Option<Mark>,
    found: u64,
}

#[derive(Clone, Copy)]
struct Mark {
    /// How many bytes of what is held it stands for.
    covers: usize,
    /// Whether what was put is a string without its end.
    is_open_string: bool,
}

impl SecretMask {
    pub(super) const fn new(forms: KnownForms, is_json: bool) -> Self {
        Self {
            forms,
            place: if is_json { Place::Between } else { Place::Text },
            held: Vec::new(),
            mark: None,
            found: 0,
        }
    }

    /// Takes the next piece, and says what can be passed on; `is_last` is true when nothing follows.
    pub(super) fn push(&mut self, piece: &Bytes, is_last: bool) -> [Bytes; 2] {
        if self.held.is_empty() {
            let (out, taken) = self.mask(piece, is_last);
            self.held.extend_from_slice(&piece[taken..]);
            return [out, Bytes::new()];
        }
        // A few bytes tell what becomes of those that are held, so that the others need not be copied.
        const LONGEST_TOKEN: usize = 256;
        let held = self.held.len();
        let near = piece.len().min(self.forms.longest() + LONGEST_TOKEN);
        self.held.extend_from_slice(&piece[..near]);
        let seam = Bytes::from(std::mem::take(&mut self.held));
        let (before, taken) = self.mask(&seam, is_last && near == piece.len());
        let Some(taken) = taken.checked_sub(held) else {
            self.held.extend_from_slice(&seam[taken..]);
            self.held.extend_from_slice(&piece[near..]);
            return [before, Bytes::new()];
        };
        let rest = piece.slice(taken..);
        let (behind, taken) = self.mask(&rest, is_last);
        self.held.extend_from_slice(&rest[taken..]);
        [before, behind]
    }

    /// Whether nothing is to come after what was passed on.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.mark.is_none()
    }

    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.held.len()
    }

    /// How many marks were put since the last time.
    pub(super) fn take_found(&mut self) -> u64 {
        std::mem::take(&mut self.found)
    }

    /// Masks `text`, and says how much of it needs not to be seen again.
    fn mask(&mut self, text: &Bytes, is_last: bool) -> (Bytes, usize) {
        // No form that starts before this one goes on behind the text.
        let cut = match is_last {
            true => text.len(),
            false => self.forms.unfinished(text),
        };
        let mut walk = Walk::new(text, self.place, cut);
        let mut out = Rewrite::new(text);
        let mut mark = self.mark.take();
        if let Some(mark) = mark {
            walk.to(mark.covers);
            walk.finish_token();
        }
        let found = self.forms.find(text);
        for found in found.take_while(|found| found.start < cut) {
            if mark.is_some() && found.start >= walk.at {
                close(&mut mark, &mut out, &walk);
            }
            if mark.is_none() {
                walk.to(found.start);
                mark = Some(open(&mut out, walk.token));
                self.found += 1;
            }
            walk.to(found.end);
            walk.finish_token();
        }
        let is_complete = is_last || walk.at <= cut && walk.is_between_tokens();
        if mark.is_some() && is_complete {
            close(&mut mark, &mut out, &walk);
        }
        if is_last {
            return (out.finish(cut), cut);
        }
        walk.to(cut);
        if let Some(mark) = mark {
            out.skip_to(cut);
            self.mark = Some(Mark {
                covers: walk.at - cut,
                ..mark
            });
            self.place = walk.place_at_cut;
            return (out.finish(cut), cut);
        }
        let (token, place) = walk.token;
        self.place = place;
        (out.finish(token), token)
    }
}

/// Puts a mark in place of what begins with a token.
fn open(out: &mut Rewrite<'_>, (at, place): (usize, Place)) -> Mark {
    let (quote, mark): (&[u8], _) = match place {
        Place::Between => (b"\"", MARK),
        // Most of the number is gone. It stays one.
        Place::Scalar(_) => (b"", b"0".as_slice()),
        _ => (b"", MARK),
    };
    out.put(at, &[quote, mark]);
    Mark {
        covers: 0,
        is_open_string: place.is_in_string() || place == Place::Between,
    }
}

/// Ends the mark that covers all up to where `walk` is.
fn close(mark: &mut Option<Mark>, out: &mut Rewrite<'_>, walk: &Walk<'_>) {
    out.skip_to(walk.at);
    if let Some(mark) = mark.take()
        && mark.is_open_string != walk.place.is_in_string()
    {
        out.put(walk.at, &[b"\""]);
    }
}

/// Reads a text from one place to the next.
struct Walk<'t> {
    text: &'t [u8],
    at: usize,
    place: Place,
    /// Where the token starts that is read at the moment, in which place.
    token: (usize, Place),
    /// What is behind this will be read again.
    cut: usize,
    place_at_cut: Place,
}

impl<'t> Walk<'t> {
    fn new(text: &'t [u8], place: Place, cut: usize) -> Self {
        let mut walk = Self {
            text,
            at: 0,
            place,
            token: (0, place),
            cut,
            place_at_cut: place,
        };
        walk.settle();
        walk
    }

    /// Reads up to `end`, or is there already.
    fn to(&mut self, end: usize) {
        if self.at < self.cut {
            self.read(end.min(self.cut));
            self.place_at_cut = self.place;
        }
        self.read(end);
    }

    fn read(&mut self, end: usize) {
        while self.at < end {
            let run = self.place.run(&self.text[self.at..end]);
            if run > 0 {
                self.at += run;
            } else {
                self.place = self.place.after(self.text[self.at]);
                self.at += 1;
            }
            self.settle();
        }
    }

    fn settle(&mut self) {
        let next = self.text.get(self.at).copied();
        if let Some(place) = self.place.between_tokens(next) {
            self.place = place;
        } else if self.place != LONG {
            return;
        }
        self.token = (self.at, self.place);
    }

    /// Reads on where a token would be torn apart.
    fn finish_token(&mut self) {
        while !self.is_between_tokens() && self.at < self.text.len() {
            self.to(self.at + 1);
        }
    }

    fn is_between_tokens(&self) -> bool {
        self.place.between_tokens(None).is_some()
    }
}
