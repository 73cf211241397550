use std::num::NonZeroUsize;
use std::sync::Arc;

use super::cache::Cache;
use super::service::Inner;
use super::{ApiKeyStore, ApiKeys, KeyFormat, Owners, Peppers};
use crate::audit::{AuditSink, TracingSink};
use crate::time::{Clock, SystemClock};

const CACHE_CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");

/// Builds [`ApiKeys`]. Started by [`ApiKeys::builder`].
#[derive(Debug)]
#[must_use = "nothing checks keys until `build`"]
pub struct ApiKeysBuilder {
    format: KeyFormat,
    peppers: Peppers,
    issuer: Arc<str>,
    store: Arc<dyn ApiKeyStore>,
    owners: Arc<dyn Owners>,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
    max_per_owner: u32,
    cache_capacity: NonZeroUsize,
}

impl ApiKeysBuilder {
    /// Sets where the time comes from. The default is the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets where events go. The default is [`TracingSink`].
    pub fn audit(mut self, sink: impl AuditSink) -> Self {
        self.audit = Arc::new(sink);
        self
    }

    /// Sets how many live keys an owner may have: 100 by default, with 0 none. Keys made at the same moment may go over it by
    /// as many.
    pub fn max_per_owner(mut self, keys: u32) -> Self {
        self.max_per_owner = keys;
        self
    }

    /// Sets how many verified keys are remembered for up to 30 seconds: 10,000 by default, less than 1 KiB each. Where more
    /// are in use, those that are nearest to their 30 seconds are asked for again.
    pub fn cache_capacity(mut self, keys: NonZeroUsize) -> Self {
        self.cache_capacity = keys;
        self
    }

    /// Builds the service.
    #[must_use]
    pub fn build(self) -> ApiKeys {
        ApiKeys {
            inner: Arc::new(Inner {
                format: self.format,
                peppers: self.peppers,
                issuer: self.issuer,
                store: self.store,
                owners: self.owners,
                clock: self.clock,
                audit: self.audit,
                max_per_owner: self.max_per_owner,
                cache: Cache::new(self.cache_capacity),
            }),
        }
    }
}

impl ApiKeys {
    /// Starts with what there is no default for. `issuer` is what principals of this service's own tokens have as theirs, so
    /// that an owner is the same person by either credential.
    pub fn builder(
        format: KeyFormat,
        peppers: Peppers,
        issuer: impl Into<Arc<str>>,
        store: impl ApiKeyStore,
        owners: impl Owners,
    ) -> ApiKeysBuilder {
        ApiKeysBuilder {
            format,
            peppers,
            issuer: issuer.into(),
            store: Arc::new(store),
            owners: Arc::new(owners),
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
            max_per_owner: 100,
            cache_capacity: CACHE_CAPACITY,
        }
    }
}
