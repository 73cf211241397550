use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_secrets::rotate::{
    Due, KeyRing, KeyState, KeyTimes, RingError, RingPolicy, Transition,
};

use super::algorithm::{Algorithm, Algorithms};
use super::document::JwksDocument;
use super::key::{SigningKey, VerifyingKey};
use super::source::{KeySource, Lookup};
use crate::time::Timestamp;

/// The keys that sign our tokens, one after the other: a [`KeyRing`] that is changed while it is read.
///
/// The active key signs. It verifies, and so do those to come, since another instance's clock may run ahead, and those that
/// retire, until the last that they have signed has expired. All of these are published.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis_auth_core::jwt::{Algorithm, Algorithms, SigningKey, SigningRing};
/// use portcullis_auth_core::time::{Clock, SystemClock};
/// use portcullis_secrets::rotate::RingPolicy;
///
/// let policy = RingPolicy::settings(Duration::from_secs(600), Duration::from_secs(30)).build()?;
/// let ring = SigningRing::new("access_token", policy, Algorithms::own());
/// let now = SystemClock.now();
/// while ring.due(now).is_some() {
///     ring.publish(SigningKey::generate(Algorithm::EdDsa)?, now)?;
/// }
/// let jwks = ring.jwks(now);
/// assert!(jwks.json().contains(ring.signing(now).unwrap().id()));
///
/// // Keys of other algorithms, and keys that nobody asked for, are refused.
/// assert!(ring.publish(SigningKey::generate(Algorithm::Rs256)?, now).is_err());
/// assert!(ring.publish(SigningKey::generate(Algorithm::EdDsa)?, now).is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// A clone is the same ring. Reading never waits.
#[derive(Clone)]
pub struct SigningRing(Arc<Shared>);

struct Shared {
    keys: ArcSwap<KeyRing<SigningKey>>,
    writing: Mutex<()>,
    revoked: AtomicU64,
    policy: RingPolicy,
    algorithms: Algorithms,
}

impl SigningRing {
    /// An empty ring. `purpose` is how events call it; `algorithms` are those that its keys may be for.
    #[must_use]
    pub fn new(purpose: &str, policy: RingPolicy, algorithms: Algorithms) -> Self {
        Self(Arc::new(Shared {
            keys: ArcSwap::from_pointee(KeyRing::new(purpose, policy)),
            writing: Mutex::default(),
            revoked: AtomicU64::new(0),
            policy,
            algorithms,
        }))
    }

    /// Adds a key as it was stored, by this instance or by another: see [`KeyRing::insert`].
    ///
    /// # Errors
    ///
    /// When the key is for another algorithm, when the ring has it already or one that begins to sign at the same time, and
    /// when it would sign before it was published.
    pub fn insert(
        &self,
        key: SigningKey,
        times: KeyTimes,
        now: Timestamp,
    ) -> Result<(), SigningRingError> {
        let id = self.admit(&key)?;
        self.change(|ring| ring.insert(&id, times, key, now.into()))
    }

    /// Adds the key that is [due](Self::due), and returns the times to store with it: see [`KeyRing::publish`].
    ///
    /// # Errors
    ///
    /// When the key is for another algorithm, when the ring has it already, and when none is due.
    pub fn publish(&self, key: SigningKey, now: Timestamp) -> Result<KeyTimes, SigningRingError> {
        let id = self.admit(&key)?;
        self.change(|ring| ring.publish(&id, key, now.into()))
    }

    /// Takes a key out at once: nothing that it has signed is accepted any more. See [`KeyRing::revoke`].
    ///
    /// # Errors
    ///
    /// When the ring has no such key.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<(), SigningRingError> {
        self.change(|ring| ring.revoke(id, now.into()))?;
        // After the key is gone, so that nobody remembers on its word what was asked in between.
        self.0.revoked.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Tells what has changed since the last time, and drops keys that nobody needs any more: to be called every few
    /// minutes. See [`KeyRing::advance`].
    pub fn advance(&self, now: Timestamp) -> Vec<Transition> {
        // It does not fail.
        self.change(|ring| Ok(ring.advance(now.into())))
            .unwrap_or_default()
    }

    /// The key that should be made and published now, if one should: see [`KeyRing::due`].
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<Due> {
        self.0.keys.load().due(now.into())
    }

    /// The state of a key; none if the ring does not have it.
    #[must_use]
    pub fn state(&self, id: &str, now: Timestamp) -> Option<KeyState> {
        self.0.keys.load().state(id, now.into())
    }

    /// The key that signs. None if there is none yet, or if it was revoked.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> Option<Arc<SigningKey>> {
        let ring = self.0.keys.load();
        Some(ring.signing(now.into())?.material().clone())
    }

    /// The keys that verify: the active one first.
    #[must_use]
    pub fn verifying(&self, now: Timestamp) -> Vec<VerifyingKey> {
        let ring = self.0.keys.load();
        ring.verifying(now.into())
            .map(|key| key.material().verifying_key().clone())
            .collect()
    }

    /// The keys that verify, for others.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> JwksDocument {
        JwksDocument::new(&self.verifying(now))
    }

    /// The algorithms that its keys may be for.
    #[must_use]
    pub fn algorithms(&self) -> &Algorithms {
        &self.0.algorithms
    }

    /// For how long a key verifies after it has been superseded.
    pub(super) fn retires_after(&self) -> Duration {
        self.0.policy.retire()
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn admit(&self, key: &SigningKey) -> Result<String, SigningRingError> {
        if self.0.algorithms.contains(&key.algorithm()) {
            Ok(key.id().to_owned())
        } else {
            Err(SigningRingError::Algorithm(key.algorithm()))
        }
    }

    /// Changes a copy, which takes the place of the ring if all went well. Those who read go on with the old one.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut KeyRing<SigningKey>) -> Result<T, RingError>,
    ) -> Result<T, SigningRingError> {
        // Nothing is left half-done in what it guards.
        let _writing = self
            .0
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut ring = KeyRing::clone(&self.0.keys.load());
        let done = change(&mut ring).map_err(SigningRingError::Ring)?;
        self.0.keys.store(Arc::new(ring));
        Ok(done)
    }
}

impl KeySource for SigningRing {
    fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Lookup {
        let ring = self.0.keys.load();
        let found = match id {
            Some(id) => ring.find(id, now.into()),
            None => {
                let mut all = ring.verifying(now.into());
                all.next().filter(|_| all.next().is_none())
            }
        };
        match found.map(|key| key.material().verifying_key()) {
            Some(key) if key.algorithm() == algorithm => Lookup::Found(key.clone()),
            _ => Lookup::Unknown,
        }
    }

    fn version(&self) -> u64 {
        self.0.revoked.load(Ordering::Acquire)
    }
}

impl fmt::Debug for SigningRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningRing")
            .field(&self.0.keys.load())
            .finish()
    }
}

/// Why a ring did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningRingError {
    /// The key is for an algorithm that is none of the ring's.
    Algorithm(Algorithm),
    /// The ring says no.
    Ring(RingError),
}

impl fmt::Display for SigningRingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(algorithm) => write!(f, "the ring has no keys for {algorithm}"),
            Self::Ring(error) => error.fmt(f),
        }
    }
}

impl Error for SigningRingError {}
