use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use super::Revocation;
use crate::store::Answer;
use crate::time::Timestamp;

/// Where instances learn of each other's revocations: a list that only grows at its end, until what is over is purged.
///
/// [`testing::store_conformance`](super::testing::store_conformance) is what every store must pass.
pub trait RevocationStore: fmt::Debug + Send + Sync + 'static {
    /// Adds to the end of the list. Whoever reads afterwards finds it, in whichever instance.
    fn add<'a>(&'a self, revocation: &'a Revocation, now: Timestamp) -> Answer<'a, ()>;

    /// What was added since `after`, in order; what is over may be left out.
    ///
    /// What is added later must never come before `after`: where writers overlap, a store has to make them wait for each
    /// other, or a reader passes over what was written slowly.
    fn changes(&self, after: Cursor, now: Timestamp) -> Answer<'_, Changes>;

    /// Waits until there may be changes, for stores that tell. What is missed is found by the next poll.
    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }

    /// Deletes up to `limit` revocations that are over at `now`, and says how many.
    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64>;
}

impl<S: RevocationStore + ?Sized> RevocationStore for Arc<S> {
    fn add<'a>(&'a self, revocation: &'a Revocation, now: Timestamp) -> Answer<'a, ()> {
        (**self).add(revocation, now)
    }

    fn changes(&self, after: Cursor, now: Timestamp) -> Answer<'_, Changes> {
        (**self).changes(after, now)
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        (**self).changed()
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        (**self).purge(now, limit)
    }
}

/// How far somebody has read. The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(u64);

impl Cursor {
    /// As a store wrote it.
    #[must_use]
    pub const fn new(position: u64) -> Self {
        Self(position)
    }

    /// For stores.
    #[must_use]
    pub const fn position(self) -> u64 {
        self.0
    }
}

/// What was added to a list.
#[derive(Clone, Debug)]
pub struct Changes {
    /// In the order in which they were added.
    pub revocations: Vec<Revocation>,
    /// From where to go on.
    pub cursor: Cursor,
    /// Whether there is more to read at once.
    pub more: bool,
}
