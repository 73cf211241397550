//! What secrets look like wherever they stand. Each function looks at one place, where a literal was
//! found, and reads a text made of such places once or a bounded number of bytes at each.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;

use super::bytes::{at, is_blank, is_token, run, skip_spaces};
use crate::common::issuers::{OWN_ID, OWN_SECRET};

/// How far the label of a PEM block goes.
const NEAR: usize = 1024;

pub(super) const PEM: &str = "-----BEGIN ";
pub(super) const PEM_END: &[u8] = b"-----END ";

/// A block with a private key (RFC 7468), to its end or to that of the text.
pub(super) fn pem(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    const DASHES: &[u8] = b"-----";
    let near = |from: usize| &text[from..text.len().min(from + NEAR)];
    let label = memmem::find(near(literal.end), DASHES)?;
    memmem::find(&text[literal.end..literal.end + label], b"PRIVATE KEY")?;
    let body = literal.end + label + DASHES.len();
    let end = memmem::find(&text[body..], PEM_END).map(|end| body + end + PEM_END.len());
    let end = end.and_then(|end| Some(end + memmem::find(near(end), DASHES)? + DASHES.len()));
    Some(literal.start..end.unwrap_or(text.len()))
}

pub(super) const JWT: &str = "eyJ";

/// A JWS or JWE in its compact form (RFC 7515, RFC 7516), without its first three letters: these
/// are those of every JSON object. `done` is how far earlier calls have read.
pub(super) fn jwt(text: &[u8], literal: Range<usize>, done: &mut usize) -> Option<Range<usize>> {
    const SHORTEST_HEADER: usize = 10;
    if literal.start < *done || text[literal.clone()] != *JWT.as_bytes() {
        return None;
    }
    let part = |start| run(text, start, is_token);
    let header = part(literal.end);
    *done = header;
    if header - literal.start < SHORTEST_HEADER || at(text, header) != b'.' {
        return None;
    }
    let mut end = part(header + 1);
    // Without a signature it is still what it says about somebody.
    let unsigned = text[header + 1..].starts_with(JWT.as_bytes());
    if at(text, end) != b'.' && !unsigned {
        return None;
    }
    for _ in 2..5 {
        let next = part(end + 1);
        if at(text, end) == b'.' && next > end + 1 {
            end = next;
        }
    }
    *done = end;
    Some(literal.end..end)
}

/// The schemes (RFC 9110, 11.1) by which a token is recognised anywhere.
pub(super) const BEARER: &str = "bearer";
pub(super) const BASIC: &str = "basic";

/// What stands behind `Bearer` (RFC 6750), unless it is a word of prose.
pub(super) fn bearer(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    let token = credentials(text, literal.end)?;
    let word = &text[token.clone()];
    let dots = word.iter().rev().take_while(|byte| **byte == b'.').count();
    let (first, rest) = word[..word.len() - dots].split_first()?;
    let all = |wanted: fn(&u8) -> bool| first.is_ascii_alphabetic() && rest.iter().all(wanted);
    let is_word = match rest.len() {
        0..3 => true,
        3 => all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase),
        4..20 => all(u8::is_ascii_lowercase),
        _ => false,
    };
    (!is_word).then_some(token)
}

/// What stands behind `Basic` (RFC 7617), if it is a name, a colon and a password.
pub(super) fn basic(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    const LONGEST: usize = 1024;
    const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINES: [GeneralPurpose; 2] = [
        GeneralPurpose::new(&STANDARD, ANY_PADDING),
        GeneralPurpose::new(&URL_SAFE, ANY_PADDING),
    ];
    let token = credentials(text, literal.end)?;
    let mut plain = [0; LONGEST];
    let is_pair = token.len() > LONGEST
        || ENGINES.iter().any(|engine| {
            let length = engine.decode_slice(&text[token.clone()], &mut plain);
            length.is_ok_and(|length| plain[..length].contains(&b':'))
        });
    is_pair.then_some(token)
}

/// A token68 (RFC 9110, 11.2) behind the name of a scheme.
fn credentials(text: &[u8], scheme_end: usize) -> Option<Range<usize>> {
    let rest = text.get(scheme_end..)?;
    let start = if rest.starts_with(b"%20") {
        scheme_end + 3
    } else {
        let sign = skip_spaces(text, scheme_end);
        let has_sign = matches!(at(text, sign), b':' | b'=');
        skip_spaces(text, sign + usize::from(has_sign))
    };
    // In a header it may be quoted by mistake.
    let start = start + usize::from(matches!(at(text, start), b'"' | b'\''));
    let letters = run(text, start, |byte| {
        is_token(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/')
    });
    let end = run(text, letters, |byte| byte == b'=');
    // `Bearer realm="api"` and `Bearer expires_in=3600` have parameters.
    let is_name = end == letters + 1
        && match at(text, end) {
            b'"' => !ends_quote(at(text, end + 1)),
            byte => is_token(byte),
        };
    (start > scheme_end && letters > start && !is_name).then_some(start..end)
}

/// Whether a quote before this byte closes one, so that what is before it is padding.
fn ends_quote(next: u8) -> bool {
    is_blank(next)
        || matches!(
            next,
            0 | b',' | b';' | b':' | b'.' | b')' | b']' | b'}' | b'>' | b'\'' | b'\\'
        )
}

/// What is between the brand of an API key of this family and its id.
pub(super) const OWN_KEYS: [&str; 2] = ["_live_", "_test_"];

/// The secret of such a key.
pub(super) fn own_key(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    let part = |start, length| {
        let end = run(text, start, |byte| byte.is_ascii_alphanumeric());
        (end - start == length).then_some(end)
    };
    let id = part(literal.end, OWN_ID).filter(|id| at(text, *id) == b'_')?;
    Some(id + 1..part(id + 1, OWN_SECRET)?)
}

/// How the hashes of passwords begin (crypt(5), and the PHC string format).
pub(super) const HASHES: [&str; 8] = [
    "$argon2", "$scrypt$", "$pbkdf2", "$2a$", "$2b$", "$2y$", "$5$", "$6$",
];

/// The rest of one. It is no password, but lets one guess without being seen.
pub(super) fn hash(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    const SHORTEST: usize = 32;
    let end = run(text, literal.end, |byte| {
        is_token(byte) || matches!(byte, b'.' | b'/' | b'+' | b'=' | b',' | b'$')
    });
    (end - literal.end >= SHORTEST).then_some(literal.end..end)
}

/// What is before a password in a statement of SQL.
pub(super) const SQL: [&str; 3] = ["password '", "password by '", "identified by '"];

pub(super) const EMAIL: &str = "@";

/// All but the first letter of what is before the `@`, or that letter if it is the only one.
pub(super) fn email(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    const LONGEST: usize = 254;
    let is_local = |byte: &u8| is_token(*byte) || matches!(byte, b'.' | b'+' | b'%');
    let local = text[..literal.start].iter().rev().take(LONGEST);
    let local = local.take_while(|byte| is_local(byte)).count();
    let near = &text[..text.len().min(literal.end + LONGEST)];
    let domain = &near[literal.end..run(near, literal.end, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
    })];
    // The full stop behind a sentence is no part of a domain.
    let mut labels = domain
        .rsplit(|byte| *byte == b'.')
        .skip_while(|label| label.is_empty());
    let has_top = labels.next().is_some_and(|top| top.len() > 1);
    let is_domain = has_top && labels.next().is_some_and(|label| !label.is_empty());
    let start = match local {
        0 => return None,
        1 => literal.start - 1,
        _ => literal.start - local + 1,
    };
    is_domain.then_some(start..literal.start)
}
