use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::{KeyState, KeyTimes, RingPolicy, audit};

/// The keys of one purpose, in the order in which they sign.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use portcullis_secrets::SecretBytes;
/// use portcullis_secrets::rotate::{KeyRing, KeyState, RingPolicy};
///
/// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// let ten_minutes = Duration::from_secs(600);
/// let policy = RingPolicy::settings(ten_minutes, Duration::from_secs(30)).build()?;
/// let mut ring = KeyRing::new("access_token", policy);
/// let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
/// ring.publish("first", SecretBytes::generate(32)?, start)?;
/// assert_eq!(ring.signing(start).unwrap().id(), "first");
/// assert!(ring.publish("too soon", SecretBytes::generate(32)?, start).is_err());
///
/// // A day before the period ends the next key is due. It signs when others have had the time to learn of it.
/// let later = start + 29 * DAY;
/// ring.publish("second", SecretBytes::generate(32)?, later)?;
/// assert_eq!(ring.signing(later).unwrap().id(), "first");
/// assert_eq!(ring.signing(later + DAY).unwrap().id(), "second");
/// assert_eq!(ring.state("first", later + DAY), Some(KeyState::Retiring));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Every decision is a function of the keys' times and of `now`; only [`advance`](Self::advance) and what adds or revokes
/// keys changes anything. A clone shares the keys' material, so a changed ring can be put in the place of one that is
/// being read.
///
/// Tokens of different lifetimes want rings of their own: those of one ring are all kept for as long as the longest needs.
pub struct KeyRing<K> {
    purpose: Arc<str>,
    policy: RingPolicy,
    /// By the time of activation.
    entries: Vec<Entry<K>>,
    /// The last that was published of all keys there ever were, also if it is gone by now.
    newest: Option<(SystemTime, Arc<str>)>,
}

struct Entry<K> {
    id: Arc<str>,
    times: KeyTimes,
    /// None once it is revoked. Its times still count: see [`KeyTimes::supersedes`].
    material: Option<Arc<K>>,
    told: KeyState,
}

/// A key that may be used for something.
pub struct Key<'a, K> {
    id: &'a str,
    times: KeyTimes,
    state: KeyState,
    material: &'a Arc<K>,
}

/// The key that should be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it will begin to sign.
    pub activates: SystemTime,
    /// The id of the key that was published before it; none for the first.
    ///
    /// Where several instances share a store, a unique row of purpose and predecessor lets exactly one of them succeed. A
    /// number counted from the time would not do: after an emergency there are two keys of one period.
    pub after: Option<Box<str>>,
}

/// A key has changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Which key.
    pub id: Box<str>,
    /// The state that it has now.
    pub to: KeyState,
}

impl<K> KeyRing<K> {
    /// An empty ring. `purpose` is how events call it.
    #[must_use]
    pub fn new(purpose: &str, policy: RingPolicy) -> Self {
        Self {
            purpose: purpose.into(),
            policy,
            entries: Vec::new(),
            newest: None,
        }
    }

    /// Adds a key as it was stored, by this instance or by another, without an event. Add revoked keys as well for as long
    /// as those before them are there: a key that was superseded never signs again.
    ///
    /// # Errors
    ///
    /// When the ring has a key of this id, or one that begins to sign at the same time, or when the key would sign before
    /// it was published.
    pub fn insert(
        &mut self,
        id: &str,
        times: KeyTimes,
        material: K,
        now: SystemTime,
    ) -> Result<(), RingError> {
        let index = self.add(id, times, material)?;
        self.entries[index].told = self.state_at(index, now);
        Ok(())
    }

    fn add(&mut self, id: &str, times: KeyTimes, material: K) -> Result<usize, RingError> {
        if times.activates < times.published {
            return Err(RingError::SignsUnpublished);
        }
        for entry in &self.entries {
            if *entry.id == *id {
                return Err(RingError::DuplicateId);
            }
            if entry.times.activates == times.activates && entry.material.is_some() {
                return Err(RingError::DuplicateActivation);
            }
        }
        let id = Arc::<str>::from(id);
        if self
            .newest
            .as_ref()
            .is_none_or(|(published, _)| *published <= times.published)
        {
            self.newest = Some((times.published, id.clone()));
        }
        let index = self
            .entries
            .partition_point(|entry| entry.times.activates <= times.activates);
        let material = times.revoked.is_none().then(|| Arc::new(material));
        let told = KeyState::Pending;
        self.entries.insert(
            index,
            Entry {
                id,
                times,
                material,
                told,
            },
        );
        Ok(index)
    }

    /// The key that should be made and published now, if one should.
    ///
    /// That is when the newest key ends within the lead, and at once when no key signs.
    #[must_use]
    pub fn due(&self, now: SystemTime) -> Option<Due> {
        let after = self.newest.as_ref().map(|(_, id)| Box::from(&**id));
        if self.signing(now).is_none() {
            return Some(Due {
                activates: now,
                after,
            });
        }
        let live = self
            .entries
            .iter()
            .rfind(|entry| entry.material.is_some())?;
        // Too far off to be told means that it never comes.
        let activates = live.times.activates.checked_add(self.policy.period)?;
        let earliest = now.checked_add(self.policy.lead)?;
        // Late, others still need their time.
        (activates <= earliest).then_some(Due {
            activates: earliest,
            after,
        })
    }

    /// Adds the key that is due, and says so in a `key_published` event.
    ///
    /// # Errors
    ///
    /// When no key is due, or the ring has a key of this id.
    pub fn publish(
        &mut self,
        id: &str,
        material: K,
        now: SystemTime,
    ) -> Result<KeyTimes, RingError> {
        let due = self.due(now).ok_or(RingError::NotDue)?;
        let times = KeyTimes {
            published: now,
            activates: due.activates,
            revoked: None,
        };
        self.add(id, times, material)?;
        audit::key(&self.purpose, id, KeyState::Pending);
        self.advance(now);
        Ok(times)
    }

