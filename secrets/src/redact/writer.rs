//! The last net: whatever reaches the output as text.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use memchr::{memchr, memmem, memrchr};

use super::pattern::{PEM, PEM_END, pem};
use super::{LONGEST_LINE, REDACTED, Redactor};

/// Redacts whole lines on their way to another writer.
///
/// ```
/// use std::io::Write as _;
/// use portcullis_secrets::redact::{Redactor, RedactingWriter};
///
/// let mut out = Vec::new();
/// let mut writer = RedactingWriter::new(Redactor::new(), &mut out);
/// writer.write_all(b"ready\nlogin with password=hun")?;
/// writer.write_all(b"ter2 failed\n")?;
/// drop(writer);
/// assert_eq!(out, b"ready\nlogin with password=[REDACTED] failed\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A line is held back until it is complete, so that a secret is found that comes in two pieces,
/// and so is a private key until its last line, and a secret in brackets until these are closed.
/// [`flush`](Write::flush) does not change that; what is left is written when the writer is dropped,
/// without a word if that fails.
///
/// Lines of JSON stay JSON. A line is cut after 64 KiB and marked, whatever it is, and no more than
/// that is held back.
pub struct RedactingWriter<W: Write> {
    redactor: Redactor,
    inner: W,
    /// Lines that are not complete without the next one, and the start of a line.
    pub(super) held: Vec<u8>,
    /// Whether a line goes on of which enough was written.
    in_long_line: bool,
}

impl<W: Write> RedactingWriter<W> {
    /// Writes to `inner`.
    pub const fn new(redactor: Redactor, inner: W) -> Self {
        Self {
            redactor,
            inner,
            held: Vec::new(),
            in_long_line: false,
        }
    }

    /// The other writer.
    pub const fn get_ref(&self) -> &W {
        &self.inner
    }

    /// Takes complete lines.
    fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.held.is_empty() {
            let complete = self.emit(lines, End::May)?;
            self.held.extend_from_slice(&lines[complete..]);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(lines);
        let complete = self.emit(&held, End::May)?;
        held.drain(..complete);
        self.held = held;
        Ok(())
    }

    /// Takes the start of a line.
    fn start(&mut self, start: &[u8]) -> io::Result<()> {
        // One byte more, and the line is known to be too long.
        let room = LONGEST_LINE + 1 - self.held.len();
        let taken = start.len().min(room);
        self.held.extend_from_slice(&start[..taken]);
        if taken == room {
            self.in_long_line = true;
            self.held.push(b'\n');
            self.rest()?;
        }
        Ok(())
    }

    /// Writes what is held back.
    fn rest(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.emit(&held, End::Is)?;
        Ok(())
    }

    /// Writes lines, as many at once as there are, and says how many bytes that were.
    fn emit(&mut self, lines: &[u8], end: End) -> io::Result<usize> {
        let (redacted, complete) = redact_lines(&self.redactor, lines, end);
        if !redacted.is_empty() {
            self.inner.write_all(&redacted)?;
        }
        Ok(complete)
    }
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if self.in_long_line {
            let Some(end) = memchr(b'\n', rest) else {
                return Ok(bytes.len());
            };
            self.in_long_line = false;
            rest = &rest[end + 1..];
        }
        if let Some(end) = memrchr(b'\n', rest) {
            let (lines, start) = rest.split_at(end + 1);
            rest = start;
            self.lines(lines)?;
        }
        self.start(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for RedactingWriter<W> {
    fn drop(&mut self) {
        // There is nobody to tell.
        drop(self.rest());
    }
}

impl<W: Write> fmt::Debug for RedactingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactingWriter").finish_non_exhaustive()
    }
}

/// Whether more lines can follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    May,
    Is,
}

