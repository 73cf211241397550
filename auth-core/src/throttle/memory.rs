use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Admission, Bucket, Charge, Key, Settlement, ThrottleStore, Verdict};
use crate::store::Answer;
use crate::time::Timestamp;

/// Keeps buckets in this process: for one instance, and as what a [gate](super::AuthGate) falls back to.
///
/// It holds a million buckets at most, of about 200 bytes each. When it is full, the bucket with the lowest count gives way,
/// and of several the oldest: who floods it with made-up names pushes out the made-up names.
///
/// One lock guards all of it. What follows a charge takes a thousand times as long as the charge.
pub struct MemoryStore {
    capacity: usize,
    table: Mutex<Table>,
}

impl MemoryStore {
    /// The most buckets that a store holds, and the default.
    pub const MAX_CAPACITY: NonZeroUsize = NonZeroUsize::new(1_000_000).expect("it is not zero");

    /// A store with room for `capacity` buckets, 8 at least and [`MAX_CAPACITY`](Self::MAX_CAPACITY) at most.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self {
            // One charge has five: they must not push out one another.
            capacity: capacity.min(Self::MAX_CAPACITY).get().max(8),
            table: Mutex::default(),
        }
    }

    /// How many buckets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn charge_now(&self, charge: &Charge, now: Timestamp) -> Verdict {
        self.with(charge, now, |buckets| charge.decide(buckets, now))
    }

    pub(super) fn settle_now(
        &self,
        charge: &Charge,
        admission: &Admission,
        settlement: Settlement,
        now: Timestamp,
    ) {
        self.with(charge, now, |buckets| {
            charge.settle(admission, settlement, buckets, now);
        });
    }

    fn with<T>(&self, charge: &Charge, now: Timestamp, f: impl FnOnce(&mut [Bucket]) -> T) -> T {
        let mut table = self.table();
        let mut buckets: Vec<_> = charge
            .slots()
            .iter()
            .map(|(_, key)| table.take(key))
            .collect();
        let result = f(&mut buckets);
        for ((scope, key), bucket) in charge.slots().iter().zip(buckets) {
            let forgotten_at = bucket.forgotten_at(*scope, charge.policy());
            if bucket.weight() > 0 && forgotten_at > now {
                table.put(*key, bucket, forgotten_at);
            }
        }
        // As many as a charge can add: what has expired never heaps up.
        table.sweep(now, charge.slots().len());
        while table.entries.len() > self.capacity {
            table.evict();
        }
        result
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic between `take` and `put` loses buckets, and nothing in between panics.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Self::MAX_CAPACITY)
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

impl ThrottleStore for MemoryStore {
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> Answer<'a, Verdict> {
        Box::pin(async move { Ok(self.charge_now(charge, now)) })
    }

    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            self.settle_now(charge, admission, settlement, now);
            Ok(())
        })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Box::pin(async move { Ok(self.table().sweep(now, limit)) })
    }
}

/// Buckets with two indexes: what to evict next, and what to forget next.
#[derive(Default)]
struct Table {
    entries: HashMap<Key, (Bucket, Timestamp)>,
    ranks: BTreeSet<(u32, Timestamp, Key)>,
    ends: BTreeSet<(Timestamp, Key)>,
}

impl Table {
    fn take(&mut self, key: &Key) -> Bucket {
        let Some((bucket, end)) = self.entries.remove(key) else {
            return Bucket::default();
        };
        self.ranks.remove(&(bucket.weight(), bucket.at, *key));
        self.ends.remove(&(end, *key));
        bucket
    }

    fn put(&mut self, key: Key, bucket: Bucket, end: Timestamp) {
        self.ranks.insert((bucket.weight(), bucket.at, key));
        self.ends.insert((end, key));
        self.entries.insert(key, (bucket, end));
    }

    fn sweep(&mut self, now: Timestamp, limit: usize) -> u64 {
        let mut swept = 0;
        for _ in 0..limit {
            let Some((end, key)) = self.ends.first().copied() else {
                break;
            };
            if end > now {
                break;
            }
            self.take(&key);
            swept += 1;
        }
        swept
    }

    fn evict(&mut self) {
        if let Some((_, _, key)) = self.ranks.first().copied() {
            self.take(&key);
        }
    }
}
