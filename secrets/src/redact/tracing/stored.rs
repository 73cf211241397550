//! Values as they are kept between being recorded and being recorded again.

use std::array::from_fn;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::ops::Range;

use tracing_core::field::{DebugValue, Field, FieldSet, Value, ValueSet, debug};

/// A value. Text is a range of what all of them wrote.
pub(super) enum Stored {
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    Str(Range<usize>),
    Debug(Range<usize>),
    Error(Box<Redacted>),
}

/// An error that says what another one said.
pub(super) struct Redacted {
    pub(super) text: String,
    pub(super) source: Option<Box<Redacted>>,
}

impl Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Redacted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// A value in the type that it was recorded with.
enum Shown<'a> {
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    Str(&'a str),
    Debug(DebugValue<Raw<'a>>),
    Error(&'a (dyn Error + 'static)),
}

/// Text that was formatted already.
struct Raw<'a>(&'a str);

impl Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Stored {
    fn shown<'a>(&'a self, text: &'a str) -> Shown<'a> {
        match self {
            Self::I64(value) => Shown::I64(*value),
            Self::U64(value) => Shown::U64(*value),
            Self::I128(value) => Shown::I128(*value),
            Self::U128(value) => Shown::U128(*value),
            Self::F64(value) => Shown::F64(*value),
            Self::Bool(value) => Shown::Bool(*value),
            Self::Str(range) => Shown::Str(&text[range.clone()]),
            Self::Debug(range) => Shown::Debug(debug(Raw(&text[range.clone()]))),
            Self::Error(error) => Shown::Error(&**error),
        }
    }
}

impl Shown<'_> {
    fn value(&self) -> &dyn Value {
        match self {
            Self::I64(value) => value,
            Self::U64(value) => value,
            Self::I128(value) => value,
            Self::U128(value) => value,
            Self::F64(value) => value,
            Self::Bool(value) => value,
            Self::Str(value) => value,
            Self::Debug(value) => value,
            Self::Error(value) => value,
        }
    }
}

/// Makes a set of values that is for the callsite of `fields`. Their names come with them.
pub(super) fn with_values(
    fields: &FieldSet,
    text: &str,
    values: &[(Field, Stored)],
    then: impl FnOnce(Option<&ValueSet<'_>>) -> fmt::Result,
) -> fmt::Result {
    const USUAL: usize = 32;
    const MOST: usize = 256;
    let shown: Vec<_> = values
        .iter()
        .map(|(_, stored)| stored.shown(text))
        .collect();
    let mut pairs = values
        .iter()
        .zip(&shown)
        .map(|((field, _), shown)| (field, Some(shown.value())));
    let Some((first, _)) = pairs.clone().next() else {
        return then(Some(&fields.value_set(&[])));
    };
    // A set of values is made of an array.
    let mut pair = |_| pairs.next().unwrap_or((first, None));
    if values.len() <= USUAL {
        then(Some(&fields.value_set(&from_fn::<_, USUAL, _>(&mut pair))))
    } else if values.len() <= MOST {
        then(Some(&fields.value_set(&from_fn::<_, MOST, _>(&mut pair))))
    } else {
        // Better no line than one that lacks fields without a word.
        Err(fmt::Error)
    }
}
