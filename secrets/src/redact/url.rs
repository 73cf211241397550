//! Redaction of queries, forms and URLs, which have names but no types.

use std::borrow::Cow;

use super::names::Class;
use super::{IN_PLACE, Redactor};
use crate::names::Place;
use crate::percent::decoded;

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
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (url, None),
    };
    let (rest, query_) = match rest.split_once('?') {
        Some((rest, query_)) => (rest, Some(query(redactor, query_))),
        None => (rest, None),
    };
    let (scheme, rest) = match rest.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, rest),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = match authority.rfind('@') {
        Some(sign) if scheme.is_some() => authority.split_at(sign),
        _ => ("", authority),
    };
    // Each part on its own: what stands for a secret in one does not change where another begins.
    let host = redactor.redact(host);
    let path = redactor.redact(path);
    let is_clean = |part: &Cow<'_, str>| matches!(part, Cow::Borrowed(_));
    let has_user = !matches!(user, "" | IN_PLACE);
    let is_same = fragment.is_none() && !has_user && is_clean(&host) && is_clean(&path);
    if is_same && query_.as_ref().is_none_or(is_clean) {
        return Cow::Borrowed(url);
    }
    let mut out = String::with_capacity(url.len());
    if let Some(scheme) = scheme {
        out.extend([scheme, "://"]);
    }
    out.push_str(if user.is_empty() { "" } else { IN_PLACE });
    out.extend([host, path]);
    if let Some(query) = query_ {
        out.extend(["?", &query]);
    }
    Cow::Owned(out)
}
