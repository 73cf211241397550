use std::borrow::Cow;

use super::{HIDDEN, is_sensitive};
use crate::common::percent::decoded;
use crate::common::userinfo::may_end_later;

/// Schemes without an authority, of which at least the scheme can be shown. Before any other colon may stand a user name.
const OPAQUE: [&str; 7] = ["blob", "data", "javascript", "mailto", "sms", "tel", "urn"];

/// URLs in parameters of URLs are looked into so deep.
const NESTED: u32 = 3;

/// Hides user info, the values of sensitive parameters and of such as hold a URL with something to hide, and drops the
/// fragment. Takes absolute URLs, and references such as the path and query of a request.
///
/// ```
/// # use portcullis_secrets::mask::url;
/// assert_eq!(url("/reset?lang=en&token=9f86d081"), "/reset?lang=en&token=***");
/// assert_eq!(url("redis://:9f86d081@cache:6379/0"), "redis://***@cache:6379/0");
/// assert_eq!(url("redis://:9f/86@cache"), "redis://***");
/// ```
///
/// Of what is no URL by RFC 3986, or can be read in two ways so that one reads a password as the host, only the scheme is
/// shown. A secret in a path, such as `/reset/9f86d081`, is not recognised.
#[must_use]
pub fn url(url: &str) -> Cow<'static, str> {
    mask(url, NESTED).into()
}

fn mask(url: &str, nested: u32) -> String {
    let (scheme, rest) = match url.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, url),
    };
    let masked = if !rest.bytes().all(is_url_byte) {
        None
    } else if let Some(rest) = rest.strip_prefix("//") {
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        mask_authority(authority)
            .filter(|_| !is_ambiguous(authority, rest))
            .map(|authority| format!("//{authority}{}", mask_path(rest, nested)))
    } else if scheme.is_none() && !is_ambiguous("", rest) {
        Some(mask_path(rest, nested))
    } else {
        None
    };
    match (scheme, masked) {
        (Some(scheme), Some(masked)) => format!("{scheme}:{masked}"),
        (None, Some(masked)) => masked,
        (Some(scheme), None) if rest.starts_with("//") => format!("{scheme}://{HIDDEN}"),
        (Some(scheme), None) if OPAQUE.contains(&scheme.to_ascii_lowercase().as_str()) => {
            format!("{scheme}:{HIDDEN}")
        }
        (_, None) => HIDDEN.to_owned(),
    }
}

pub(super) fn is_scheme(text: &str) -> bool {
    let others = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(others)
}

/// What RFC 3986 has in a URL.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// The authority without user info, if the rest of it are hosts, of which the URLs of databases have several.
fn mask_authority(authority: &str) -> Option<String> {
    let (user_info, hosts) = match authority.rsplit_once('@') {
        Some((_, hosts)) => (true, hosts),
        None => (false, authority),
    };
    let user_info = if user_info {
        format!("{HIDDEN}@")
    } else {
        String::new()
    };
    hosts
        .split(',')
        .all(is_host)
        .then(|| format!("{user_info}{hosts}"))
}

/// A name or an address, with or without a port. Stricter than RFC 3986, which has room for a password there.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, port)) => {
            let address_byte = |byte: u8| byte.is_ascii_hexdigit() || b":.%".contains(&byte);
            if !address.bytes().all(address_byte) {
                return false;
            }
            ("", port)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%*".contains(&byte);
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    name.bytes().all(name_byte) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Whether a password with an unescaped `/`, `?` or `#` may have ended the authority too early: then an `@` follows.
fn is_ambiguous(authority: &str, rest: &str) -> bool {
    if authority.contains(':') {
        return may_end_later(rest.as_bytes());
    }
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let mut segments = path.split('/').enumerate();
    segments.any(|(at, segment)| {
        let sign = segment.find('@');
        sign.is_some_and(|sign| at == 0 || segment[..sign].contains(':'))
    })
}

/// Path and query, without the fragment.
fn mask_path(rest: &str, nested: u32) -> String {
    let rest = rest.split('#').next().unwrap_or_default();
    let Some((path, query)) = rest.split_once('?') else {
        return rest.to_owned();
    };
    let mut masked = format!("{path}?");
    for parameter in query.split_inclusive(['&', ';']) {
        let (parameter, separator) = match parameter.strip_suffix(['&', ';']) {
            Some(stripped) => (stripped, &parameter[stripped.len()..]),
            None => (parameter, ""),
        };
        match parameter.split_once('=') {
            Some((name, value)) if is_sensitive(name) || hides_something(value, nested) => {
                masked.push_str(name);
                masked.push('=');
                masked.push_str(HIDDEN);
            }
            _ => masked.push_str(parameter),
        }
        masked.push_str(separator);
    }
    masked
}

/// Whether a value is a URL of which not all would be shown.
fn hides_something(value: &str, nested: u32) -> bool {
    let value = decoded(value);
    // What is no text then was no URL.
    let value = String::from_utf8_lossy(&value);
    value.contains("://") && (nested == 0 || mask(&value, nested - 1) != value)
}
