//! Keys that were verified a moment ago.

#[cfg(test)]
mod interleavings;
mod table;

/// What `table` is built on, so that a test can build it on something else.
mod sync {
    pub(super) use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard};
}

pub(super) use table::{Cache, CacheKey, Cached};
