//! The refresh token as a cookie.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// How browsers keep a refresh token. Always `Secure`, `HttpOnly` and `SameSite=Strict`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RefreshCookie {
    name: &'static str,
    path: Box<str>,
}

impl RefreshCookie {
    /// `__Host-rt`, for the whole host: no sibling host, and nobody who speaks for one, can set it (RFC 6265bis 4.1.3.2). It
    /// goes with every request to the host, since the prefix demands `Path=/`.
    pub(super) fn host() -> Self {
        Self {
            name: "__Host-rt",
            path: "/".into(),
        }
    }

    /// `__Secure-rt`, sent to the path of the refresh endpoint only. A sibling host can set one; it cannot read it.
    pub(super) fn secure(path: &str) -> Self {
        Self {
            name: "__Secure-rt",
            path: path.into(),
        }
    }

    /// The value of the cookie in a request; an error if there are several, of which nobody can say which is meant.
    pub(super) fn read<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Option<&'a str>, SeveralCookies> {
        let mut found = None;
        for line in headers.get_all(COOKIE) {
            let Ok(line) = line.to_str() else { continue };
            for pair in line.split(';') {
                let Some((name, value)) = pair.trim().split_once('=') else {
                    continue;
                };
                if name == self.name && found.replace(value).is_some() {
                    return Err(SeveralCookies);
                }
            }
        }
        // What was cleared may linger as an empty one.
        Ok(found.filter(|value| !value.is_empty()))
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
        let Self { name, path } = self;
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
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        let found = RefreshCookie::host().read(&headers)?;
        Ok(found.map(str::to_owned))
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
                RefreshCookie::host(),
                "__Host-rt=rt_1; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict",
                "__Host-rt=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
            ),
            (
                RefreshCookie::secure("/auth/refresh"),
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
