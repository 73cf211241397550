//! The user and password of a URL (RFC 3986, 3.2.1), also such as have signs in them that should have been escaped.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr};

use super::bytes::{escaped, is_blank, run};
use crate::common::userinfo::may_end_later;

pub(super) const URL: &str = "://";
/// As some write it in JSON.
pub(super) const URL_IN_JSON: &str = ":\\/\\/";
/// How a URL begins that is a parameter of another one, or of one that is that itself.
pub(super) const URLS_IN_URLS: [&str; 2] = ["%3a%2f%2f", "%253a%252f%252f"];

/// How far behind what seems to be the authority a password may go on.
const NEAR: usize = 1024;
/// What is longer than this before a host is no name of a user but a token.
const LONGEST_USER: usize = 16;

/// Of a URL in text: user and password, or a token in the place of the user.
pub(super) fn in_text(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    let start = literal.end;
    let is_url = |byte: u8| !is_blank(byte) && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | 0x1b);
    let authority = run(text, start, |byte| {
        is_url(byte) && !matches!(byte, b'/' | b'?' | b'#')
    });
    let near = &text[..text.len().min(authority + NEAR)];
    let ends = |at: &usize| !is_url(near[*at]) && !near[*at..].starts_with(b"\\/");
    let end = (authority..near.len()).find(ends).unwrap_or(near.len());
    let user = UserInfo::of(&near[start..end])?;
    user.is_secret(start..start + user.end)
}

/// The same of a URL that is percent-encoded.
pub(super) fn encoded(text: &[u8], literal: Range<usize>) -> Option<Range<usize>> {
    let near = &text[..text.len().min(literal.end + NEAR)];
    let end = run(near, literal.end, |byte| {
        !is_blank(byte) && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'&' | 0x1b)
    });
    // What is encoded once more is not of this URL.
    let length = literal.len() / 3;
    let (mut url, mut places) = (Vec::new(), Vec::new());
    let mut at = literal.end;
    // Not beyond where another one begins, so that a text made of them is read once.
    while at < end && !url.ends_with(URL.as_bytes()) {
        let sign = |sign: &u8| escaped(near, at, *sign) == Some(length);
        let sign = b":/@?#=".iter().copied().find(sign);
        url.push(sign.unwrap_or(near[at]));
        places.push(at);
        at += sign.map_or(1, |_| length);
    }
    let user = UserInfo::of(&url)?;
    user.is_secret(literal.end..places[user.end])
}

/// What is before the `@`.
pub(super) struct UserInfo {
    pub(super) end: usize,
    pub(super) has_password: bool,
}

impl UserInfo {
    /// That of a URL, given from its authority on.
    pub(super) fn of(url: &[u8]) -> Option<Self> {
        let ends =
            |at: &usize| matches!(url[*at], b'/' | b'?' | b'#') || url[*at..].starts_with(b"\\/");
        let (authority, rest) = url.split_at((0..url.len()).find(ends).unwrap_or(url.len()));
        let sign = memrchr(b'@', authority);
        let has_password = match sign {
            Some(sign) => authority[..sign].contains(&b':'),
            None => !are_hosts(authority),
        };
        let goes_on = match sign {
            _ if !has_password => None,
            // This is no authority: a password ended it, and may have more than one `@`.
            None => Some(rest),
            Some(_) => {
                // Behind a comma, or in a path, may be another URL with a user of its own.
                let rest = &rest[..memmem::find(rest, URL.as_bytes()).unwrap_or(rest.len())];
                may_end_later(rest).then_some(rest)
            }
        };
        let later = goes_on.and_then(|rest| memrchr(b'@', rest));
        let end = later.map(|later| authority.len() + later).or(sign)?;
        Some(Self { end, has_password })
    }

    fn is_secret(&self, range: Range<usize>) -> Option<Range<usize>> {
        (self.has_password || range.len() > LONGEST_USER).then_some(range)
    }
}

/// Whether these can be hosts with their ports, of which the URLs of databases have several.
fn are_hosts(authority: &[u8]) -> bool {
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    let mut hosts = authority.split(|byte| *byte == b',');
    hosts.all(|host| match memchr(b':', host) {
        None => true,
        // Without a name it is a password without a user.
        Some(0) => false,
        // An IPv6 address has colons too.
        Some(colon) => host.starts_with(b"[") || is_port(&host[colon + 1..]),
    })
}
