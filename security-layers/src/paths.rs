//! Lists of paths that a layer leaves alone.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A list of paths, parsed once: `/health`, or `/.well-known/acme-challenge/*` for everything below.
///
/// Compared byte by byte with the path as it was sent, without decoding: an exemption must not reach further than it
/// says. For the same reason nothing that a router might resolve to somewhere else (`..`, `%`, `\`, `//`) is *below*.
///
/// ```
/// use portcullis_security_layers::paths::Paths;
///
/// let probes: Paths = "/health, /.well-known/acme-challenge/*".parse()?;
/// assert!(probes.contains("/health"));
/// assert!(probes.contains("/.well-known/acme-challenge/token"));
///
/// assert!(!probes.contains("/health/"));
/// assert!(!probes.contains("/.well-known/acme-challenge/../../admin"));
/// # Ok::<_, portcullis_security_layers::paths::InvalidPaths>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Arc<[Entry]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Exactly(Box<str>),
    /// With the slash at its end.
    Below(Box<str>),
}

impl Paths {
    /// Reads a list of paths; an empty one is right, too.
    ///
    /// # Errors
    ///
    /// If one does not begin with a slash, has an asterisk anywhere but in a last segment `*`, or is `/*`: that is all.
    pub fn new<I>(paths: I) -> Result<Self, InvalidPaths>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let entries = paths.into_iter().map(|path| {
            let path = path.as_ref();
            let (entry, fixed) = match path.strip_suffix('*') {
                Some(fixed) if fixed.len() > 1 && fixed.ends_with('/') => {
                    (Entry::Below(fixed.into()), fixed)
                }
                _ => (Entry::Exactly(path.into()), path),
            };
            if !fixed.starts_with('/') || fixed.contains(['*', '?', '#']) {
                return Err(InvalidPaths(path.to_owned()));
            }
            Ok(entry)
        });
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// Whether the list has `path`, the path of a request target without its query.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Exactly(exact) => **exact == *path,
            Entry::Below(start) => path.strip_prefix(&**start).is_some_and(|rest| {
                !rest.is_empty()
                    && !rest.starts_with('/')
                    && !rest.contains("//")
                    && !rest.contains("..")
                    && !rest.contains(['%', '\\'])
            }),
        })
    }
}

impl FromStr for Paths {
    type Err = InvalidPaths;

    /// Reads paths separated by commas or white space.
    fn from_str(text: &str) -> Result<Self, InvalidPaths> {
        let paths = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
        Self::new(paths.filter(|path| !path.is_empty()))
    }
}

/// Why a text is not a list of paths. Names the one that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPaths(String);

impl fmt::Display for InvalidPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is neither a path such as /health nor one with all below it such as /assets/*",
            self.0
        )
    }
}

impl Error for InvalidPaths {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_they_are_sent() {
        let paths: Paths = "/health /, /acme/*".parse().unwrap();
        let cases = [
            ("/health", true),
            ("/", true),
            ("/acme/token", true),
            ("/acme/a/b-c_d.txt", true),
            ("/Health", false),
            ("/health/", false),
            ("//health", false),
            ("/healthy", false),
            ("/%68ealth", false),
            ("", false),
            ("*", false),
            ("/acme", false),
            ("/acme/", false),
            ("/acme/../admin", false),
            ("/acme/a/..", false),
            ("/acme/%2e%2e/admin", false),
            ("/acme/..\\admin", false),
            ("/acme//admin", false),
            ("/acme/a//b", false),
            ("/acmeadmin", false),
        ];
        for (path, expected) in cases {
            assert_eq!(paths.contains(path), expected, "{path}");
        }
        assert!(!Paths::default().contains("/"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["health", "*", "/*", "/a*", "/*/a", "/a/**", "/a?b", "/a#b"] {
            assert_eq!(
                text.parse::<Paths>().unwrap_err().to_string(),
                format!(
                    "`{text}` is neither a path such as /health nor one with all below it such as /assets/*"
                )
            );
        }
    }
}
