use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why a header, or a part of one, cannot be sent as it was written.
///
/// The text says which part and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHeader(Cow<'static, str>);

impl InvalidHeader {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidHeader {}
