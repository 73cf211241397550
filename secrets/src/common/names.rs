//! Which names stand for secrets: those of fields, of members of documents, of parameters. One list, so that what is
//! masked under a name is redacted under it too.

/// Where a name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    #[cfg(feature = "redact")]
    Field,
    /// In a query, a form or a connection string.
    Query,
}

/// Names that end with one of these hold secrets. Words are separated by `_`.
pub(crate) const SENSITIVE: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "password_confirmation",
    "secret",
    "token",
    "api_key",
    "access_key",
    "private_key",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    // Of some there are lists. The plural of others is how many there are.
    "passwords",
    "api_keys",
    "cookies",
    "recovery_codes",
    "otp",
    "totp",
    "pin",
    "cvv",
    "cvc",
    "ssn",
    "signature",
    "session_id",
    // One-time codes, and what proves a client to be itself (RFC 7636, RFC 7523).
    "otp_code",
    "recovery_code",
    "code_verifier",
    "client_assertion",
    // The keys that frameworks and clouds name so.
    "secret_key",
    "signing_key",
    "encryption_key",
    "account_key",
];

/// And in queries, where names are short, with one of these.
pub(crate) const SENSITIVE_IN_QUERIES: &[&str] = &["sig", "code", "key", "auth", "pass"];

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

#[cfg(feature = "redact")]
pub(crate) const ALLOWED: &[&str] = &[
    "token_count",
    "max_tokens",
    "secret_version",
    "cookie_consent",
];

/// The characters that separate the words of a name, and that make no difference.
pub(crate) const SEPARATORS: &[u8] = b"_-. ";

/// Whether a name is sensitive by the lists above and by those that were `told`, which are [normal](normal).
pub(crate) fn is_sensitive(name: &[u8], place: Place, told: &[String]) -> bool {
    let in_queries = match place {
        Place::Query => SENSITIVE_IN_QUERIES,
        #[cfg(feature = "redact")]
        Place::Field => &[],
    };
    let is_known = |name: &[u8]| {
        // Most names are decided by their last letter.
        let last = letters(name).next_back();
        let is_end = |known: &str| known.bytes().next_back() == last && ends_with(name, known);
        SENSITIVE.iter().any(|known| is_end(known))
            || in_queries.iter().any(|known| is_end(known))
            || told.iter().any(|known| is_end(known))
    };
    let name = without_index(name);
    let unnumbered = &name[..name.len() - number(name.iter().rev())];
    (is_known(name) || unnumbered.len() < name.len() && is_known(unnumbered))
        && !HARMLESS.iter().any(|end| ends_with_exactly(name, end))
}

/// The field of a form without what tells it from others of its name: `user[password]`, `password[0]`.
fn without_index(name: &[u8]) -> &[u8] {
    let mut name = name;
    while let Some(inner) = name.strip_suffix(b"]") {
        let digits = inner.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let digits = digits.count();
        match inner[..inner.len() - digits].strip_suffix(b"[") {
            Some(outer) => name = outer,
            None => return inner,
        }
    }
    name
}

/// How many digits there are, if it is so few that they are a number behind a name: `password2`.
pub(crate) fn number<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    match bytes.take_while(|byte| byte.is_ascii_digit()).count() {
        digits @ 0..=2 => digits,
        _ => 0,
    }
}

/// A name without separators and in lower case.
#[cfg(feature = "redact")]
pub(crate) fn normal(name: &str) -> String {
    letters(name.as_bytes()).map(char::from).collect()
}

pub(crate) fn letters(name: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    let letters = name.iter().filter(|byte| !SEPARATORS.contains(byte));
    letters.map(u8::to_ascii_lowercase)
}

/// Whether a name ends with another, whatever the case and the separators.
fn ends_with(name: &[u8], end: &str) -> bool {
    let mut name = letters(name).rev();
    letters(end.as_bytes())
        .rev()
        .all(|byte| name.next() == Some(byte))
}

fn ends_with_exactly(name: &[u8], end: &str) -> bool {
    let start = name.len().checked_sub(end.len());
    start.is_some_and(|start| name[start..].eq_ignore_ascii_case(end.as_bytes()))
}
