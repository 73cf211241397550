use std::num::NonZeroUsize;
use std::sync::Arc;

use super::{RevocationStore, Revocations, TokenLife};
use crate::audit::{AuditSink, TracingSink};
use crate::time::{Clock, SystemClock};

const CAPACITY: NonZeroUsize = NonZeroUsize::new(1_000_000).expect("it is not zero");

/// Builds [`Revocations`]. Started by [`Revocations::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is revoked until `local` or `shared`"]
pub struct RevocationsBuilder {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) capacity: NonZeroUsize,
    pub(super) life: TokenLife,
}

impl RevocationsBuilder {
    pub(super) fn new(life: TokenLife) -> Self {
        Self {
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
            capacity: CAPACITY,
            life,
        }
    }

    /// Sets where the time of revocations comes from. The default is the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets where events go. The default is [`TracingSink`].
    pub fn audit(mut self, sink: impl AuditSink) -> Self {
        self.audit = Arc::new(sink);
        self
    }

    /// Sets how many revocations are known at a time: 1,000,000 by default. Each takes 24 bytes, 32 if it is of a subject,
    /// and with the room that a growing table keeps about 60 at most.
    ///
    /// Needed is room for all that are made within the life of an access token. At the limit nothing is forgotten, since
    /// that would let revoked tokens in again: new ones fail with [`Full`](crate::store::StoreErrorKind::Full), and an
    /// instance that cannot hold what others revoked stops accepting tokens.
    pub fn capacity(mut self, revocations: NonZeroUsize) -> Self {
        self.capacity = revocations;
        self
    }

    /// For a service that is one process: what it revokes is known to itself, at once, until it ends.
    #[must_use]
    pub fn local(self) -> Revocations {
        Revocations::new(self, None)
    }

    /// For several instances, which tell each other through `store`.
    ///
    /// Nothing is accepted until the first [`sync`](Revocations::sync) has succeeded, and nothing unless
    /// [`follow`](Revocations::follow) runs.
    #[must_use]
    pub fn shared(self, store: impl RevocationStore) -> Revocations {
        Revocations::new(self, Some(Arc::new(store)))
    }
}
