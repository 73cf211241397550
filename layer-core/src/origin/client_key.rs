use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What one client counts as in a limit: an IPv4 address, or the network that an IPv6 address is in.
///
/// A single customer is given a whole /64 of IPv6 addresses at least and may send from each of them, so a limit by full
/// address would be none, and a table of them would be a way to fill memory. An IPv4-mapped IPv6 address gives the key
/// of the IPv4 address in it.
///
/// ```
/// use portcullis_layer_core::origin::{ClientKey, Ipv6Prefix};
///
/// let key = |ip: &str| ClientKey::new(ip.parse().unwrap());
/// assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:0:0:2"));
/// assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
/// assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
/// assert_ne!(key("192.0.2.2"), key("192.0.2.1"));
///
/// let site = Ipv6Prefix::new(48)?;
/// let key = |ip: &str| ClientKey::with_prefix(ip.parse().unwrap(), site);
/// assert_eq!(key("2001:db8::1"), key("2001:db8:0:1::1"));
/// # Ok::<_, portcullis_layer_core::origin::InvalidPrefix>(())
/// ```
// IPv4 is kept as its mapped IPv6 address: one integer to hash and to compare. It cannot meet a real IPv6 network,
// since an address within ::ffff:0:0/96 has been turned into IPv4 before it is masked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(u128);

impl ClientKey {
    /// The key of `ip`, IPv6 masked to /64.
    #[must_use]
    pub const fn new(ip: IpAddr) -> Self {
        Self::with_prefix(ip, Ipv6Prefix::DEFAULT)
    }

    /// The key of `ip`, IPv6 masked to `prefix`.
    #[must_use]
    pub const fn with_prefix(ip: IpAddr, prefix: Ipv6Prefix) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().to_bits()),
            IpAddr::V6(v6) => Self(v6.to_bits() & (u128::MAX << (128 - prefix.0))),
        }
    }

    /// The IPv4 address, or the first address of the IPv6 network.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from_bits(self.0)).to_canonical()
    }

    /// The key as bytes, for a store that hashes or compares bytes. IPv4 stands in its IPv4-mapped form.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientKey({self})")
    }
}

/// How many leading bits of an IPv6 address tell one client from another: 1 to 128, by default 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv6Prefix(u8);

impl Ipv6Prefix {
    const DEFAULT: Self = Self(64);

    /// Takes a length from 1 (half of all addresses are one client) to 128 (each address is one).
    ///
    /// # Errors
    ///
    /// If `bits` is 0 or above 128.
    pub const fn new(bits: u8) -> Result<Self, InvalidPrefix> {
        match bits {
            1..=128 => Ok(Self(bits)),
            _ => Err(InvalidPrefix(bits)),
        }
    }

    /// The length in bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl Default for Ipv6Prefix {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u8> for Ipv6Prefix {
    type Error = InvalidPrefix;

    fn try_from(bits: u8) -> Result<Self, InvalidPrefix> {
        Self::new(bits)
    }
}

/// Why a number is not an [`Ipv6Prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrefix(u8);

impl fmt::Display for InvalidPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not the length of an ipv6 prefix, which is 1 to 128",
            self.0
        )
    }
}

impl Error for InvalidPrefix {}