    /// Takes a key out at once, drops its material, and says so in a `key_revoked` event. Keys that it has superseded do
    /// not sign again: if it was the active one, nothing signs until a new key is published, which is due at once.
    ///
    /// # Errors
    ///
    /// When the ring has no such key.
    pub fn revoke(&mut self, id: &str, now: SystemTime) -> Result<(), RingError> {
        let entry = self
            .entries
            .iter_mut()
            .find(|entry| *entry.id == *id)
            .ok_or(RingError::UnknownKey)?;
        if entry.times.revoked.is_none() {
            entry.times.revoked = Some(now);
            entry.material = None;
            entry.told = KeyState::Revoked;
            audit::key(&self.purpose, id, KeyState::Revoked);
        }
        Ok(())
    }

    /// Tells what has changed since the last time, in events as well, and drops the keys that are removed.
    pub fn advance(&mut self, now: SystemTime) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for index in 0..self.entries.len() {
            let state = self.state_at(index, now);
            let entry = &mut self.entries[index];
            // A state that was slept through is told all the same. Clocks that go back tell nothing.
            for to in [KeyState::Active, KeyState::Retiring, KeyState::Removed] {
                if entry.told < to && to <= state && state != KeyState::Revoked {
                    entry.told = to;
                    audit::key(&self.purpose, &entry.id, to);
                    let id = (*entry.id).into();
                    transitions.push(Transition { id, to });
                }
            }
        }
        // From the front only: a revoked key must stay for as long as there are others that it has superseded.
        let gone = |entry: &Entry<K>| matches!(entry.told, KeyState::Removed | KeyState::Revoked);
        let kept = self
            .entries
            .iter()
            .position(|entry| !gone(entry))
            .unwrap_or(self.entries.len());
        self.entries.drain(..kept);
        transitions
    }

    /// The state of the key at `now`; `None` if there is none of this id, or none any more.
    #[must_use]
    pub fn state(&self, id: &str, now: SystemTime) -> Option<KeyState> {
        let index = self.entries.iter().position(|entry| *entry.id == *id)?;
        Some(self.state_at(index, now))
    }

    /// The key to sign with. `None`: there is none yet, or it was revoked; a new one is due at once.
    #[must_use]
    pub fn signing(&self, now: SystemTime) -> Option<Key<'_, K>> {
        self.keys(now).find(|key| key.state == KeyState::Active)
    }

    /// The keys to verify with: the active one, then those that retire, newest first, then those to come. These are also
    /// the keys to publish.
    pub fn verifying(&self, now: SystemTime) -> impl Iterator<Item = Key<'_, K>> {
        let of = move |state| move |key: &Key<'_, K>| key.state == state;
        let retiring = self.keys(now).rev().filter(of(KeyState::Retiring));
        let pending = self.keys(now).filter(of(KeyState::Pending));
        self.signing(now).into_iter().chain(retiring).chain(pending)
    }

    /// The key called `id`, if it may verify.
    #[must_use]
    pub fn find(&self, id: &str, now: SystemTime) -> Option<Key<'_, K>> {
        self.keys(now)
            .find(|key| key.id == id && key.state.verifies())
    }

    fn keys(&self, now: SystemTime) -> impl DoubleEndedIterator<Item = Key<'_, K>> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(move |(index, entry)| {
                Some(Key {
                    id: &entry.id,
                    times: entry.times,
                    state: self.state_at(index, now),
                    material: entry.material.as_ref()?,
                })
            })
    }

    fn state_at(&self, index: usize, now: SystemTime) -> KeyState {
        let mut later = self.entries[index + 1..].iter().map(|entry| entry.times);
        let successor = later
            .find(KeyTimes::supersedes)
            .map(|times| times.activates);
        self.entries[index]
            .times
            .state(successor, &self.policy, now)
    }
}

impl<K> Clone for KeyRing<K> {
    fn clone(&self) -> Self {
        Self {
            purpose: self.purpose.clone(),
            policy: self.policy,
            entries: self.entries.clone(),
            newest: self.newest.clone(),
        }
    }
}

impl<K> fmt::Debug for KeyRing<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.entries.iter().map(|entry| (&entry.id, entry.times));
        f.debug_struct("KeyRing")
            .field("purpose", &self.purpose)
            .field("policy", &self.policy)
            .field("keys", &keys.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl<K> Clone for Entry<K> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            times: self.times,
            material: self.material.clone(),
            told: self.told,
        }
    }
}

impl<'a, K> Key<'a, K> {
    /// Its id: the `kid` of a JWT.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// Its times.
    #[must_use]
    pub fn times(&self) -> KeyTimes {
        self.times
    }

    /// Its state at the time that was asked about.
    #[must_use]
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// The key itself.
    #[must_use]
    pub fn material(&self) -> &'a Arc<K> {
        self.material
    }
}

impl<K> fmt::Debug for Key<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// Why a ring did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// There is a key of this id.
    DuplicateId,
    /// There is a key that begins to sign at the same time.
    DuplicateActivation,
    /// The key would sign before it was published.
    SignsUnpublished,
    /// No new key is due.
    NotDue,
    /// There is no key of this id.
    UnknownKey,
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateId => "the ring has a key of this id",
            Self::DuplicateActivation => "the ring has a key that begins to sign at the same time",
            Self::SignsUnpublished => "the key would sign before it is published",
            Self::NotDue => "no new key is due",
            Self::UnknownKey => "the ring has no key of this id",
        })
    }
}

impl Error for RingError {}
