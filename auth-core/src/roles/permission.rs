use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes of a resource or an action.
const MAX_SEGMENT: usize = 64;

/// One thing that may be done to one kind of resource, `orders:read`; or several, `orders:*`, `*:read`, `*:*`.
///
/// Each side is 1 to 64 of `a-z`, `0-9`, `_` and `-`, or a `*` that stands for all. A `*` beside anything else is refused,
/// and so no permission is ever matched by a part of its name. A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission(Arc<str>);

/// A text that is not written `resource:action`, or with other characters than a [`Permission`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPermission(pub(super) ());

impl Permission {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is before the colon.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.sides().0
    }

    /// What is after the colon.
    #[must_use]
    pub fn action(&self) -> &str {
        self.sides().1
    }

    /// Whether it stands for more than one thing.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        let (resource, action) = self.sides();
        resource == "*" || action == "*"
    }

    /// Whether whoever has this has `other` as well.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let (resource, action) = self.sides();
        let (other_resource, other_action) = other.sides();
        (resource == "*" || resource == other_resource) && (action == "*" || action == other_action)
    }

    fn sides(&self) -> (&str, &str) {
        // What was parsed has exactly one colon.
        self.0.split_once(':').unwrap_or_default()
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        match text.split_once(':') {
            Some((resource, action)) if is_segment(resource) && is_segment(action) => {
                Ok(Self(text.into()))
            }
            _ => Err(InvalidPermission(())),
        }
    }
}

fn is_segment(text: &str) -> bool {
    text == "*" || is_name(text)
}

/// What a resource, an action and a role can be called.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_SEGMENT).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

impl AsRef<str> for Permission {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// As a text it is as equal, and as hashed, as it is itself.
impl Borrow<str> for Permission {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a permission is written resource:action, with a-z, 0-9, _ and -, or * for all")
    }
}

impl Error for InvalidPermission {}
