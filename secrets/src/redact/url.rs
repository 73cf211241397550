//! Redaction of queries, forms and URLs, which have names but no types.

use std::borrow::Cow;

use super::names::Class;
use super::userinfo::UserInfo;
use super::{IN_PLACE, Redactor};
use crate::common::names::Place;
use crate::common::percent::decoded;

pub(super) fn query<'a>(redactor: &Redactor, query: &'a str) -> Cow<'a, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut end = 0;
    for pair in query.split('&') {
        let start = end;
        end = start + pair.len() + 1;
        let Some((name, value)) = pair.split_once('=') else {
            // Not all that is in a query is a pair.
            if let Cow::Owned(redacted) = redactor.redact(pair) {
                out.push_str(&query[copied..start]);
                out.push_str(&redacted);
                copied = start + pair.len();
            }
            continue;
        };
        let Some(shown) = parameter(redactor, name, value) else {
            continue;
        };
        out.push_str(&query[copied..start + name.len() + 1]);
        out.push_str(shown);
        copied = start + pair.len();
    }
    if copied == 0 {
        return Cow::Borrowed(query);
    }
    out.push_str(&query[copied..]);
    Cow::Owned(out)
}

/// What to show instead of a parameter's value, if it has to be something else.
fn parameter(redactor: &Redactor, name: &str, value: &str) -> Option<&'static str> {
    if value.is_empty() || value == IN_PLACE {
        return None;
    }
    match redactor.class(&form_decoded(name), Place::Query) {
        Class::Sensitive | Class::Unlisted => Some(IN_PLACE),
        Class::Plain => {
            let is_clean = |value| matches!(redactor.redact_bytes(value), Cow::Borrowed(_));
            let is_clean = is_clean(value.as_bytes()) && is_clean(&form_decoded(value));
            (!is_clean).then_some(IN_PLACE)
        }
    }
}

/// The bytes that a name or value of a form stands for (WHATWG URL, 5.1).
fn form_decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('+') {
        return decoded(text);
    }
    Cow::Owned(decoded(&text.replace('+', " ")).into_owned())
}

pub(super) fn url<'a>(redactor: &Redactor, url: &'a str) -> Cow<'a, str> {
    let start = authority_start(url);
    // First of all, since a password may have any of the signs that end the other parts.
    let host = user_end(url, start);
    let (user, rest) = (&url[start..host], &url[host..]);
    if start == 0 && authority_start(rest) > 0 {
        // The slashes of the password were before those of the URL.
        return Cow::Owned([IN_PLACE, &self::url(redactor, rest)].concat());
    }
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let (rest, query_) = match rest.split_once('?') {
        Some((rest, query_)) => (rest, Some(query(redactor, query_))),
        None => (rest, None),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // Each part on its own: what stands for a secret in one does not change where another begins.
    let is_clean = |part: &Cow<'_, str>| matches!(part, Cow::Borrowed(_));
    let has_clean_host = is_clean(&redactor.redact(host));
    let path = redactor.redact(path);
    let has_user = !matches!(user, "" | IN_PLACE);
    let is_same = fragment.is_none() && !has_user && has_clean_host && is_clean(&path);
    if is_same && query_.as_ref().is_none_or(is_clean) {
        return Cow::Borrowed(url);
    }
    let mut out = String::with_capacity(url.len());
    out.push_str(&url[..start]);
    out.push_str(if user.is_empty() { "" } else { IN_PLACE });
    // All of it, since a mark in a host makes it one that might be a user.
    out.push_str(match host {
        host if has_clean_host => host,
        host if host.starts_with('@') => "@***",
        _ => IN_PLACE,
    });
    out.push_str(&path);
    if let Some(query) = query_ {
        out.extend(["?", &query]);
    }
    Cow::Owned(out)
}

/// Behind the two slashes before the authority, or zero if there are none.
fn authority_start(url: &str) -> usize {
    match url.find(['/', '?', '#']) {
        Some(slash) if url[slash..].starts_with("//") => {
            let is_scheme = slash == 0 || url[..slash].ends_with(':');
            if is_scheme { slash + 2 } else { 0 }
        }
        _ => 0,
    }
}

/// Where the `@` is behind a user and a password, or `start` if there are none.
fn user_end(url: &str, start: usize) -> usize {
    match UserInfo::of(&url.as_bytes()[start..]) {
        // Without slashes it may also be the `@` of an address, unless a password is before it.
        Some(user) if start > 0 || user.has_password => start + user.end,
        _ => start,
    }
}
