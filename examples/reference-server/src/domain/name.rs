//! Names of projects and configurations: they stand in paths, logs and listings as they are.

use std::fmt;

/// The longest name, in bytes: a DNS label's, so that a name can become one.
pub(crate) const MAX_LENGTH: usize = 63;

/// What a name must look like, for the error and the API description.
pub(crate) const RULE: &str = "a name has 1 to 63 characters: lower-case letters and digits, \
                               with single `-`, `_` or `.` between them";

/// A checked name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(String);

/// The text is not a [`Name`]; its `Display` says what one looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAName;

impl Name {
    pub(crate) fn parse(text: &str) -> Result<Self, NotAName> {
        let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        // A separator has a letter or digit on both sides: no `..`, no leading or trailing one.
        let fits = |(i, &b): (usize, &u8)| {
            let neighbour = |at: Option<usize>| {
                at.and_then(|at| bytes.get(at))
                    .is_some_and(|&b| alphanumeric(b))
            };
            alphanumeric(b)
                || matches!(b, b'-' | b'_' | b'.')
                    && neighbour(i.checked_sub(1))
                    && neighbour(Some(i + 1))
        };
        if (1..=MAX_LENGTH).contains(&bytes.len()) && bytes.iter().enumerate().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName)
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RULE)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_LENGTH, Name};

    #[test]
    fn names_are_slugs() {
        for good in ["a", "7", "app", "app-1", "app.prod_eu-2", "a-b.c_d"] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "", ".", "..", "-a", "a-", "a--b", "a..b", "a/b", "A", "é", "a b", "a%2f", "a\0",
        ] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Name::parse(&"a".repeat(MAX_LENGTH)).is_ok());
        assert!(Name::parse(&"a".repeat(MAX_LENGTH + 1)).is_err());
    }
}
