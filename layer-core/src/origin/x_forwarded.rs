//! The `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` headers: lists that every proxy appends to.
//!
//! ```
//! use portcullis_layer_core::origin::x_forwarded::{entries_rev, parse_address};
//!
//! let mut entries = entries_rev(b"unknown, 2001:db8::1, 192.0.2.60:4711").map(parse_address);
//! assert_eq!(entries.next(), Some("192.0.2.60".parse().ok()));
//! assert_eq!(entries.next(), Some("2001:db8::1".parse().ok()));
//! assert_eq!(entries.next(), Some(None));
//! assert_eq!(entries.next(), None);
//! ```
//!
//! No standard defines them; what is understood here is what proxies send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str;

use super::authority::parse_port;

/// The entries of one header line, the last one first, without white space around them and without empty ones.
pub fn entries_rev(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.rsplit(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty())
}

/// Reads an address: IPv4 with or without a port, IPv6 bare, or IPv6 in brackets with or without a port.
///
/// IPv4-mapped IPv6 is turned into IPv4. Everything else (`unknown`, names, zone indices, a port that is none) is `None`.
/// A bare IPv6 address with a port behind it cannot be told from a longer address and is read as one.
#[must_use]
pub fn parse_address(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?;
    if let Some(literal) = text.strip_prefix('[') {
        let (literal, port) = literal.split_once(']')?;
        if !port.is_empty() {
            parse_port(port.strip_prefix(':')?)?;
        }
        return Some(IpAddr::V6(literal.parse().ok()?).to_canonical());
    }
    if let Some((ip, port)) = text.split_once(':')
        && let Ok(ip) = ip.parse::<Ipv4Addr>()
    {
        return parse_port(port).map(|_| ip.into());
    }
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => Some(IpAddr::V6(ip).to_canonical()),
        Err(_) => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}
