use std::error::Error;
use std::fmt;

/// Fields that cannot be masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFields(pub(super) Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Field(String),
    TooMany,
}

impl fmt::Display for InvalidFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::Field(path) => write!(
                f,
                "'{path}' is no field: names of 1 to 64 letters are separated by dots"
            ),
            Problem::TooMany => f.write_str("the fields have more than 64 names in all"),
        }
    }
}

impl Error for InvalidFields {}

/// A list of media types that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidMediaTypes(pub(super) String);

impl fmt::Display for InvalidMediaTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            f,
            "'{text}' is no media type of the form type/subtype, type/* or */*+suffix"
        )
    }
}

impl Error for InvalidMediaTypes {}
