use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Permission;

/// What a token or an API key was restricted to: the claim `scope` of RFC 9068 and RFC 6749 3.3.
///
/// Scopes that are written like a [`Permission`] let that permission through; others, such as `openid`, let none through and
/// can be asked for by name. A clone shares the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Arc<str>);

/// A text that has characters no scope can have (RFC 6749 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidScopes(pub(super) ());

impl Scopes {
    /// With a space between each two, as they were given, without repetitions.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether exactly this scope is there. A `*` stands for nothing here.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Those that are written like a permission.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.iter().filter_map(|scope| scope.parse().ok())
    }
}

impl FromStr for Scopes {
    type Err = InvalidScopes;

    /// Reads scopes with spaces between. An empty text has none.
    fn from_str(text: &str) -> Result<Self, InvalidScopes> {
        text.split(' ').collect::<Vec<_>>().try_into()
    }
}

/// Of a list of scopes. Fails if one has a space or another character that no scope can have.
impl<S: AsRef<str>> TryFrom<Vec<S>> for Scopes {
    type Error = InvalidScopes;

    fn try_from(scopes: Vec<S>) -> Result<Self, InvalidScopes> {
        // Of a few it is faster to look at each; of as many as fit into a token it would take for ever.
        const FEW: usize = 16;
        let few = scopes.len() <= FEW;
        let scopes = scopes.iter().map(AsRef::as_ref);
        let mut seen = HashSet::new();
        let mut text = String::with_capacity(scopes.clone().map(|scope| scope.len() + 1).sum());
        for scope in scopes {
            if !is_scope(scope) {
                return Err(InvalidScopes(()));
            }
            let known = match few {
                true => text.split(' ').any(|own| own == scope),
                false => !seen.insert(scope),
            };
            if scope.is_empty() || known {
                continue;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(scope);
        }
        Ok(Self(text.into()))
    }
}

/// RFC 6749 3.3. What is neither a quote nor a backslash can stand in a challenge's quoted string as it is.
fn is_scope(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

impl AsRef<str> for Scopes {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scopes are printable ascii without quotes and backslashes, with a space between each two")
    }
}

impl Error for InvalidScopes {}
