//! Where buckets are kept: keyed hashes of who asks for what.

use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::strength::{StrengthPolicy, Weakness};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization as _;

use super::{GateError, Key, Scope};

/// Of a longer identifier only the start counts. No address of mail is longer (RFC 5321 4.5.3.1).
const MAX_CHARS: usize = 320;

/// What identifiers have in common that should share a counter.
///
/// Cut before as well: the normal form of a body full of accents takes a buffer and a sort of the same size.
pub(super) fn folded(identifier: &str) -> String {
    identifier
        .trim()
        .chars()
        .take(MAX_CHARS)
        .nfkc()
        .flat_map(char::to_lowercase)
        .take(MAX_CHARS)
        .collect()
}

/// HMAC-SHA-256 with a key of the service's.
#[derive(Clone)]
pub(super) struct MacKey(Hmac<Sha256>);

impl MacKey {
    pub(super) fn new(key: &SecretBytes) -> Result<Self, GateError> {
        key.expose(|bytes| {
            match StrengthPolicy::signing().check(bytes) {
                Ok(_) => {}
                Err(Weakness::TooShort) => return Err(GateError("a key has 32 bytes at least")),
                Err(_) => return Err(GateError("a key is generated and not thought up")),
            }
            let mac = Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length");
            Ok(Self(mac))
        })
    }

    /// The state after `purpose` and `parts`, each with its length: no two lists of parts look the same.
    pub(super) fn over(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    /// Where the bucket of a scope for `whom` is kept.
    pub(super) fn bucket(&self, scope: Scope, whom: &[&[u8]]) -> Key {
        let mut parts = vec![scope.as_str().as_bytes()];
        parts.extend(whom);
        let mac = self.over("auth-core/throttle/v1", &parts);
        start(&mac.finalize().into_bytes())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey([REDACTED])")
    }
}

/// The first bytes of a hash.
fn start<const N: usize>(hash: &[u8]) -> [u8; N] {
    let mut start = [0; N];
    for (to, from) in start.iter_mut().zip(hash) {
        *to = *from;
    }
    start
}

/// The start of the hash of an identifier, as the spray of an address remembers it.
pub(super) fn member(identifier: &Key) -> u64 {
    u64::from_be_bytes(start(identifier))
}

/// The address as far as one client is known by it: IPv4 whole, IPv6 by its /64.
pub(super) fn subnet(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
    }
}

/// The /48 of an IPv6 address.
pub(super) fn network(ip: IpAddr) -> Option<Vec<u8>> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(ip.octets()[..6].to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_identifier_the_start_counts() {
        let long = "a".repeat(MAX_CHARS);
        assert_eq!(folded(&long), long);
        assert_eq!(folded(&format!(" {long}b")), long);
        assert_ne!(folded(&long[1..]), long);
        // One character of which NFKC makes eighteen, and a million of which it would sort.
        assert_eq!(
            folded(&"\u{fdfa}".repeat(MAX_CHARS)).chars().count(),
            MAX_CHARS
        );
        let accents = format!("a{}", "\u{301}".repeat(1_000_000));
        assert!(folded(&accents).chars().count() <= MAX_CHARS);
    }
}
