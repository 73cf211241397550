//! Redaction of one log line, beside what is usually done: a set of regular expressions says which of
//! them match, and those replace what they find.

use std::borrow::Cow;
use std::hint::black_box;

use portcullis_secrets::redact::Redactor;
use regex::{Regex, RegexSet};

use crate::{BARE, Case, Drive, OURS};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "redact";
    const CLEAN_LINE: &str = "a clean line";
    const DIRTY_LINE: &str = "a line with secrets";
    const PEER: &str = "regex";
    vec![
        Case::new(LAYER, CLEAN_LINE, BARE, || lines(CLEAN, Cow::Borrowed)),
        Case::new(LAYER, CLEAN_LINE, OURS, || ours(CLEAN)),
        Case::new(LAYER, CLEAN_LINE, PEER, || regexes(CLEAN)),
        Case::new(LAYER, DIRTY_LINE, BARE, || lines(DIRTY, Cow::Borrowed)),
        Case::new(LAYER, DIRTY_LINE, OURS, || ours(DIRTY)),
        Case::new(LAYER, DIRTY_LINE, PEER, || regexes(DIRTY)),
    ]
}

/// 200 bytes each.
const CLEAN: &str = "2026-11-21T10:15:30.123Z INFO users::api request finished method=GET path=/api/v1/users/42 \
    status=200 duration_ms=3.2 bytes=512 client_ip=203.0.113.7 request_id=0192f5e1-7b4c-7d3e-9a2f-5c1b6d user=ada";
const DIRTY: &str = "2026-11-21T10:15:30.123Z WARN users::api cannot log in password=hunter2-or-more url=postgres://app:pa55w0rd@db/users \
    header=\"Authorization: Bearer c2VjcmV0LXRva2Vu\" body={\"api_key\":\"9f86d081884c7d65\"}";

fn lines(
    line: &'static str,
    redact: impl Fn(&'static str) -> Cow<'static, str> + 'static,
) -> Drive {
    assert_eq!(line.len(), 200);
    Box::new(move |times| {
        for _ in 0..times {
            black_box(redact(black_box(line)));
        }
    })
}

fn ours(line: &'static str) -> Drive {
    let redactor = Redactor::new();
    lines(line, move |line| redactor.redact(line))
}

/// What the built-in rules look for, as far as one expression says it.
const EXPRESSIONS: [(&str, &str); 8] = [
    (
        r#"(?i)((?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|signature|session[_-]?id|otp|pin|cvv|ssn)["']?\s*[=:]\s*["']?)[^\s"',;&}]+"#,
        "${1}[REDACTED]",
    ),
    (r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]+", "$1 ***"),
    (r"(?i)((?:set-)?cookie:\s*)[^\r\n]+", "${1}[REDACTED]"),
    (r"([a-z][a-z0-9+.-]*://)[^/\s@]+@", "${1}***@"),
    (
        r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
        "***",
    ),
    (
        r"\b(?:gh[pousr]_|sk_live_|xox[abprs]-|AKIA|AIza|glpat-)[A-Za-z0-9_-]{8,}",
        "***",
    ),
    (
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
        "[REDACTED]",
    ),
    (r"\b(?:[0-9][ -]?){12,18}[0-9]\b", "***"),
];

fn regexes(line: &'static str) -> Drive {
    let set = RegexSet::new(EXPRESSIONS.map(|(expression, _)| expression));
    let set = set.expect("the expressions are valid");
    let each = EXPRESSIONS.map(|(expression, mark)| {
        let regex = Regex::new(expression).expect("the expressions are valid");
        (regex, mark)
    });
    lines(line, move |line| {
        let mut text = Cow::Borrowed(line);
        for index in &set.matches(line) {
            let (regex, mark) = &each[index];
            if let Cow::Owned(replaced) = regex.replace_all(&text, *mark) {
                text = Cow::Owned(replaced);
            }
        }
        text
    })
}
