use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::RequestHead;
use super::ranges::{InvalidRange, IpRanges, parse_range, words};

/// Which senders are proxies whose reports about a request are believed.
///
/// Cheap to clone. As text (a setting, a flag) it is `none`, `hops=2`, or a list of addresses and ranges in which the
/// words `loopback` and `private` stand for the presets:
///
/// ```
/// use portcullis_layer_core::origin::TrustedProxies;
///
/// let trust: TrustedProxies = "loopback, 203.0.113.0/24".parse()?;
/// assert_ne!(trust, TrustedProxies::none());
///
/// let error = "0.0.0.0/0".parse::<TrustedProxies>().unwrap_err();
/// assert_eq!(error.to_string(), "0.0.0.0/0 would let every sender choose its own address; name the proxies or give their number");
/// # Ok::<_, portcullis_layer_core::origin::InvalidTrust>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Trust);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Trust {
    #[default]
    Nobody,
    Ranges(Arc<IpRanges>),
    Hops(NonZeroU8),
}

const LOOPBACK: &[IpNet] = &[
    v4(127, 0, 8),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

const PRIVATE: &[IpNet] = &[
    v4(10, 0, 8),
    v4(172, 16, 12),
    v4(192, 168, 16),
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
    )),
];

const fn v4(a: u8, b: u8, bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), bits))
}

impl TrustedProxies {
    /// Believes nobody: the peer is the client and no header is read. The default.
    #[must_use]
    pub const fn none() -> Self {
        Self(Trust::Nobody)
    }

    /// Believes processes on the same machine: 127.0.0.0/8 and ::1.
    #[must_use]
    pub fn loopback() -> Self {
        Self::preset(LOOPBACK.iter())
    }

    /// Believes the same machine and private networks: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918) and
    /// fc00::/7 (RFC 4193).
    ///
    /// Right only where no client is in such a network: a colleague in the office's 10.0.0.0/8 could choose an address.
    #[must_use]
    pub fn private_networks() -> Self {
        Self::preset(LOOPBACK.iter().chain(PRIVATE))
    }

    /// Believes senders in `ranges`. An empty list is [`none`](Self::none).
    ///
    /// # Errors
    ///
    /// If a range holds every address: then each client could choose its own. Where the proxies' addresses are not
    /// known, their number may be: [`hops`](Self::hops).
    pub fn ranges<I>(ranges: I) -> Result<Self, InvalidTrust>
    where
        I: IntoIterator<Item: Into<IpNet>>,
    {
        let ranges: IpRanges = ranges.into_iter().collect();
        // Asked after merging, so that two halves are found out as well.
        if let Some(range) = ranges.iter().find(|range| range.prefix_len() == 0) {
            return Err(InvalidTrust(Problem::Everyone(range)));
        }
        if ranges.is_empty() {
            return Ok(Self::none());
        }
        Ok(Self(Trust::Ranges(Arc::new(ranges))))
    }

    /// Believes the last `count` senders, whatever their addresses, also a peer without one (a Unix socket).
    ///
    /// Right only if nobody can reach the service except through all of these proxies; who can go around one of them
    /// chooses their own address.
    #[must_use]
    pub const fn hops(count: NonZeroU8) -> Self {
        Self(Trust::Hops(count))
    }

    fn preset<'a>(ranges: impl Iterator<Item = &'a IpNet>) -> Self {
        Self(Trust::Ranges(Arc::new(ranges.copied().collect())))
    }

    /// Whether the peer that sent `request` is believed: for headers other than those about the origin. A peer without a
    /// known address is believed only where proxies are counted.
    #[must_use]
    pub fn believes_peer_of<'a>(&self, request: impl Into<RequestHead<'a>>) -> bool {
        self.believes(0, request.into().peer())
    }

    /// Whether the sender `hop` steps before the service (the peer is 0), at the address `ip`, is believed.
    pub(super) fn believes(&self, hop: usize, ip: Option<IpAddr>) -> bool {
        match &self.0 {
            Trust::Nobody => false,
            Trust::Ranges(ranges) => ip.is_some_and(|ip| ranges.contains(ip)),
            Trust::Hops(count) => hop < usize::from(count.get()),
        }
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidTrust;

    fn from_str(text: &str) -> Result<Self, InvalidTrust> {
        let text = text.trim();
        if text == "none" {
            return Ok(Self::none());
        }
        if let Some(count) = text.strip_prefix("hops=") {
            let invalid = |_| InvalidTrust(Problem::Hops(count.to_owned()));
            return count.parse().map(Self::hops).map_err(invalid);
        }
        let mut ranges = Vec::new();
        for word in words(text) {
            match word {
                "loopback" => ranges.extend(LOOPBACK),
                "private" => ranges.extend(LOOPBACK.iter().chain(PRIVATE)),
                range => match parse_range(range) {
                    Ok(range) => ranges.push(range),
                    Err(error) => return Err(InvalidTrust(Problem::Range(error))),
                },
            }
        }
        if ranges.is_empty() {
            return Err(InvalidTrust(Problem::Empty));
        }
        Self::ranges(ranges)
    }
}

impl TryFrom<&str> for TrustedProxies {
    type Error = InvalidTrust;

    fn try_from(text: &str) -> Result<Self, InvalidTrust> {
        text.parse()
    }
}

/// Why a setting does not say whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTrust(Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Empty,
    Everyone(IpNet),
    Hops(String),
    Range(InvalidRange),
}

impl fmt::Display for InvalidTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::Empty => f.write_str("no proxy is named; write `none` to trust nobody"),
            Problem::Everyone(range) => write!(
                f,
                "{range} would let every sender choose its own address; name the proxies or give their number"
            ),
            Problem::Hops(count) => {
                write!(f, "`{count}` is not a number of proxies, which is 1 to 255")
            }
            Problem::Range(range) => range.fmt(f),
        }
    }
}

impl Error for InvalidTrust {}
