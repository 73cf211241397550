//! What a request presents as proof of who sent it. Reads, and believes nothing.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue, Uri};

/// Where an API key may stand beside `Authorization`.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Parameters that clients put credentials into where they must not: RFC 6750 2.3 has been withdrawn by OAuth 2.1, and URLs
/// are kept by proxies, logs and histories.
const PARAMETERS: [&str; 5] = ["access_token", "api_key", "apikey", "api-key", "x-api-key"];

/// The one credential of a request. Its text is a secret that nobody has checked yet.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presented<'a> {
    /// `Authorization: Bearer`, a token or an API key.
    Bearer(&'a str),
    /// `X-API-Key`.
    ApiKey(&'a str),
}

/// Why nobody can tell what a request presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A header is there twice, is not text, or has not the form of its scheme.
    Header,
    /// There are two credentials, and no rule says which counts.
    Two,
    /// The credential stands in the URL.
    InUrl,
}

impl<'a> Presented<'a> {
    /// The credential of a request, if it has one. Schemes that are not of this module are none.
    pub(super) fn find(headers: &'a HeaderMap, uri: &Uri) -> Result<Option<Self>, Malformed> {
        if uri.query().is_some_and(names_a_credential) {
            return Err(Malformed::InUrl);
        }
        let bearer = match one(headers, &AUTHORIZATION)? {
            Some(value) => bearer(value)?,
            None => None,
        };
        let key = match one(headers, &API_KEY)?.map(text).transpose()? {
            Some("") => return Err(Malformed::Header),
            key => key,
        };
        match (bearer, key) {
            (Some(_), Some(_)) => Err(Malformed::Two),
            (Some(token), None) => Ok(Some(Self::Bearer(token))),
            (None, Some(key)) => Ok(Some(Self::ApiKey(key))),
            (None, None) => Ok(None),
        }
    }

    /// The credential itself.
    #[must_use]
    pub const fn expose_secret(&self) -> &'a str {
        match self {
            Self::Bearer(secret) | Self::ApiKey(secret) => secret,
        }
    }
}

/// Shows the kind and not the secret.
impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer([REDACTED])",
            Self::ApiKey(_) => "ApiKey([REDACTED])",
        })
    }
}

/// The one value of a header.
fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Malformed> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Malformed::Header);
    }
    Ok(Some(first))
}

/// A value of visible ASCII.
fn text(value: &HeaderValue) -> Result<&str, Malformed> {
    value.to_str().map_err(|_| Malformed::Header)
}

/// `credentials = auth-scheme 1*SP token68` of RFC 9110 11.4, with the one space that RFC 6750 2.1 asks for.
fn bearer(value: &HeaderValue) -> Result<Option<&str>, Malformed> {
    const SCHEME: &[u8] = b"Bearer";
    let (scheme, rest) = match value.as_bytes().split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) => (scheme, rest),
        None => (value.as_bytes(), &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(SCHEME) || !matches!(rest.first(), None | Some(b' ' | b'\t')) {
        // Of another scheme, if it is text at all.
        return text(value).map(|_| None);
    }
    // A tab is a space to some parsers, and to others not.
    if rest.first() == Some(&b'\t') {
        return Err(Malformed::Header);
    }
    let token = rest.get(1..).filter(|token| is_token68(token));
    let token = token.and_then(|token| str::from_utf8(token).ok());
    token.map(Some).ok_or(Malformed::Header)
}

fn is_token68(text: &[u8]) -> bool {
    let length = text.iter().rposition(|byte| *byte != b'=');
    let (token, _padding) = text.split_at(length.map_or(0, |last| last + 1));
    let allowed = |byte: u8| {
        // The digits stand behind four of the signs, and only a comma among them.
        let sign_or_digit = matches!(byte, b'+'..=b'9') & (byte != b',');
        byte.is_ascii_alphabetic() | sign_or_digit | (byte == b'_') | (byte == b'~')
    };
    // To the end in any case: without a way out, sixteen bytes are looked at together. Tokens have a thousand.
    !token.is_empty() && token.iter().fold(true, |all, byte| all & allowed(*byte))
}

