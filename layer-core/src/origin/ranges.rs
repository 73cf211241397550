use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A set of IP addresses, given as ranges.
///
/// Overlapping ranges are merged and a look-up is a binary search, so a list of many thousand ranges is fine. An
/// IPv4-mapped IPv6 address or range means the IPv4 one.
///
/// ```
/// use portcullis_layer_core::origin::IpRanges;
///
/// let office: IpRanges = "192.0.2.0/24, 198.51.100.7, 2001:db8::/32".parse()?;
/// assert!(office.contains("192.0.2.200".parse().unwrap()));
/// assert!(office.contains("::ffff:198.51.100.7".parse().unwrap()));
/// assert!(!office.contains("198.51.100.8".parse().unwrap()));
///
/// let error = "192.0.2.1/24".parse::<IpRanges>().unwrap_err();
/// assert_eq!(error.to_string(), "`192.0.2.1/24` has bits set behind its prefix: 192.0.2.0/24 is the range, 192.0.2.1/32 the address");
/// # Ok::<_, portcullis_layer_core::origin::InvalidRange>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpRanges {
    // Both sorted and free of overlaps, which is what lets `contains` look at one range only.
    v4: Box<[Ipv4Net]>,
    v6: Box<[Ipv6Net]>,
}

impl IpRanges {
    /// Whether `ip` is in one of the ranges.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let above = self.v4.partition_point(|net| net.addr() <= ip);
                above > 0 && self.v4[above - 1].contains(&ip)
            }
            IpAddr::V6(ip) => {
                let above = self.v6.partition_point(|net| net.addr() <= ip);
                above > 0 && self.v6[above - 1].contains(&ip)
            }
        }
    }

    /// Whether no address at all is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The ranges after merging: IPv4 first, each in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> {
        let v4 = self.v4.iter().copied().map(IpNet::V4);
        v4.chain(self.v6.iter().copied().map(IpNet::V6))
    }
}

/// Bits behind a prefix are ignored here: a typed range has been looked at by whoever made it.
impl<T: Into<IpNet>> FromIterator<T> for IpRanges {
    fn from_iter<I: IntoIterator<Item = T>>(ranges: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match canonical(range.into()).trunc() {
                IpNet::V4(range) => v4.push(range),
                IpNet::V6(range) => v6.push(range),
            }
        }
        // `aggregate` merges neighbours as well and leaves the result sorted by address.
        Self {
            v4: Ipv4Net::aggregate(&v4).into(),
            v6: Ipv6Net::aggregate(&v6).into(),
        }
    }
}

impl FromStr for IpRanges {
    type Err = InvalidRange;

    /// Reads addresses and ranges separated by commas or white space. An empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        words(text).map(parse_range).collect()
    }
}

impl fmt::Display for IpRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

/// The words of a list that is separated by commas, white space, or both.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
}

/// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address.
pub(super) fn parse_range(text: &str) -> Result<IpNet, InvalidRange> {
    let invalid = |problem| InvalidRange {
        text: text.to_owned(),
        problem,
    };
    let range = match text.parse::<IpNet>() {
        Ok(range) => range,
        Err(_) => match text.parse::<IpAddr>() {
            Ok(ip) => IpNet::from(ip),
            Err(_) => return Err(invalid(Problem::Syntax)),
        },
    };
    if range != range.trunc() {
        return Err(invalid(Problem::HostBits(range)));
    }
    Ok(canonical(range))
}

/// Turns a range within `::ffff:0:0/96` into the IPv4 range that it maps.
fn canonical(range: IpNet) -> IpNet {
    match (range.addr().to_canonical(), range.prefix_len()) {
        (ip @ IpAddr::V4(_), bits @ 96..) => IpNet::new(ip, bits - 96).unwrap_or(range),
        _ => range,
    }
}

/// Why a text is not a list of IP ranges. Names the word that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRange {
    text: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Syntax,
    HostBits(IpNet),
}

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match self.problem {
            Problem::Syntax => write!(
                f,
                "`{text}` is neither an ip address nor a range such as 192.0.2.0/24"
            ),
            Problem::HostBits(range) => write!(
                f,
                "`{text}` has bits set behind its prefix: {} is the range, {} the address",
                range.trunc(),
                IpNet::from(range.addr()),
            ),
        }
    }
}

impl Error for InvalidRange {}
