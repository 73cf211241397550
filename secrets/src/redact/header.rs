//! Redaction of header fields, of HTTP or of mail.

use std::borrow::Cow;

use super::bytes::{is_blank, run};
use super::names::Class;
use super::{IN_PLACE, REDACTED, Redactor};
use crate::names::Place;

pub(super) fn header<'a>(redactor: &Redactor, name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
    let is = |end: &str| {
        let start = name.len().checked_sub(end.len());
        let tail = start.and_then(|start| name.as_bytes().get(start..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    };
    let class = redactor.class(name.as_bytes(), Place::Field);
    let shown = match class {
        _ if value.is_empty() => return Cow::Borrowed(value),
        Class::Plain => return redactor.redact_bytes(value),
        Class::Sensitive if is("authorization") => authorization(value),
        Class::Sensitive if is("set-cookie") => {
            let pair = run(value, 0, |byte| byte != b';');
            [&cookie(&value[..pair]), &value[pair..]].concat()
        }
        Class::Sensitive if is("cookie") => {
            let cookies: Vec<_> = value.split(|byte| *byte == b';').map(cookie).collect();
            cookies.join(&b';')
        }
        Class::Sensitive | Class::Unlisted => REDACTED.into(),
    };
    if shown == value {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(shown)
    }
}

/// The scheme, which is no secret if something follows it.
fn authorization(value: &[u8]) -> Vec<u8> {
    let scheme = run(value, 0, |byte| !is_blank(byte));
    match scheme < value.len() {
        true => [&value[..scheme], b" ", IN_PLACE.as_bytes()].concat(),
        false => IN_PLACE.into(),
    }
}

/// The name of a cookie, if it has one, and the space before it.
fn cookie(pair: &[u8]) -> Vec<u8> {
    let blank = run(pair, 0, is_blank);
    let name = run(pair, blank, |byte| byte != b'=');
    match (blank, name) {
        _ if blank == pair.len() => pair.into(),
        (_, name) if name < pair.len() => [&pair[..=name], IN_PLACE.as_bytes()].concat(),
        _ => [&pair[..blank], IN_PLACE.as_bytes()].concat(),
    }
}
