//! Where endpoints answer.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// `path`, if it is one that a request can have.
pub(crate) fn parse(path: Cow<'static, str>) -> Result<Cow<'static, str>, InvalidPath> {
    let parsed = path.parse::<http::uri::PathAndQuery>();
    if path.starts_with('/') && parsed.is_ok_and(|parsed| parsed.path() == path) {
        Ok(path)
    } else {
        Err(InvalidPath::new(path))
    }
}

/// A path that a request cannot have, or that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPath(String);

impl InvalidPath {
    pub(crate) fn new(path: Cow<'static, str>) -> Self {
        Self(path.into_owned())
    }
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no path for an endpoint, or already another one's",
            self.0
        )
    }
}

impl Error for InvalidPath {}
