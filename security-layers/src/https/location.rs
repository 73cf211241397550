use std::error::Error;
use std::fmt::{self, Write as _};
use std::num::NonZeroU16;
use std::str::FromStr;

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};
use portcullis_layer_core::origin::{HostPort, Scheme};

use super::error::HttpsRequired;
use crate::allowed_hosts::AllowedHosts;

/// Where plain http is redirected to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    target: Target,
    port: NonZeroU16,
    status: RedirectStatus,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Canonical(CanonicalHost),
    Same(AllowedHosts),
}

const HTTPS_PORT: NonZeroU16 =
    NonZeroU16::new(Scheme::Https.default_port()).expect("it is not zero");

impl Redirect {
    /// Redirects to one fixed host, whichever was asked for, with 308 and to port 443.
    #[must_use]
    pub const fn to_host(host: CanonicalHost) -> Self {
        Self::to(Target::Canonical(host))
    }

    /// Redirects to the host that was asked for if `hosts` has it, with 308 and to port 443.
    ///
    /// What is looked for in `hosts` is the host with the https port: where one will arrive.
    #[must_use]
    pub const fn to_same_host(hosts: AllowedHosts) -> Self {
        Self::to(Target::Same(hosts))
    }

    const fn to(target: Target) -> Self {
        Self {
            target,
            port: HTTPS_PORT,
            status: RedirectStatus::Permanent,
        }
    }

    /// Sets the port that https is served at.
    #[must_use]
    pub const fn port(mut self, port: NonZeroU16) -> Self {
        self.port = port;
        self
    }

    /// Sets the status of the redirect.
    #[must_use]
    pub const fn status(mut self, status: RedirectStatus) -> Self {
        self.status = status;
        self
    }

    pub(super) const fn code(&self) -> StatusCode {
        match self.status {
            RedirectStatus::Permanent => StatusCode::PERMANENT_REDIRECT,
            RedirectStatus::MovedPermanently => StatusCode::MOVED_PERMANENTLY,
        }
    }

    /// The `Location` for a request that asked for `asked`.
    pub(super) fn location(
        &self,
        asked: HostPort<'_>,
        target: &PathAndQuery,
    ) -> Result<HeaderValue, HttpsRequired> {
        let mut text = String::with_capacity(
            "https://:65535".len() + asked.host().len() + target.as_str().len(),
        );
        text.push_str("https://");
        let start = text.len();
        text.push_str(match &self.target {
            Target::Canonical(CanonicalHost(host)) => host,
            Target::Same(_) => asked.host(),
        });
        if self.port != HTTPS_PORT {
            // Writing to a `String` cannot fail.
            let _infallible = write!(text, ":{}", self.port);
        }
        if let Target::Same(hosts) = &self.target {
            let arrival = HostPort::parse(&text.as_bytes()[start..]);
            if !arrival.is_some_and(|arrival| hosts.allows(arrival, Scheme::Https)) {
                return Err(HttpsRequired::UnknownHost);
            }
        }
        if !target.as_str().starts_with('/') {
            // `http://shop.example?id=7`: an empty path and `/` are the same (RFC 9110, 4.2.3).
            text.push('/');
        }
        push_encoded(&mut text, target.as_str());
        // A checked host and visible ASCII: nothing is left that a header value refuses.
        HeaderValue::try_from(text).map_err(|_| HttpsRequired::Insecure)
    }
}

/// Appends path and query with everything that a URI cannot have as percent bytes.
///
/// `http::Uri` lets more through than RFC 3986 has characters for. Of that rest, `[` and `]` stay: browsers send them
/// in queries, and a target that is changed without need is another resource to a cache or a signature.
fn push_encoded(text: &mut String, target: &str) {
    for byte in target.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _infallible = write!(text, "%{byte:02X}");
        }
    }
}

/// The status of a [`Redirect`]. Both are permanent, and cached by browsers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectStatus {
    /// 308, which keeps method and content (RFC 9110, 15.4.9). The default.
    #[default]
    Permanent,
    /// 301, for clients that do not know 308. They may turn a `POST` into a `GET`.
    MovedPermanently,
}

/// The one host that a service is known by: a name or an address, without a port.
///
/// ```
/// use portcullis_security_layers::https::CanonicalHost;
///
/// assert!("shop.example".parse::<CanonicalHost>().is_ok());
/// assert!("[2001:db8::1]".parse::<CanonicalHost>().is_ok());
///
/// let error = "https://shop.example/".parse::<CanonicalHost>().unwrap_err();
/// assert_eq!(error.to_string(), "'https://shop.example/' is not a host without a port, such as shop.example");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalHost(Box<str>);

impl FromStr for CanonicalHost {
    type Err = InvalidCanonicalHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alone = HostPort::parse(text.as_bytes()).is_some_and(|parsed| parsed.host() == text);
        // A list takes only names that can exist in the DNS: not `shop..example`.
        if !alone || AllowedHosts::new([text]).is_err() {
            return Err(InvalidCanonicalHost(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

/// A text that is not a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCanonicalHost(String);

impl fmt::Display for InvalidCanonicalHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            f,
            "'{text}' is not a host without a port, such as shop.example"
        )
    }
}

impl Error for InvalidCanonicalHost {}
