use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Addresses from which a key may be used: `192.0.2.0/24`, `2001:db8::/32`, or one address.
///
/// IPv4 written as IPv6 (`::ffff:192.0.2.7`) is IPv4, here and in what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// A text that is no network, or an address with bits behind its prefix: `192.0.2.7/24` may be meant as either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidNetwork(());

impl Network {
    /// Whether the address is one of these.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let parsed = text.parse::<IpNet>();
        let network = parsed
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| InvalidNetwork(()))?;
        if network != network.trunc() {
            return Err(InvalidNetwork(()));
        }
        let canonical = match (network.addr().to_canonical(), network.prefix_len()) {
            (ip @ IpAddr::V4(_), bits @ 96..) => {
                IpNet::new(ip, bits - 96).map_err(|_| InvalidNetwork(()))?
            }
            _ => network,
        };
        Ok(Self(canonical))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a network is an ip address or a range such as 192.0.2.0/24, without bits behind its prefix")
    }
}

impl Error for InvalidNetwork {}
