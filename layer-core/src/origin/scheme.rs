use std::fmt;

/// How a request travelled: in the clear or over TLS.
// Exhaustive on purpose: nothing else is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear. The default: a connection is not called safe unless something says so.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URI, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URI of this scheme means when it names none (RFC 9110, section 4.2).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Reads what a proxy reported; `None` for anything else than the four schemes of the web.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        // Some proxies report the WebSocket schemes for an upgrade request.
        const NAMES: [(&[u8], Scheme); 4] = [
            (b"https", Scheme::Https),
            (b"http", Scheme::Http),
            (b"wss", Scheme::Https),
            (b"ws", Scheme::Http),
        ];
        NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, scheme)| *scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Scheme> for http::uri::Scheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Http => Self::HTTP,
            Scheme::Https => Self::HTTPS,
        }
    }
}

/// Extension: the scheme of the connection that a request came by.
///
/// Put in by whoever accepts connections, for a process that listens both in the clear and with TLS. A process whose
/// listeners are all alike sets [`OriginPolicy::default_scheme`](super::OriginPolicy::default_scheme) instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionScheme(pub Scheme);
