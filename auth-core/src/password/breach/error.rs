use std::error::Error;
use std::{fmt, io};

/// Why there is no filter.
#[derive(Debug)]
pub struct BreachFilterError {
    kind: BreachFilterErrorKind,
    source: Option<io::Error>,
}

/// The causes of a [`BreachFilterError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreachFilterErrorKind {
    /// The file, or whatever it is, could not be read or written.
    Io,
    /// It does not begin like a filter's file.
    NotAFilter,
    /// It is of a version that is not known here.
    Version,
    /// It is shorter or longer than its head says, or its numbers do not fit together.
    Size,
    /// It was changed or damaged.
    Checksum,
    /// A line of the list is not the 40 hexadecimal digits of a SHA-1, a colon and a count. It holds the number of the line,
    /// beginning with one.
    Line(u64),
    /// The list has no entry that is to be kept, or more than 2^32.
    Entries,
    /// No filter was found for these entries. It hardly ever happens, and never twice: leave out one entry.
    Construction,
}

impl BreachFilterError {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> BreachFilterErrorKind {
        self.kind
    }
}

impl From<BreachFilterErrorKind> for BreachFilterError {
    fn from(kind: BreachFilterErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl From<io::Error> for BreachFilterError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof => BreachFilterErrorKind::Size,
            _ => BreachFilterErrorKind::Io,
        };
        Self {
            kind,
            source: Some(error),
        }
    }
}

impl fmt::Display for BreachFilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            BreachFilterErrorKind::Io => "the breach filter cannot be read or written",
            BreachFilterErrorKind::NotAFilter => "the file is no breach filter",
            BreachFilterErrorKind::Version => "the breach filter is of an unknown version",
            BreachFilterErrorKind::Size => "the breach filter has another size than its head says",
            BreachFilterErrorKind::Checksum => "the breach filter is damaged",
            BreachFilterErrorKind::Line(line) => {
                return write!(f, "line {line} of the list is no sha-1 with a count");
            }
            BreachFilterErrorKind::Entries => "the list has no entries, or too many",
            BreachFilterErrorKind::Construction => "no filter was found for these entries",
        })
    }
}

impl Error for BreachFilterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
