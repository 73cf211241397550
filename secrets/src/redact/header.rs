//! Redaction of header fields, of HTTP or of mail.

use std::borrow::Cow;

use super::names::Class;
use super::{REDACTED, Redactor};
use crate::common::header::{authorization, cookie, set_cookie};
use crate::common::names::Place;

pub(super) fn header<'a>(redactor: &Redactor, name: &str, value: &'a [u8]) -> Cow<'a, [u8]> {
    let is = |end: &str| {
        let start = name.len().checked_sub(end.len());
        let tail = start.and_then(|start| name.as_bytes().get(start..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    };
    let shown = match (
        redactor.class(name.as_bytes(), Place::Field),
        str::from_utf8(value),
    ) {
        // What is no text, once hidden, must not be read as a cookie that has the name of the mark.
        _ if value.is_empty() || value == REDACTED.as_bytes() => return Cow::Borrowed(value),
        (Class::Plain, _) => return redactor.redact_bytes(value),
        (Class::Sensitive, Ok(value)) if is("authorization") => authorization(value),
        (Class::Sensitive, Ok(value)) if is("set-cookie") => set_cookie(value),
        (Class::Sensitive, Ok(value)) if is("cookie") => cookie(value),
        _ => Cow::Borrowed(REDACTED),
    };
    match shown.as_bytes() == value {
        true => Cow::Borrowed(value),
        false => Cow::Owned(shown.into_owned().into_bytes()),
    }
}
