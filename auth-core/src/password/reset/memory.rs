use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Account, ResetStore};
use crate::store::{Answer, StoreErrorKind};
use crate::time::Timestamp;

/// Reset tokens in memory, for tests and for services of one instance: a restart forgets them.
///
/// It holds one for each account, up to `capacity` accounts. When it is full of tokens that are still good, new ones get a
/// [`StoreErrorKind::Full`]; none is pushed out by another's.
pub struct MemoryResetStore {
    capacity: NonZeroUsize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_account: HashMap<Account, [u8; 32]>,
    by_digest: HashMap<[u8; 32], (Account, Timestamp)>,
}

impl Entries {
    fn find(&self, digest: &[u8; 32], now: Timestamp) -> Option<Account> {
        let (account, expires) = self.by_digest.get(digest)?;
        (now < *expires).then(|| account.clone())
    }

    fn forget(&mut self, account: &Account) {
        if let Some(digest) = self.by_account.remove(account) {
            self.by_digest.remove(&digest);
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        self.by_digest.retain(|_, (_, expires)| now < *expires);
        let live = &self.by_digest;
        self.by_account
            .retain(|_, digest| live.contains_key(digest));
    }
}

impl MemoryResetStore {
    /// An empty store for as many accounts.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self {
            capacity,
            entries: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryResetStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryResetStore")
            .field("capacity", &self.capacity)
            .field("len", &self.entries().by_account.len())
            .finish()
    }
}

impl ResetStore for MemoryResetStore {
    fn put<'a>(
        &'a self,
        account: &'a Account,
        digest: &'a [u8; 32],
        expires: Timestamp,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        let mut entries = self.entries();
        entries.forget(account);
        if entries.by_account.len() >= self.capacity.get() {
            entries.sweep(now);
        }
        if entries.by_account.len() >= self.capacity.get() {
            return Box::pin(ready(Err(StoreErrorKind::Full.into())));
        }
        entries.by_account.insert(account.clone(), *digest);
        let entry = (account.clone(), expires);
        entries.by_digest.insert(*digest, entry);
        Box::pin(ready(Ok(())))
    }

    fn find<'a>(&'a self, digest: &'a [u8; 32], now: Timestamp) -> Answer<'a, Option<Account>> {
        let found = self.entries().find(digest, now);
        Box::pin(ready(Ok(found)))
    }

    fn take<'a>(&'a self, digest: &'a [u8; 32], now: Timestamp) -> Answer<'a, Option<Account>> {
        let mut entries = self.entries();
        let found = entries.find(digest, now);
        if let Some(account) = &found {
            entries.forget(account);
        }
        Box::pin(ready(Ok(found)))
    }

    fn forget<'a>(&'a self, account: &'a Account) -> Answer<'a, ()> {
        self.entries().forget(account);
        Box::pin(ready(Ok(())))
    }
}
