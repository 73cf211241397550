use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

const SHARDS: usize = 16;

/// How many permits each key has out. A key without any is not remembered.
pub(super) struct Permits {
    max: NonZeroU32,
    /// Keys per shard.
    room: usize,
    shards: [Mutex<Shard>; SHARDS],
    refused: AtomicU64,
}

#[derive(Default)]
struct Shard {
    counts: HashTable<(u64, u32)>,
    /// Permits of the keys for which there was no room: they share one count.
    overflow: u32,
}

impl Permits {
    pub(super) fn new(max: NonZeroU32, capacity: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self {
            max,
            room: capacity.get().div_ceil(SHARDS),
            shards: Default::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// A permit for `key`, if it has fewer than the most.
    pub(super) fn acquire(self: &Arc<Self>, key: u64) -> Option<Permit> {
        let key = self.take(key);
        if key.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        key.map(|key| Permit {
            permits: Arc::clone(self),
            key,
        })
    }

    fn take(&self, key: u64) -> Option<Key> {
        let mut shard = self.lock(key);
        let shard = &mut *shard;
        let full = shard.counts.len() >= self.room;
        let (count, held) =
            match shard
                .counts
                .entry(key, |(other, _)| *other == key, |(key, _)| *key)
            {
                Entry::Occupied(entry) => (&mut entry.into_mut().1, Key::Own(key)),
                Entry::Vacant(_) if full => (&mut shard.overflow, Key::Overflow(key)),
                Entry::Vacant(entry) => (&mut entry.insert((key, 0)).into_mut().1, Key::Own(key)),
            };
        // A new key starts at none, and the most is at least one: no key stays behind at zero.
        (*count < self.max.get()).then(|| {
            *count += 1;
            held
        })
    }

    fn give_back(&self, key: Key) {
        match key {
            Key::Overflow(key) => self.lock(key).overflow -= 1,
            Key::Own(key) => {
                let mut shard = self.lock(key);
                if let Ok(mut entry) = shard.counts.find_entry(key, |(other, _)| *other == key) {
                    entry.get_mut().1 -= 1;
                    if entry.get().1 == 0 {
                        entry.remove();
                    }
                }
            }
        }
    }

    fn lock(&self, key: u64) -> MutexGuard<'_, Shard> {
        // The table inside picks by the uppermost and the lowest bits.
        let shard = (key >> 32) as usize % SHARDS;
        // A shard is consistent between any two statements, so a panic elsewhere spoils nothing.
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys and permits that are out, and requests refused so far.
    pub(super) fn stats(&self) -> ConcurrencyStats {
        let mut stats = ConcurrencyStats {
            active_keys: 0,
            in_flight: 0,
            refused: self.refused.load(Ordering::Relaxed),
        };
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            stats.active_keys += shard.counts.len();
            let own: u64 = shard
                .counts
                .iter()
                .map(|(_, count)| u64::from(*count))
                .sum();
            stats.in_flight += own + u64::from(shard.overflow);
        }
        stats
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

/// What a concurrency limit has counted. See [`ConcurrencyLimitLayer::stats`](super::ConcurrencyLimitLayer::stats).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyStats {
    /// Keys with requests under way.
    pub active_keys: usize,
    /// Requests under way, until the end of their response bodies.
    pub in_flight: u64,
    /// Requests refused so far.
    pub refused: u64,
}

/// The right of one request to be under way. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    key: Key,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Own(u64),
    Overflow(u64),
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.give_back(self.key);
    }
}
