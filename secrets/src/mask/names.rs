//! Which names of parameters stand for secrets.

/// Names that end with one of these, separators and case aside, are those of secrets.
const SENSITIVE: [&str; 25] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
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
    "sessionid",
    // And in queries and connection strings, where names are short:
    "sig",
    "code",
    "key",
    "auth",
    "pass",
];

/// Unless they end with one of these, which say something about a secret.
const HARMLESS: [&str; 10] = [
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

const ALLOWED: [&str; 4] = ["tokencount", "maxtokens", "secretversion", "cookieconsent"];

/// Whether the value of a parameter of this name is hidden. `name` may be percent-encoded.
pub(super) fn is_sensitive(name: &str) -> bool {
    let name = percent_decoded(name).to_ascii_lowercase();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    SENSITIVE.iter().any(|end| plain.ends_with(end))
        && !HARMLESS.iter().any(|end| name.ends_with(end))
        && !ALLOWED.contains(&plain.as_str())
}

/// Undoes percent-encoding, once. What is no text then is lost, but was no text before either.
pub(super) fn percent_decoded(text: &str) -> String {
    let hex = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match (first, others) {
            (b'%', [high, low, after @ ..]) => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(*first),
            },
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
