use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use portcullis_secrets::SecretBytes;
use portcullis_secrets::rotate::KeyRing;
use portcullis_secrets::strength::{StrengthPolicy, Weakness};

use super::InvalidSetting;
use crate::time::Timestamp;

/// The most bytes that argon2 has room for.
const MAX_ID: usize = 8;

/// Which pepper a hash was made with: the parameter `keyid` of the hash. It is no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PepperId(Box<[u8]>);

impl PepperId {
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (1..=MAX_ID)
            .contains(&bytes.len())
            .then(|| Self(bytes.into()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for PepperId {
    type Err = InvalidSetting;

    /// Takes 1 to 8 letters, digits, `-` and `_`.
    fn from_str(id: &str) -> Result<Self, InvalidSetting> {
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        Self::from_bytes(id.as_bytes())
            .filter(|id| id.0.iter().copied().all(usual))
            .ok_or(InvalidSetting(
                "the id of a pepper is 1 to 8 letters, digits, - and _",
            ))
    }
}

/// What is not printable is escaped: ids of stored hashes are whatever somebody stored.
impl fmt::Display for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for PepperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PepperId({self})")
    }
}

/// The peppers of a service: keys that go into every hash and that are kept apart from the hashes, so that a stolen table
/// alone cannot be attacked.
///
/// ```
/// use portcullis_auth_core::password::Peppers;
/// use portcullis_secrets::SecretBytes;
///
/// let (old, new) = (SecretBytes::generate(32)?, SecretBytes::generate(32)?);
/// // First to all instances, as one that is known only; then as the one that is used.
/// let peppers = Peppers::new("2026b".parse()?, new)?.and("2025a".parse()?, old)?;
/// assert_eq!(peppers.current().map(ToString::to_string).as_deref(), Some("2026b"));
/// assert!("too long a name".parse::<portcullis_auth_core::password::PepperId>().is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// New hashes are made with the current one. A hash that was made with another one that is known verifies, and is made anew
/// with the current one when its owner signs in. A hash whose pepper is not known verifies for nobody: keep each for as long
/// as there are hashes that name it ([`PasswordHash::info`](super::PasswordHash::info) tells), and back them up as carefully
/// as the table.
#[derive(Clone, Default)]
pub struct Peppers {
    current: Option<PepperId>,
    known: Vec<(PepperId, Arc<SecretBytes>)>,
}

impl Peppers {
    /// No peppers: hashes are made and verified without one. This is the default.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One pepper, which new hashes are made with.
    ///
    /// # Errors
    ///
    /// When the secret has less than 32 bytes, or could be guessed.
    pub fn new(id: PepperId, secret: impl Into<Arc<SecretBytes>>) -> Result<Self, InvalidSetting> {
        let current = Some(id.clone());
        let peppers = Self::none().and(id, secret)?;
        Ok(Self { current, ..peppers })
    }

    /// Adds one that hashes may have been made with: one of earlier, or one that other instances begin to use.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and when the id is there already.
    pub fn and(
        mut self,
        id: PepperId,
        secret: impl Into<Arc<SecretBytes>>,
    ) -> Result<Self, InvalidSetting> {
        let secret = secret.into();
        match secret.expose(|secret| StrengthPolicy::signing().check(secret)) {
            Ok(_) => {}
            Err(Weakness::TooShort) => {
                return Err(InvalidSetting("a pepper has 32 bytes at least"));
            }
            Err(_) => return Err(InvalidSetting("a pepper is generated and not thought up")),
        }
        if self.find(&id).is_some() {
            return Err(InvalidSetting("there are two peppers of the same id"));
        }
        self.known.push((id, secret));
        Ok(self)
    }

    /// The peppers of a ring: the active one is current, those to come and those that retire are known.
    ///
    /// The ring's policy must keep keys for as long as an account may go unused, which is years: what is removed or revoked
    /// can verify nothing.
    ///
    /// # Errors
    ///
    /// When no key of the ring is active, or when one cannot be a pepper: for its id, or for what [`new`](Self::new)
    /// refuses.
    pub fn from_ring(ring: &KeyRing<SecretBytes>, now: Timestamp) -> Result<Self, InvalidSetting> {
        let now = now.into();
        let active = ring
            .signing(now)
            .ok_or(InvalidSetting("the ring has no active pepper"))?;
        let current = active.id().parse()?;
        let peppers = ring.verifying(now).try_fold(Self::none(), |peppers, key| {
            peppers.and(key.id().parse()?, key.material().clone())
        })?;
        Ok(Self {
            current: Some(current),
            ..peppers
        })
    }

    /// The one that new hashes are made with.
    #[must_use]
    pub fn current(&self) -> Option<&PepperId> {
        self.current.as_ref()
    }

    pub(super) fn find(&self, id: &PepperId) -> Option<&SecretBytes> {
        let (_, secret) = self.known.iter().find(|(known, _)| known == id)?;
        Some(secret)
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.known.iter().map(|(id, _)| id);
        f.debug_struct("Peppers")
            .field("current", &self.current)
            .field("known", &ids.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_secrets::rotate::RingPolicy;

    use super::*;

    #[test]
    fn a_ring_gives_its_active_key_and_those_that_verify() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let start = Timestamp::MIN.plus(20_000 * DAY);
        let policy = RingPolicy::settings(1000 * DAY, Duration::ZERO)
            .build()
            .unwrap();
        let mut ring = KeyRing::new("pepper", policy);
        assert!(Peppers::from_ring(&ring, start).is_err());

        let secret = || SecretBytes::generate(32).unwrap();
        ring.publish("a", secret(), start.into()).unwrap();
        let later = start.plus(29 * DAY);
        ring.publish("b", secret(), later.into()).unwrap();
        let ids = |at| {
            let peppers = Peppers::from_ring(&ring, at).unwrap();
            let known = ["a", "b"].map(|id| peppers.find(&id.parse().unwrap()).is_some());
            (peppers.current().unwrap().to_string(), known)
        };
        assert_eq!(ids(later), ("a".into(), [true, true]));
        assert_eq!(ids(later.plus(2 * DAY)), ("b".into(), [true, true]));

        ring.revoke("a", later.into()).unwrap();
        let peppers = Peppers::from_ring(&ring, later.plus(2 * DAY)).unwrap();
        assert!(peppers.find(&"a".parse().unwrap()).is_none());
    }

    #[test]
    fn what_cannot_be_a_pepper_is_refused() {
        let secret = |len| SecretBytes::generate(len).unwrap();
        let id = |id: &str| id.parse::<PepperId>().unwrap();
        let refused = |secret| Peppers::new(id("a"), secret).unwrap_err().to_string();
        assert_eq!(refused(secret(31)), "a pepper has 32 bytes at least");
        for weak in [&[7; 32][..], b"changemechangemechangemechangeme"] {
            let text = "a pepper is generated and not thought up";
            assert_eq!(refused(SecretBytes::from(weak)), text);
        }
        let one = Peppers::new(id("a"), secret(32)).unwrap();
        assert!(one.clone().and(id("a"), secret(32)).is_err());
        assert!(one.and(id("b"), secret(32)).is_ok());
        for bad in ["", "123456789", "a b", "ä", "a\n"] {
            assert!(bad.parse::<PepperId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_ids_only() {
        let secret = SecretBytes::generate(32).unwrap();
        let peppers = Peppers::new("a".parse().unwrap(), secret).unwrap();
        assert_eq!(
            format!("{peppers:?}"),
            "Peppers { current: Some(PepperId(a)), known: [PepperId(a)], .. }"
        );
    }
}
