use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// The most bytes of an address.
const MAX_BYTES: usize = 2048;

/// Where a document is read: an `https` URL.
///
/// ```
/// use portcullis_auth_core::jwks::Endpoint;
///
/// assert!(Endpoint::https("https://id.example/jwks.json").is_ok());
/// assert!(Endpoint::https("http://id.example/jwks.json").is_err());
/// // For tests, and for an issuer on the same machine.
/// assert!(Endpoint::https_or_loopback("http://127.0.0.1:8080/jwks.json").is_ok());
/// assert!(Endpoint::https_or_loopback("http://id.example/jwks.json").is_err());
/// # Ok::<_, portcullis_auth_core::jwks::InvalidEndpoint>(())
/// ```
///
/// Only what all readers of URLs take alike is one: a lower-case scheme, no user and no password, no fragment, no backslash,
/// nothing that is not ASCII, 2,048 bytes at most. A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Arc<str>,
    /// Where the path, or the query, begins.
    path: usize,
    secure: bool,
}

impl Endpoint {
    /// The `https` URL `url`.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn https(url: &str) -> Result<Self, InvalidEndpoint> {
        let endpoint = Self::parse(url)?;
        if endpoint.secure {
            Ok(endpoint)
        } else {
            Err(InvalidEndpoint("an address is an https url"))
        }
    }

    /// The `https` URL `url`, or an `http` URL of this machine: `localhost`, or an address that is a loopback one.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn https_or_loopback(url: &str) -> Result<Self, InvalidEndpoint> {
        let endpoint = Self::parse(url)?;
        let host = host(endpoint.authority()).unwrap_or_default();
        let loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if endpoint.secure || loopback {
            Ok(endpoint)
        } else {
            Err(InvalidEndpoint(
                "an address is an https url, or an http url of this machine",
            ))
        }
    }

    fn parse(url: &str) -> Result<Self, InvalidEndpoint> {
        if url.len() > MAX_BYTES {
            return Err(InvalidEndpoint("an address has 2048 bytes at most"));
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        let (secure, start) = match url {
            _ if !url.bytes().all(plain) => (false, None),
            _ if url.starts_with("https://") => (true, Some("https://".len())),
            _ => (false, url.starts_with("http://").then_some("http://".len())),
        };
        let invalid = InvalidEndpoint("an address is an absolute url without user and fragment");
        let start = start.ok_or(invalid)?;
        let rest = url.get(start..).ok_or(invalid)?;
        let path = start + rest.find(['/', '?']).unwrap_or(rest.len());
        let endpoint = Self {
            url: url.into(),
            path,
            secure,
        };
        match host(endpoint.authority()) {
            Some(_) => Ok(endpoint),
            None => Err(invalid),
        }
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether it is an `https` URL.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.secure
    }

    fn authority(&self) -> &str {
        let (origin, _) = self.split();
        origin
            .split_once("://")
            .map_or("", |(_, authority)| authority)
    }

    /// Scheme and authority, and what comes after them.
    pub(super) fn split(&self) -> (&str, &str) {
        self.url.split_at(self.path)
    }
}

/// The host of an authority without a user.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let part_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(part_of_name)).then_some((host, port))?
        }
    };
    match port.strip_prefix(':') {
        None => port.is_empty().then_some(host),
        // `parse` would take a sign.
        Some(port) => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            (digits && port.parse::<u16>().is_ok()).then_some(host)
        }
    }
}

impl AsRef<str> for Endpoint {
    fn as_ref(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// A text that is no address of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEndpoint(&'static str);

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidEndpoint {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https() {
        for (url, https, loopback) in [
            ("https://id.example", true, true),
            ("https://id.example:8443/a/b?c=d%20e", true, true),
            ("https://[2001:db8::1]:443/", true, true),
            ("https://my_host?a", true, true),
            ("http://localhost/", false, true),
            ("http://127.0.0.1:65535/a", false, true),
            ("http://127.8.9.1/a", false, true),
            ("http://[::1]:1?a", false, true),
            ("http://id.example/", false, false),
            ("http://10.0.0.1/", false, false),
            ("http://localhost.example/", false, false),
            ("http://127.0.0.1.example/", false, false),
            // Others read these as 127.0.0.1.
            ("http://127.1/", false, false),
            ("http://0x7f000001/", false, false),
            ("http://2130706433/", false, false),
            ("http://[::ffff:127.0.0.1]/", false, false),
        ] {
            assert_eq!(Endpoint::https(url).is_ok(), https, "{url}");
            assert_eq!(Endpoint::https_or_loopback(url).is_ok(), loopback, "{url}");
        }
    }

    #[test]
    fn what_readers_take_differently_is_no_address() {
        let long = format!("https://id.example/{}", "x".repeat(MAX_BYTES));
        for url in [
            "",
            "id.example",
            "//id.example/",
            "https:/id.example",
            "https://",
            "https:///jwks",
            "HTTPS://id.example/",
            "ftp://id.example/",
            "file:///etc/passwd",
            "https://user@id.example/",
            "https://user:password@id.example/",
            "https://id.example@127.0.0.1/",
            "https://id.example\\@127.0.0.1/",
            "https://id.example#@127.0.0.1/",
            "https://id.example/#fragment",
            "https://id.example:/",
            "https://id.example:+80/",
            "https://id.example:65536/",
            "https://id.example:80:80/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[127.0.0.1]/",
            "https://id%2eexample/",
            "https://id.exämple/",
            "https://id.example/ä",
            "https://id.example/a b",
            " https://id.example/",
            "https://id.example/\r\nhost: other",
            &long,
        ] {
            assert!(Endpoint::https_or_loopback(url).is_err(), "{url}");
        }
    }
}
