use bytes::Bytes;

/// Stands in place of what is masked.
pub(super) const MARK: &[u8] = b"[REDACTED]";

/// A piece of text of which parts are replaced. As long as nothing is put into it, it is the piece
/// itself and not a copy.
#[derive(Debug)]
pub(super) struct Rewrite<'t> {
    text: &'t Bytes,
    /// What comes before this is in `out` or left out.
    copied: usize,
    out: Vec<u8>,
}

impl<'t> Rewrite<'t> {
    pub(super) const fn new(text: &'t Bytes) -> Self {
        Self {
            text,
            copied: 0,
            out: Vec::new(),
        }
    }

    pub(super) const fn text(&self) -> &'t Bytes {
        self.text
    }

    /// Keeps the text up to `at` and puts `mark` behind it.
    pub(super) fn put(&mut self, at: usize, mark: &[&[u8]]) {
        self.out.extend_from_slice(&self.text[self.copied..at]);
        self.copied = at;
        mark.iter()
            .for_each(|part| self.out.extend_from_slice(part));
    }

    /// Leaves the text up to `at` out.
    pub(super) fn skip_to(&mut self, at: usize) {
        self.copied = at;
    }

    /// Keeps the text up to `end`, and no more.
    pub(super) fn finish(mut self, end: usize) -> Bytes {
        if self.out.is_empty() {
            return self.text.slice(self.copied..end);
        }
        self.put(end, &[]);
        self.out.into()
    }
}