fn names_a_credential(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = decoded(name);
        let mut known = PARAMETERS.iter().map(|known| known.as_bytes());
        known.any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// A name with its percent-encoding undone, as far as it is one: `%61ccess_token` is no way around.
fn decoded(name: &str) -> Cow<'_, [u8]> {
    if !name.contains('%') {
        return Cow::Borrowed(name.as_bytes());
    }
    let mut bytes = name.bytes();
    let mut decoded = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        let mut rest = bytes.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(rest.next()), digit(rest.next())) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits are a byte.
                decoded.push(u8::try_from(high << 4 | low).unwrap_or_default());
                bytes = rest;
            }
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(headers: &[(&str, &[u8])], uri: &str) -> Result<Option<(bool, String)>, Malformed> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let found = Presented::find(&map, &uri.parse().unwrap())?;
        Ok(found.map(|presented| {
            let bearer = matches!(presented, Presented::Bearer(_));
            (bearer, presented.expose_secret().to_owned())
        }))
    }

    #[test]
    fn a_request_has_one_credential_or_none() {
        let bearer = |token: &str| Ok(Some((true, token.to_owned())));
        let key = |key: &str| Ok(Some((false, key.to_owned())));
        let authorization = |value: &'static [u8]| [("authorization", value)];
        for (headers, expected) in [
            (&[][..], Ok(None)),
            (
                &authorization(b"Bearer abc.def-_~+/=="),
                bearer("abc.def-_~+/=="),
            ),
            (&authorization(b"bEARER abc"), bearer("abc")),
            (&authorization(b"Basic YTpi"), Ok(None)),
            (&authorization(b"Bearerabc"), Ok(None)),
            (&authorization(b"Bearer"), Err(Malformed::Header)),
            (&authorization(b"Bearer "), Err(Malformed::Header)),
            (&authorization(b"Bearer  abc"), Err(Malformed::Header)),
            (&authorization(b"Bearer abc "), Err(Malformed::Header)),
            (
                &authorization(b"Bearer abc, Bearer def"),
                Err(Malformed::Header),
            ),
            (&authorization(b"Bearer a=b"), Err(Malformed::Header)),
            (&authorization(b"Bearer =="), Err(Malformed::Header)),
            (&authorization(b"Bearer \xc3\xa9"), Err(Malformed::Header)),
            (&authorization(b"Bearer a\tb"), Err(Malformed::Header)),
            (&authorization(b"Bearer\ta"), Err(Malformed::Header)),
            (&[("x-api-key", &b"acme_live_1"[..])], key("acme_live_1")),
            (&[("x-api-key", &b""[..])], Err(Malformed::Header)),
            (
                &[
                    ("authorization", b"Bearer abc"),
                    ("authorization", b"Bearer abc"),
                ],
                Err(Malformed::Header),
            ),
            (
                &[("authorization", b"Bearer abc"), ("x-api-key", b"acme")],
                Err(Malformed::Two),
            ),
            (
                &[("authorization", b"Basic YTpi"), ("x-api-key", b"acme")],
                key("acme"),
            ),
            (
                &[("x-api-key", b"acme"), ("x-api-key", b"acme")],
                Err(Malformed::Header),
            ),
        ] {
            assert_eq!(find(headers, "/"), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_credential_in_the_url_is_seen_however_its_name_is_written() {
        for (uri, seen) in [
            ("/?access_token=abc", true),
            ("/?a=b&API_KEY=abc", true),
            ("/?x-api-key", true),
            ("/?%61ccess%5Ftoken=abc", true),
            ("/?access_token%=abc", false),
            ("/?token=abc", false),
            ("/access_token=abc", false),
            ("/?q=access_token", false),
        ] {
            let found = find(&[("authorization", b"Bearer abc")], uri);
            assert_eq!(found == Err(Malformed::InUrl), seen, "{uri}");
        }
    }

    #[test]
    fn a_token_has_the_characters_of_token68_and_no_others() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            for at in [0, 7, 40] {
                let mut token = [b'a'; 64];
                token[at] = byte;
                assert_eq!(is_token68(&token), expected, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn debug_tells_no_secret() {
        let shown = format!(
            "{:?} {:?}",
            Presented::Bearer("abc"),
            Presented::ApiKey("abc")
        );
        assert_eq!(shown, "Bearer([REDACTED]) ApiKey([REDACTED])");
    }
}
