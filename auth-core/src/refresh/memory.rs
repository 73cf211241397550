use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Created, Family, RefreshPolicy, RefreshStore, RevokeReason, Revoked, Rotate, Rotation, State,
    SubjectRevoked,
};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::store::{Answer, StoreError, StoreErrorKind};
use crate::time::Timestamp;

const SHARDS: usize = 64;
/// How many families that are over a new one takes out when there is no room.
const SWEEP: u32 = 64;
/// How many sessions of a subject are remembered that have ended before their time. Whoever signs in and out all day must not
/// take the room of everybody else.
const ENDED: usize = 100;

/// Keeps families in this process: for one instance, and until it ends.
///
/// It holds as many as it was made for, of about 600 bytes each. When it is full of what must be kept, new logins fail with
/// [`StoreErrorKind::Full`]; ending the session of somebody else for them would be worse. Of the sessions of a subject that
/// have ended before their time it remembers the last 100; the tokens of others are unknown to it.
pub struct MemoryStore {
    capacity: usize,
    len: AtomicUsize,
    hasher: RandomState,
    /// By subject. No lock is held while another is taken.
    subjects: Box<[Mutex<Subjects>]>,
    /// By family: a token does not tell the subject.
    families: Box<[Mutex<Families>]>,
}

#[derive(Default)]
struct Subjects {
    known: HashMap<(TenantId, SubjectId), Subject>,
    /// The epoch of those who have no session. It takes the epochs of all that are forgotten, so that none ever falls,
    /// and no memory is spent on them.
    floor: u64,
}

struct Subject {
    epoch: u64,
    sessions: HashMap<SessionId, (Arc<Family>, State)>,
}

#[derive(Default)]
struct Families {
    known: HashMap<SessionId, Arc<Family>>,
    by_end: BTreeSet<(Timestamp, SessionId)>,
}

