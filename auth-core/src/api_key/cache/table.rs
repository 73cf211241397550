use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::sync::{AtomicI64, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::api_key::{ApiKey, VerifiedKey};
use crate::time::Timestamp;

const SHARDS: usize = 16;

/// How long a verified key is believed without asking again.
const TTL: Duration = Duration::from_secs(30);

/// The SHA-256 of a key's text.
pub(in crate::api_key) type CacheKey = [u8; 32];

/// Keys that were verified a moment ago. Only such are in it, so that nobody fills it with guesses.
pub(in crate::api_key) struct Cache {
    shards: [Mutex<HashMap<CacheKey, Arc<Cached>>>; SHARDS],
    /// Of each shard.
    capacity: usize,
    /// Raised before anything is forgotten: what was read from the store before that is not kept.
    generation: AtomicU64,
}

pub(in crate::api_key) struct Cached {
    pub(in crate::api_key) verified: Arc<VerifiedKey>,
    from: Timestamp,
    until: Timestamp,
    /// When the key's last use was written, in milliseconds; before all times if never.
    touched: AtomicI64,
}

impl Cached {
    pub(in crate::api_key) fn new(verified: VerifiedKey, now: Timestamp) -> Self {
        let last_used = verified.key().last_used_at;
        Self {
            from: now,
            // The key's own end is looked at for every request.
            until: now.plus(TTL),
            touched: AtomicI64::new(last_used.map_or(i64::MIN, Timestamp::as_millis)),
            verified: Arc::new(verified),
        }
    }

    /// A clock that was set back must not make it live longer.
    fn is_fresh(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    /// Whether the caller is the one to write down that the key was used.
    pub(in crate::api_key) fn claims_touch(&self, now: Timestamp, every: Duration) -> bool {
        let last = self.touched.load(Ordering::Relaxed);
        let now = now.as_millis();
        let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        now >= last.saturating_add(every)
            && self
                .touched
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Cache {
    pub(in crate::api_key) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            shards: Default::default(),
            capacity: capacity.get().div_ceil(SHARDS),
            generation: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &CacheKey) -> MutexGuard<'_, HashMap<CacheKey, Arc<Cached>>> {
        lock(&self.shards[usize::from(key[0]) % SHARDS])
    }

    pub(in crate::api_key) fn get(&self, key: &CacheKey, now: Timestamp) -> Option<Arc<Cached>> {
        let shard = self.shard(key);
        shard
            .get(key)
            .filter(|cached| cached.is_fresh(now))
            .cloned()
    }

    /// To be read before the store is.
    pub(in crate::api_key) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Keeps what was read in this generation, unless something has been forgotten since.
    pub(in crate::api_key) fn insert(&self, key: CacheKey, cached: Arc<Cached>, generation: u64) {
        let now = cached.from;
        let mut shard = self.shard(&key);
        if self.generation() != generation {
            return;
        }
        if shard.len() >= self.capacity && !shard.contains_key(&key) {
            shard.retain(|_, cached| cached.is_fresh(now));
        }
        if shard.len() >= self.capacity && !shard.contains_key(&key) {
            let oldest = shard.iter().min_by_key(|(_, cached)| cached.until);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                shard.remove(&oldest);
            }
        }
        shard.insert(key, cached);
    }

    pub(in crate::api_key) fn forget(&self, is_meant: impl Fn(&ApiKey) -> bool) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            lock(shard).retain(|_, cached| !is_meant(cached.verified.key()));
        }
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}
