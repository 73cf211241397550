//! Which names stand for secrets.

/// What the list of allowed names means. See [`RedactorBuilder::allow`](super::RedactorBuilder::allow).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowlistMode {
    /// Names on the list are shown although they look like those of secrets.
    #[default]
    Exempt,
    /// Only names on the list are shown. A log event loses every other field; a document keeps its
    /// shape and loses their values. Free text has no fields, so it is treated as with `Exempt`.
    DropUnlisted,
}

/// How the value under a name is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Searched for what looks like a secret.
    Plain,
    /// Replaced, together with all that is in it.
    Sensitive,
    /// Left out, because it is not on a list that is exhaustive.
    Unlisted,
}

/// Where a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Field,
    Query,
}

/// Names that end with one of these hold secrets. Words are separated by `_`.
pub(super) const SENSITIVE: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "access_key",
    "private_key",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "otp",
    "totp",
    "pin",
    "cvv",
    "ssn",
    "signature",
    "session_id",
    // The keys that frameworks and clouds name so.
    "secret_key",
    "signing_key",
    "encryption_key",
    "account_key",
];

/// And in queries, where names are short, with one of these.
pub(super) const SENSITIVE_IN_QUERIES: &[&str] = &["sig", "code", "key", "auth"];

/// Names as written, in lower case, that tell something about a secret but not the secret.
const HARMLESS: &[&str] = &[
    "_count",
    "_id",
    "_type",
    "_ttl",
    "_len",
    "_kind",
    "_policy",
    "_version",
    "_expires_at",
    "_hash_alg",
];

const ALLOWED: &[&str] = &[
    "token_count",
    "max_tokens",
    "secret_version",
    "cookie_consent",
];

/// The characters that separate the words of a name, and that make no difference.
pub(super) const SEPARATORS: &[u8] = b"_-. ";

pub(super) struct Names {
    sensitive: Vec<String>,
    /// Sorted.
    allowed: Vec<String>,
    mode: AllowlistMode,
}

impl Names {
    /// Names that were told, in addition to those that are built in.
    pub(super) fn new(sensitive: &[String], allowed: &[String], mode: AllowlistMode) -> Self {
        let all = |built_in: &[&str], told: &[String]| -> Vec<String> {
            let told = told.iter().map(String::as_str);
            let names = built_in.iter().copied().chain(told);
            names.map(normal).collect()
        };
        let mut allowed = all(ALLOWED, allowed);
        allowed.sort_unstable();
        Self {
            sensitive: all(SENSITIVE, sensitive),
            allowed,
            mode,
        }
    }

    pub(super) fn class(&self, name: &[u8], place: Place) -> Class {
        if self.is_sensitive(name, place) {
            Class::Sensitive
        } else if self.mode == AllowlistMode::DropUnlisted && !self.is_allowed(name) {
            Class::Unlisted
        } else {
            Class::Plain
        }
    }

    pub(super) fn is_sensitive(&self, name: &[u8], place: Place) -> bool {
        let last = letters(name).next_back();
        // Most names are decided by their last letter.
        let is_end = |known: &str| known.bytes().next_back() == last && ends_with(name, known);
        let in_queries = match place {
            Place::Field => &[],
            Place::Query => SENSITIVE_IN_QUERIES,
        };
        let is_known = self.sensitive.iter().any(|known| is_end(known))
            || in_queries.iter().any(|known| is_end(known));
        is_known
            && !HARMLESS.iter().any(|end| ends_with_exactly(name, end))
            && !self.is_allowed(name)
    }

    fn is_allowed(&self, name: &[u8]) -> bool {
        let found = self
            .allowed
            .binary_search_by(|allowed| allowed.bytes().cmp(letters(name)));
        found.is_ok()
    }
}

/// A name without separators and in lower case.
fn normal(name: &str) -> String {
    letters(name.as_bytes()).map(char::from).collect()
}

fn letters(name: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    let letters = name.iter().filter(|byte| !SEPARATORS.contains(byte));
    letters.map(u8::to_ascii_lowercase)
}

fn ends_with(name: &[u8], normal: &str) -> bool {
    let mut end = letters(name).rev();
    normal.bytes().rev().all(|byte| end.next() == Some(byte))
}

fn ends_with_exactly(name: &[u8], end: &str) -> bool {
    let start = name.len().checked_sub(end.len());
    start.is_some_and(|start| name[start..].eq_ignore_ascii_case(end.as_bytes()))
}