impl MemoryStore {
    /// A store with room for `capacity` families: those that live, and those that have ended before their time.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self {
            capacity: capacity.get(),
            len: AtomicUsize::new(0),
            hasher: RandomState::new(),
            subjects: (0..SHARDS).map(|_| Mutex::default()).collect(),
            families: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// How many families there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn subjects(&self, key: &(TenantId, SubjectId)) -> MutexGuard<'_, Subjects> {
        lock(&self.subjects[self.shard(key)])
    }

    fn families(&self, id: SessionId) -> MutexGuard<'_, Families> {
        lock(&self.families[self.shard(&id)])
    }

    fn shard(&self, key: &impl Hash) -> usize {
        let hash = self.hasher.hash_one(key) % SHARDS as u64;
        usize::try_from(hash).unwrap_or(0)
    }

    fn reserve(&self) -> bool {
        let more = |len| (len < self.capacity).then_some(len + 1);
        let reserved = self
            .len
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        reserved.is_ok()
    }

    fn add(
        &self,
        family: &Family,
        state: &State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        if !self.reserve() {
            self.forget(now, SWEEP);
            if !self.reserve() {
                return Err(StoreErrorKind::Full.into());
            }
        }
        let family = Arc::new(family.clone());
        {
            let mut families = self.families(family.id);
            families.known.insert(family.id, family.clone());
            families.by_end.insert((family.expires_at, family.id));
        }
        let key = key(&family);
        let mut subjects = self.subjects(&key);
        let epoch = subjects.epoch(&key);
        if epoch != state.epoch {
            drop(subjects);
            self.remove(&family);
            return Ok(Created::EpochMoved);
        }
        let subject = subjects.known.entry(key).or_insert_with(|| Subject {
            epoch,
            sessions: HashMap::new(),
        });
        let room = max_sessions.get() - 1;
        let others = subject.live(now).into_iter().map(|(family, _)| family.id);
        let evicted: Vec<_> = others.skip(room as usize).collect();
        for id in &evicted {
            subject.revoke(*id, RevokeReason::Evicted, now);
        }
        let session = (family.clone(), state.clone());
        subject.sessions.insert(family.id, session);
        let forgotten = subject.forget_ended(now);
        drop(subjects);
        for family in &forgotten {
            self.remove(family);
        }
        Ok(Created::Kept { evicted })
    }

    /// Takes a family out of the index by its id.
    fn remove(&self, family: &Family) {
        let mut families = self.families(family.id);
        families.by_end.remove(&(family.expires_at, family.id));
        if families.known.remove(&family.id).is_some() {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn forget(&self, now: Timestamp, limit: u32) -> u64 {
        let ended = now.minus(RefreshPolicy::RETENTION);
        let mut forgotten = 0;
        for shard in &self.families {
            while forgotten < u64::from(limit) {
                let Some(family) = lock(shard).over(ended) else {
                    break;
                };
                self.remove(&family);
                let key = key(&family);
                let mut subjects = self.subjects(&key);
                if let Some(subject) = subjects.known.get_mut(&key) {
                    subject.sessions.remove(&family.id);
                    if subject.sessions.is_empty() {
                        let epoch = subject.epoch;
                        subjects.known.remove(&key);
                        subjects.floor = subjects.floor.max(epoch);
                    }
                }
                forgotten += 1;
            }
        }
        forgotten
    }
}

impl Subjects {
    fn epoch(&self, key: &(TenantId, SubjectId)) -> u64 {
        self.known.get(key).map_or(self.floor, |known| known.epoch)
    }
}

impl Families {
    /// A family that ended before `moment`.
    fn over(&self, moment: Timestamp) -> Option<Arc<Family>> {
        let (end, id) = self.by_end.first()?;
        (*end < moment).then(|| self.known.get(id).cloned())?
    }
}

impl Subject {
    /// The live sessions, the most recently refreshed first.
    fn live(&self, now: Timestamp) -> Vec<&(Arc<Family>, State)> {
        let mut live: Vec<_> = self
            .sessions
            .values()
            .filter(|(family, state)| state.is_live(family, self.epoch, now))
            .collect();
        live.sort_by_key(|(family, state)| {
            std::cmp::Reverse((state.refreshed_at(family), family.id))
        });
        live
    }

    fn revoke(&mut self, id: SessionId, reason: RevokeReason, at: Timestamp) -> bool {
        match self.sessions.get_mut(&id) {
            Some((_, state)) if state.revoked.is_none() => {
                state.revoked = Some(Revoked { at, reason });
                true
            }
            _ => false,
        }
    }

    /// Takes out those that ended first, if too many have ended before their time.
    fn forget_ended(&mut self, now: Timestamp) -> Vec<Arc<Family>> {
        let ended = |(family, state): &(Arc<Family>, State)| {
            let early = now < family.expires_at && !state.is_live(family, self.epoch, now);
            let at = state
                .revoked
                .map_or(state.idle_expires_at, |ended| ended.at);
            early.then(|| (at, family.id, family.clone()))
        };
        let mut ended: Vec<_> = self.sessions.values().filter_map(ended).collect();
        let excess = ended.len().saturating_sub(ENDED);
        if excess == 0 {
            return Vec::new();
        }
        ended.sort_unstable_by_key(|(at, id, _)| (*at, *id));
        ended.truncate(excess);
        for (_, id, _) in &ended {
            self.sessions.remove(id);
        }
        ended.into_iter().map(|(_, _, family)| family).collect()
    }

    fn revoke_all(
        &mut self,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let live = self.live(now).into_iter().map(|(family, _)| family.id);
        let ended = live.filter(|id| Some(*id) != except).collect();
        self.epoch += 1;
        for (family, state) in self.sessions.values_mut() {
            if state.revoked.is_some() {
                continue;
            }
            if Some(family.id) == except {
                state.epoch = self.epoch;
            } else {
                state.revoked = Some(Revoked { at: now, reason });
            }
        }
        ended
    }
}

fn key(family: &Family) -> (TenantId, SubjectId) {
    (family.tenant.clone(), family.subject.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ready<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl RefreshStore for MemoryStore {
    fn epoch<'a>(&'a self, tenant: &'a TenantId, subject: &'a SubjectId) -> Answer<'a, u64> {
        let key = (tenant.clone(), subject.clone());
        ready(Ok(self.subjects(&key).epoch(&key)))
    }

    fn create<'a>(
        &'a self,
        family: &'a Family,
        state: &'a State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Answer<'a, Created> {
        ready(self.add(family, state, max_sessions, now))
    }

    fn find(&self, id: SessionId) -> Answer<'_, Option<Arc<Family>>> {
        ready(Ok(self.families(id).known.get(&id).cloned()))
    }

    fn rotate<'a>(&'a self, request: &'a Rotate, now: Timestamp) -> Answer<'a, Option<Rotation>> {
        let family = request.token().family();
        let key = key(family);
        let mut subjects = self.subjects(&key);
        let rotation = subjects.known.get_mut(&key).and_then(|subject| {
            let (_, state) = subject.sessions.get_mut(&family.id)?;
            let outcome = request.step(state, subject.epoch, now);
            let state = state.clone();
            Some(Rotation { outcome, state })
        });
        ready(Ok(rotation))
    }

    fn revoke<'a>(
        &'a self,
        family: &'a Family,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, bool> {
        let key = key(family);
        let mut subjects = self.subjects(&key);
        let subject = subjects.known.get_mut(&key);
        ready(Ok(subject.is_some_and(|subject| {
            subject.revoke(family.id, reason, now)
        })))
    }

    fn revoke_subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, SubjectRevoked> {
        let key = (tenant.clone(), subject.clone());
        let mut subjects = self.subjects(&key);
        let ended = match subjects.known.get_mut(&key) {
            Some(subject) => subject.revoke_all(except, reason, now),
            None => {
                subjects.floor += 1;
                Vec::new()
            }
        };
        let epoch = subjects.epoch(&key);
        ready(Ok(SubjectRevoked { epoch, ended }))
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        now: Timestamp,
    ) -> Answer<'a, Vec<(Arc<Family>, State)>> {
        let key = (tenant.clone(), subject.clone());
        let subjects = self.subjects(&key);
        let live = subjects.known.get(&key).map(|subject| subject.live(now));
        ready(Ok(live.into_iter().flatten().cloned().collect()))
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        ready(Ok(self.forget(now, limit)))
    }

    fn count_by_key(&self, now: Timestamp) -> Answer<'_, Vec<(u8, u64)>> {
        let mut counts = std::collections::BTreeMap::<u8, u64>::new();
        for shard in &self.subjects {
            for subject in lock(shard).known.values() {
                for (family, _) in subject.live(now) {
                    *counts.entry(family.key_id).or_default() += 1;
                }
            }
        }
        ready(Ok(counts.into_iter().collect()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .finish()
    }
}
