//! The last trace of each bucket, so that a graph leads to one request of its kind.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::observe::TraceContext;

/// One for each bucket of the durations.
pub(super) type Latest = [Option<Exemplar>; 15];

#[derive(Clone, Copy, Debug)]
pub(super) struct Exemplar {
    pub(super) trace: TraceContext,
    pub(super) nanos: u64,
}

/// Takes no room until there is a trace.
#[derive(Debug, Default)]
pub(super) struct Exemplars(OnceLock<Box<Mutex<Latest>>>);

impl Exemplars {
    /// Keeps `exemplar` for its bucket. If a scrape is reading, or another thread is writing, this
    /// one is given up: it is an example, and no request waits for it.
    pub(super) fn keep(&self, bucket: usize, exemplar: Exemplar) {
        let latest = self.0.get_or_init(Box::default);
        if let Ok(mut latest) = latest.try_lock()
            && let Some(place) = latest.get_mut(bucket)
        {
            *place = Some(exemplar);
        }
    }

    pub(super) fn latest(&self) -> Latest {
        let Some(latest) = self.0.get() else {
            return [None; 15];
        };
        *latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
