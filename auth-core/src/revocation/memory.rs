use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BATCH, Changes, Cursor, Revocation, RevocationStore};
use crate::store::{Answer, StoreErrorKind};
use crate::time::Timestamp;

/// A list in memory, for tests with several instances in one process. A clone is the same list.
///
/// A service that is one process needs no store: see [`RevocationsBuilder::local`](super::RevocationsBuilder::local). At the
/// limit, additions are refused with [`StoreErrorKind::Full`]; nothing is forgotten.
#[derive(Clone)]
pub struct MemoryStore {
    list: Arc<Mutex<List>>,
    capacity: usize,
}

#[derive(Default)]
struct List {
    entries: VecDeque<(u64, Revocation)>,
    last: u64,
}

impl MemoryStore {
    /// A list of up to 100,000 revocations.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// A list of up to `capacity` revocations.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let list = Arc::default();
        Self { list, capacity }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("revocations", &self.list().entries.len())
            .field("capacity", &self.capacity)
            .finish()
    }
}

impl RevocationStore for MemoryStore {
    fn add<'a>(&'a self, revocation: &'a Revocation, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut list = self.list();
            if list.entries.len() >= self.capacity {
                list.entries.retain(|(_, entry)| now < entry.until);
            }
            if list.entries.len() >= self.capacity {
                return Err(StoreErrorKind::Full.into());
            }
            list.last += 1;
            let last = list.last;
            list.entries.push_back((last, *revocation));
            Ok(())
        })
    }

    fn changes(&self, after: Cursor, _now: Timestamp) -> Answer<'_, Changes> {
        Box::pin(async move {
            let list = self.list();
            let start = list
                .entries
                .partition_point(|(at, _)| *at <= after.position());
            let batch = list.entries.range(start..).take(BATCH.into());
            let revocations = batch.map(|(_, entry)| *entry).collect::<Vec<_>>();
            let more = list.entries.len() > start + revocations.len();
            let last = list
                .entries
                .get((start + revocations.len()).wrapping_sub(1));
            let read = last.map_or(0, |(at, _)| *at);
            Ok(Changes {
                revocations,
                cursor: Cursor::new(read.max(after.position())),
                more,
            })
        })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut deleted = 0;
            self.list().entries.retain(|(_, entry)| {
                let goes = deleted < limit && entry.until <= now;
                deleted += u32::from(goes);
                !goes
            });
            Ok(deleted.into())
        })
    }
}
