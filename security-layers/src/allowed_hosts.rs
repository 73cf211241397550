//! The hosts that a service answers for: what `Host` and `:authority` are compared with.
//!
//! ```
//! use portcullis_layer_core::origin::{HostPort, Scheme};
//! use portcullis_security_layers::allowed_hosts::AllowedHosts;
//!
//! let hosts: AllowedHosts = "shop.example, *.shop.example, [2001:db8::1]:8443".parse()?;
//! let allows = |host: &str| {
//!     HostPort::parse(host.as_bytes()).is_some_and(|host| hosts.allows(host, Scheme::Https))
//! };
//! assert!(allows("Shop.Example.") && allows("shop.example:8080"));
//! assert!(allows("eu.shop.example") && allows("a.eu.shop.example"));
//! assert!(allows("[2001:DB8:0::1]:8443"));
//!
//! assert!(!allows("myshop.example") && !allows("shop.example.evil.example"));
//! assert!(!allows("[2001:db8::1]"));
//!
//! let error = "https://shop.example".parse::<AllowedHosts>().unwrap_err();
//! assert_eq!(error.to_string(), "`https://shop.example` is not a host such as shop.example, *.shop.example, 192.0.2.1, [2001:db8::1] or shop.example:8443");
//! # Ok::<_, portcullis_security_layers::allowed_hosts::InvalidHosts>(())
//! ```

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use portcullis_layer_core::origin::{HostPort, Scheme};

/// A list of hosts, parsed once. Cheap to clone.
///
/// | entry | matches |
/// |---|---|
/// | `shop.example` | this name, on any port |
/// | `*.shop.example` | every name below it, however deep; not the name itself |
/// | `192.0.2.1`, `[2001:db8::1]`, `2001:db8::1` | this address in any spelling of `Host`, on any port |
/// | `shop.example:8443` (any of the above with a port) | the same on this port only; a host without a port means the scheme's |
///
/// Case and one dot at the end of a name make no difference. Names are ASCII: one with other letters is written in
/// its `xn--` form, as clients send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts(Arc<[Entry]>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    // Names are kept in lower case and without the dot at the end.
    Name(Box<str>),
    /// With its leading dot, so that a suffix of a label does not match.
    Below(Box<str>),
    Ip(IpAddr),
}

impl AllowedHosts {
    /// Reads a list of entries.
    ///
    /// # Errors
    ///
    /// If there is none, or one is not a host. `*` is none: a service that answers for every host needs no list.
    pub fn new<I>(entries: I) -> Result<Self, InvalidHosts>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let text = entry.as_ref();
                Entry::parse(text).ok_or_else(|| InvalidHosts(Some(text.to_owned())))
            })
            .collect::<Result<_, _>>()?;
        if entries.is_empty() {
            return Err(InvalidHosts(None));
        }
        Ok(Self(entries.into()))
    }

    /// Whether the list has `host`, which was asked for by `scheme`.
    #[must_use]
    pub fn allows(&self, host: HostPort<'_>, scheme: Scheme) -> bool {
        let name = without_dot(host.host());
        let ip = parse_ip(name);
        let port = host.port().unwrap_or(scheme.default_port());
        self.0.iter().any(|entry| {
            let same_host = match (&entry.host, ip) {
                (Host::Ip(allowed), Some(ip)) => *allowed == ip,
                (Host::Name(allowed), None) => allowed.eq_ignore_ascii_case(name),
                (Host::Below(suffix), None) => is_below(name, suffix),
                _ => false,
            };
            same_host && entry.port.is_none_or(|allowed| allowed == port)
        })
    }
}

fn is_below(name: &str, suffix: &str) -> bool {
    match name.len().checked_sub(suffix.len()) {
        None | Some(0) => false,
        // A `HostPort` is ASCII, so this cuts between characters.
        Some(label) => name.as_bytes()[label..].eq_ignore_ascii_case(suffix.as_bytes()),
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The address that a host is, if it is one: IPv6 with its brackets.
fn parse_ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(literal) => {
            let ip = literal.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
            Some(IpAddr::V6(ip).to_canonical())
        }
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        // Without brackets there is no room for a port.
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            let host = Host::Ip(IpAddr::V6(ip).to_canonical());
            return Some(Self { host, port: None });
        }
        let (below, text) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let parsed = HostPort::parse(text.as_bytes())?;
        let name = without_dot(parsed.host());
        let host = match (parse_ip(name), below) {
            (Some(ip), false) => Host::Ip(ip),
            (Some(_), true) => return None,
            (None, _) if !is_dns_name(name) => return None,
            (None, false) => Host::Name(name.to_ascii_lowercase().into()),
            (None, true) => Host::Below(format!(".{}", name.to_ascii_lowercase()).into()),
        };
        // `shop.example:` says that a port should stand there.
        if text.ends_with(':') || parsed.port() == Some(0) {
            return None;
        }
        Some(Self {
            host,
            port: parsed.port(),
        })
    }
}

/// RFC 1035, section 2.3.4: at most 253 bytes of labels of 1 to 63.
fn is_dns_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|label| matches!(label.len(), 1..=63))
}

impl FromStr for AllowedHosts {
    type Err = InvalidHosts;

    /// Reads entries separated by commas or white space.
    fn from_str(text: &str) -> Result<Self, InvalidHosts> {
        let entries = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
        Self::new(entries.filter(|entry| !entry.is_empty()))
    }
}

impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Entry { host, port }) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            match host {
                Host::Name(name) => f.write_str(name)?,
                Host::Below(suffix) => write!(f, "*{suffix}")?,
                Host::Ip(IpAddr::V4(ip)) => ip.fmt(f)?,
                Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            }
            if let Some(port) = port {
                write!(f, ":{port}")?;
            }
        }
        Ok(())
    }
}

/// Why a text is not a list of hosts. Names the entry that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHosts(Option<String>);

impl fmt::Display for InvalidHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("no host is named"),
            Some("*") => f.write_str("`*` allows every host; leave the list out instead"),
            Some(entry) => write!(
                f,
                "`{entry}` is not a host such as shop.example, *.shop.example, 192.0.2.1, [2001:db8::1] or shop.example:8443"
            ),
        }
    }
}

impl Error for InvalidHosts {}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> AllowedHosts {
        text.parse().unwrap()
    }

    fn allows(list: &str, host: &str, scheme: Scheme) -> bool {
        let host = HostPort::parse(host.as_bytes()).unwrap_or_else(|| panic!("{host} is a host"));
        hosts(list).allows(host, scheme)
    }

    #[test]
    fn hosts_are_allowed_by_entry() {
        let cases = [
            ("shop.example", "shop.example", true),
            ("shop.example", "SHOP.EXAMPLE", true),
            ("Shop.Example.", "shop.example", true),
            ("shop.example", "shop.example.", true),
            ("shop.example", "shop.example.:8080", true),
            ("shop.example", "shop.example..", false),
            ("shop.example", "shop.example:1", true),
            ("shop.example", "www.shop.example", false),
            ("shop.example", "shop.exampl", false),
            ("shop.example", "shop.examplee", false),
            ("shop.example", "shopxexample", false),
            ("shop.example", ".", false),
            ("localhost", "localhost:8080", true),
            ("*.shop.example", "www.shop.example", true),
            ("*.shop.example", "a.b.SHOP.example.", true),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", ".shop.example", false),
            ("*.shop.example", "myshop.example", false),
            ("*.shop.example", "www.shop.example.evil.example", false),
            ("192.0.2.1", "192.0.2.1:80", true),
            ("192.0.2.1", "192.0.2.1.", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "3221225985", false),
            ("192.0.2.1", "[::ffff:192.0.2.1]", true),
            ("2001:db8::1", "[2001:0db8:0:0::1]:443", true),
            ("[2001:DB8::1]", "[2001:db8::1]", true),
            ("[2001:db8::1]", "[2001:db8::2]", false),
            ("a.example, *.b.example c.example", "x.b.example", true),
            ("a.example, *.b.example c.example", "c.example", true),
            ("a.example, *.b.example c.example", "b.example", false),
        ];
        for (list, host, expected) in cases {
            for scheme in [Scheme::Http, Scheme::Https] {
                assert_eq!(allows(list, host, scheme), expected, "{host} in {list}");
            }
        }
    }

    #[test]
    fn a_port_in_an_entry_is_the_only_one() {
        let cases = [
            ("shop.example:8443", "shop.example:8443", Scheme::Http, true),
            ("shop.example:8443", "shop.example", Scheme::Https, false),
            ("shop.example:443", "shop.example", Scheme::Https, true),
            ("shop.example:443", "shop.example:", Scheme::Https, true),
            ("shop.example:443", "shop.example:443", Scheme::Http, true),
            ("shop.example:443", "shop.example", Scheme::Http, false),
            ("shop.example:80", "shop.example", Scheme::Http, true),
            ("*.shop.example:81", "a.shop.example:81", Scheme::Http, true),
            ("*.shop.example:81", "a.shop.example", Scheme::Http, false),
            ("[2001:db8::1]:81", "[2001:db8::1]:81", Scheme::Http, true),
            ("[2001:db8::1]:81", "[2001:db8::1]", Scheme::Http, false),
        ];
        for (list, host, scheme, expected) in cases {
            assert_eq!(
                allows(list, host, scheme),
                expected,
                "{scheme}: {host} in {list}"
            );
        }
    }

    #[test]
    fn lists_that_name_no_host_are_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = "a.".repeat(127) + "example";
        let wrong = [
            "https://shop.example",
            "shop.example/",
            "shop.example:http",
            "shop.example:65536",
            "shop.example:0",
            "shop.example:",
            "user@shop.example",
            ".shop.example",
            "shop..example",
            "*",
            "*.",
            "*.*.example",
            "www.*.example",
            "*shop.example",
            "*.192.0.2.1",
            "*.[2001:db8::1]",
            "[2001:db8::1",
            "[192.0.2.1]",
            "bücher.example",
            &long_label,
            &long_name,
        ];
        for text in wrong {
            let list = format!("shop.example, {text}");
            let error = list.parse::<AllowedHosts>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` ")));
        }
        let error = " , ".parse::<AllowedHosts>().unwrap_err();
        assert_eq!(error.to_string(), "no host is named");
        let error = AllowedHosts::new(["*"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`*` allows every host; leave the list out instead"
        );
    }

    #[test]
    fn a_list_is_shown_in_the_form_that_it_is_read_in() {
        let list = hosts("Shop.Example. *.A.example:81,::1, [::ffff:192.0.2.1]:8443");
        let shown = "shop.example, *.a.example:81, [::1], 192.0.2.1:8443";
        assert_eq!(list.to_string(), shown);
        assert_eq!(hosts(shown), list);
    }
}