/// Redacts lines, and says how many bytes of them. A block is left that may go on.
fn redact_lines<'a>(redactor: &Redactor, lines: &'a [u8], end: End) -> (Cow<'a, [u8]>, usize) {
    let mut out = Vec::new();
    let (mut copied, mut start) = (0, 0);
    while start < lines.len() {
        let (next, goes_on) = unit(redactor, lines, start);
        if goes_on && end == End::May && next - start <= LONGEST_LINE {
            break;
        }
        if let Cow::Owned(redacted) = redact_unit(redactor, &lines[start..next]) {
            out.extend_from_slice(&lines[copied..start]);
            out.extend_from_slice(&redacted);
            copied = next;
        }
        start = next;
    }
    if copied == 0 {
        return (Cow::Borrowed(&lines[..start]), start);
    }
    out.extend_from_slice(&lines[copied..start]);
    (Cow::Owned(out), start)
}

fn next_line(lines: &[u8], start: usize) -> usize {
    match memchr(b'\n', &lines[start..]) {
        Some(end) => start + end + 1,
        None => lines.len(),
    }
}

/// Where the line ends that begins at `start`, or the private key or value in brackets that begins in it,
/// and whether that may go on.
fn unit(redactor: &Redactor, lines: &[u8], start: usize) -> (usize, bool) {
    let mut end = next_line(lines, start);
    let begin = memmem::rfind(&lines[start..end], PEM.as_bytes());
    let literal = begin.map(|begin| start + begin..start + begin + PEM.len());
    let key = literal.and_then(|literal| pem(&lines[..end], literal));
    if key.is_none_or(|key| key.end < end) {
        return match opens_value(redactor, &lines[start..end]) {
            true => block(lines, start, end),
            false => (end, false),
        };
    }
    while end < lines.len() {
        let line = &lines[end..next_line(lines, end)];
        let is_last = memmem::find(line, PEM_END).is_some();
        if !is_last && !is_body(line.trim_ascii()) {
            return (end, false);
        }
        end += line.len();
        if is_last {
            return (end, false);
        }
    }
    (end, true)
}

/// Whether the line ends with the bracket that a secret value begins with: `password: Some(`, as Rust shows
/// values with `{:#?}`.
fn opens_value(redactor: &Redactor, line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    if !line.ends_with(b"(") && !line.ends_with(b"[") && !line.ends_with(b"{") {
        return false;
    }
    let redacted = redactor.redact_bytes(line);
    let redacted = redacted.strip_suffix(b"\"").unwrap_or(&redacted);
    redacted.ends_with(REDACTED.as_bytes())
}

/// Where the brackets are closed that are opened by the line from `start` to `end`, as its indentation says,
/// and whether that may be in lines to come.
fn block(lines: &[u8], start: usize, mut end: usize) -> (usize, bool) {
    let indent = |line: &[u8]| line.len() - line.trim_ascii_start().len();
    let outer = indent(&lines[start..end]);
    while end < lines.len() {
        let next = next_line(lines, end);
        let line = &lines[end..next];
        let is_last =
            indent(line) == outer && matches!(line.trim_ascii_start(), [b')' | b']' | b'}', ..]);
        if !is_last && indent(line) <= outer {
            return (end, false);
        }
        end = next;
        if is_last {
            return (end, false);
        }
    }
    (end, true)
}

/// Whether this is a line of a PEM block (RFC 7468, 3; RFC 1421, 4.6), so that a log line that only
/// begins one does not take the following ones with it.
fn is_body(line: &[u8]) -> bool {
    const LONGEST: usize = 80;
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    line.len() <= LONGEST && line.iter().all(is_base64)
        || line.starts_with(b"Proc-Type:")
        || line.starts_with(b"DEK-Info:")
}

fn redact_unit<'a>(redactor: &Redactor, unit: &'a [u8]) -> Cow<'a, [u8]> {
    // The line feed is not a part of the line that may be replaced.
    let line = unit.strip_suffix(b"\n").unwrap_or(unit);
    let is_object = line.starts_with(b"{") && line.len() <= LONGEST_LINE;
    let redacted = match std::str::from_utf8(line) {
        Ok(text) if is_object => match redactor.redact_json(text) {
            Cow::Borrowed(_) => Cow::Borrowed(line),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        _ => redactor.redact_bytes(line),
    };
    match redacted {
        Cow::Borrowed(_) => Cow::Borrowed(unit),
        Cow::Owned(mut redacted) => {
            redacted.extend_from_slice(&unit[line.len()..]);
            Cow::Owned(redacted)
        }
    }
}
