use std::net::Ipv6Addr;
use std::str;

/// A host with an optional port, as in a `Host` header, checked and borrowed.
///
/// Stricter than [`http::uri::Authority`], which also lets user names, any text as a port, and every character of a
/// URI through. Here a host is an IPv6 address in brackets or a name of ASCII letters, digits, `-`, `.` and `_` (an
/// IPv4 address is such a name), and a port is a number up to 65535 or empty (RFC 3986, section 3.2.3). So a `Host` in
/// which a proxy joined two values with a comma is not a host.
///
/// ```
/// use portcullis_layer_core::origin::HostPort;
///
/// let host = HostPort::parse(b"[2001:db8::1]:8443").unwrap();
/// assert_eq!((host.host(), host.port()), ("[2001:db8::1]", Some(8443)));
/// assert!(HostPort::parse(b"shop.example,evil.example").is_none());
/// assert!(HostPort::parse(b"user@shop.example").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostPort<'a> {
    text: &'a str,
    host: usize,
    port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Checks `text`; `None` if it is not a host with an optional port.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let host = if let Some(literal) = text.strip_prefix('[') {
            let end = literal.find(']')?;
            literal[..end].parse::<Ipv6Addr>().ok()?;
            end + 2
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let name = &text[..end];
            if name.is_empty() || !name.bytes().all(is_name_byte) {
                return None;
            }
            end
        };
        let port = match text[host..].strip_prefix(':') {
            None if text.len() > host => return None,
            None | Some("") => None,
            Some(digits) => Some(parse_port(digits)?),
        };
        Some(Self { text, host, port })
    }

    /// The host: a name as it was written, or an IPv6 address with its brackets.
    #[must_use]
    pub fn host(&self) -> &'a str {
        &self.text[..self.host]
    }

    /// The port, if one was written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The whole text.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// A decimal port; unlike `u16::from_str`, without a sign.
pub(super) fn parse_port(digits: &str) -> Option<u16> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
