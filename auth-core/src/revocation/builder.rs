use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::{RevocationStore, Revocations};
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
    pub(super) lifetime: Duration,
    pub(super) leeway: Duration,
}

impl RevocationsBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
            capacity: CAPACITY,
            lifetime: Duration::from_secs(600),
            leeway: Duration::from_secs(30),
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

    /// Sets for how long the longest access token is valid: 10 minutes by default. Shorter than it really is, revoked tokens
    /// come back.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets for how long after their end verifiers accept tokens: 30 seconds by default.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
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
