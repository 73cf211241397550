//! The refresh token as a cookie.

use std::borrow::Cow;
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::CookieScope;

/// How browsers keep a refresh token. Always `Secure`, `HttpOnly` and `SameSite=Strict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RefreshCookie {
    scope: CookieScope,
    name: &'static str,
    path: Box<str>,
}

impl RefreshCookie {
    /// The one for a refresh endpoint at the path `refresh`.
    ///
    /// `__Host-rt` is for the whole host: no sibling host, and nobody who speaks for one, can set it (RFC 6265bis 4.1.3.2). It
    /// goes with every request to the host, since the prefix demands `Path=/`. `__Secure-rt` is sent to the path only. A
    /// sibling host can set one; it cannot read it.
    pub(super) fn new(scope: CookieScope, refresh: &str) -> Self {
        let (name, path) = match scope {
            CookieScope::Host => ("__Host-rt", "/"),
            CookieScope::Endpoint => ("__Secure-rt", refresh),
        };
        let path = path.into();
        Self { scope, name, path }
    }

    /// The same, for an endpoint that has another path.
    pub(super) fn moved(&self, refresh: &str) -> Self {
        Self::new(self.scope, refresh)
    }

    /// The value of the cookie in a request; an error if there are several, of which nobody can say which is meant.
    pub(super) fn read<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<Cow<'a, str>>, SeveralCookies> {
        let mut found = None;
        for line in headers.get_all(COOKIE) {
            // Bytes: what a sibling host put beside ours need not be text, and must not hide it.
            for pair in line.as_bytes().split(|byte| *byte == b';') {
                let value = pair.trim_ascii().strip_prefix(self.name.as_bytes());
                let Some(value) = value.and_then(|rest| rest.strip_prefix(b"=")) else {
                    continue;
                };
                if found.replace(value).is_some() {
                    return Err(SeveralCookies);
                }
            }
        }
        // What was cleared may linger as an empty one.
        let found = found.filter(|value| !value.is_empty());
        Ok(found.map(String::from_utf8_lossy))
    }

    /// `Set-Cookie` with a token that is good for `age`.
    pub(super) fn set(&self, token: &str, age: Duration) -> Option<HeaderValue> {
        self.header(token, age.as_secs())
    }

    /// `Set-Cookie` that takes the cookie away: with the very attributes that it was set with, or it would stay.
    pub(super) fn clear(&self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(&self, value: &str, age: u64) -> Option<HeaderValue> {
        let Self { name, path, .. } = self;
        let text = format!(
            "{name}={value}; Path={path}; Max-Age={age}; Secure; HttpOnly; SameSite=Strict"
        );
        // Tokens are base64url and paths were checked.
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeveralCookies;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Result<Option<String>, SeveralCookies> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let cookie = RefreshCookie::new(CookieScope::Host, "/auth/refresh");
        Ok(cookie.read(&headers)?.map(Cow::into_owned))
    }

    #[test]
    fn one_cookie_is_read_among_others() {
        for (lines, expected) in [
            (&[][..], Ok(None)),
            (&["a=b"], Ok(None)),
            (&["__Host-rt=rt_1"], Ok(Some("rt_1".to_owned()))),
            (&["a=b; __Host-rt=rt_1;c=d"], Ok(Some("rt_1".to_owned()))),
            (&["a=b", "__Host-rt=rt_1"], Ok(Some("rt_1".to_owned()))),
            (&["__Host-rt="], Ok(None)),
            (&["__host-rt=rt_1"], Ok(None)),
            (
                &["__Host-rt", "x__Host-rt=rt_1", "__Host-rt2=rt_1"],
                Ok(None),
            ),
            (&["a=é; __Host-rt=rt_1"], Ok(Some("rt_1".to_owned()))),
            (&["__Host-rt=rt_1; __Host-rt=rt_2"], Err(SeveralCookies)),
            (&["__Host-rt=rt_1", "__Host-rt=rt_1"], Err(SeveralCookies)),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_cookie_is_cleared_with_the_attributes_it_was_set_with() {
        let minute = Duration::from_secs(60);
        for (cookie, set, cleared) in [
            (
                RefreshCookie::new(CookieScope::Host, "/auth/refresh"),
                "__Host-rt=rt_1; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict",
                "__Host-rt=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
            ),
            (
                RefreshCookie::new(CookieScope::Endpoint, "/auth").moved("/auth/refresh"),
                "__Secure-rt=rt_1; Path=/auth/refresh; Max-Age=60; Secure; HttpOnly; SameSite=Strict",
                "__Secure-rt=; Path=/auth/refresh; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
            ),
        ] {
            let header = cookie.set("rt_1", minute).unwrap();
            assert!(header.is_sensitive());
            assert_eq!(header, set);
            assert_eq!(cookie.clear().unwrap(), cleared);
        }
    }
}
