//! Header fields of which something can be shown.

use std::borrow::Cow;

use crate::common::marks::{HIDDEN, REDACTED};

/// IANA's registry of authentication schemes, and others in use. What stands at this place but is no scheme is a secret.
const SCHEMES: [&str; 20] = [
    "apikey",
    "aws4-hmac-sha256",
    "basic",
    "bearer",
    "concealed",
    "digest",
    "dpop",
    "gnap",
    "hoba",
    "mutual",
    "negotiate",
    "ntlm",
    "oauth",
    "privatetoken",
    "scram-sha-1",
    "scram-sha-256",
    "signature",
    "sigv4",
    "token",
    "vapid",
];

/// The scheme: `Bearer ***`. For `Authorization` and `Proxy-Authorization`.
#[must_use]
pub fn authorization(value: &str) -> Cow<'static, str> {
    match value.split_once(' ') {
        Some((scheme, _)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            format!("{scheme} {HIDDEN}").into()
        }
        _ => REDACTED.into(),
    }
}

/// The names: `session=***; theme=***`. For `Cookie`.
#[must_use]
pub fn cookie(value: &str) -> Cow<'static, str> {
    let pairs = value
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let masked: Vec<_> = pairs.map(mask_pair).collect();
    if masked.is_empty() {
        return HIDDEN.into();
    }
    masked.join("; ").into()
}

/// The name and the attributes: `session=***; Path=/; HttpOnly`. For `Set-Cookie`.
#[must_use]
pub fn set_cookie(value: &str) -> Cow<'static, str> {
    let mut parts = value.split(';').map(str::trim);
    let mut masked = match parts.next() {
        Some(pair) if !pair.is_empty() => mask_pair(pair),
        _ => return HIDDEN.into(),
    };
    for attribute in parts.filter(|attribute| !attribute.is_empty()) {
        masked.push_str("; ");
        masked.push_str(if is_attribute(attribute) {
            attribute
        } else {
            HIDDEN
        });
    }
    masked.into()
}

/// A cookie without a name is all value.
fn mask_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_token(name) => format!("{name}={HIDDEN}"),
        _ => HIDDEN.to_owned(),
    }
}

/// A name by RFC 6265 4.1.1.
fn is_token(name: &str) -> bool {
    let tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(tchar)
}

/// Whether this is an attribute of RFC 6265bis with a value that it can have. The rest of a cookie whose value contains a
/// semicolon stands here too.
fn is_attribute(attribute: &str) -> bool {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
    let all = |allowed: fn(u8) -> bool| value.bytes().all(allowed);
    match name.to_ascii_lowercase().as_str() {
        "secure" | "httponly" | "partitioned" => value.is_empty(),
        "max-age" => all(|byte| byte.is_ascii_digit() || byte == b'-'),
        "samesite" | "priority" => all(|byte| byte.is_ascii_alphabetic()),
        "domain" => all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)),
        "expires" => all(|byte| byte.is_ascii_alphanumeric() || b" ,:-+".contains(&byte)),
        "path" => all(|byte| (b' '..=b'~').contains(&byte)),
        _ => false,
    }
}
