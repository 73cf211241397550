use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use super::line::{Draft, Policy};
use super::queue::Queue;
use super::{AccessLogBuilder, AccessLogLayer};
use crate::observe::{Fields, ObserveLayer, Record, Sink};

/// Writes one line for each request. See the [module docs](super) for an example.
///
/// A handle: clones write to the same output. It is a [`Sink`], and with feature `metrics` a
/// `prometheus_client` collector of its own counters.
#[derive(Clone)]
pub struct AccessLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    policy: Policy,
    queue: Arc<Queue>,
}

impl AccessLog {
    /// Settings for a log in which this service is called `service`: every request is logged, none
    /// is slow, the path is left out, nothing is redacted.
    pub fn builder(service: &str) -> AccessLogBuilder {
        AccessLogBuilder::new(service)
    }

    pub(super) fn new(policy: Policy, queue: Arc<Queue>) -> Self {
        let inner = Arc::new(Inner { policy, queue });
        Self { inner }
    }

    /// The layer that logs requests. To count them as well, add the sink of
    /// the metrics to this layer, or a clone of this one to another.
    pub fn layer(&self) -> AccessLogLayer {
        ObserveLayer::new().sink(self.clone())
    }

    /// How many lines were taken to be written.
    pub fn taken(&self) -> u64 {
        self.inner.queue.counts().taken
    }

    /// How many of the lines that were taken are lost because the output gave an error.
    pub fn failed(&self) -> u64 {
        self.inner.queue.counts().failed
    }

    /// How many lines were not taken because too many were waiting, or the guard was dropped.
    pub fn dropped(&self) -> u64 {
        self.inner.queue.counts().dropped
    }
}

impl Sink for AccessLog {
    fn fields(&self) -> Fields {
        let fields = Fields::WALL_TIME
            | Fields::CLIENT_IP
            | Fields::REQUEST_ID
            | Fields::USER_AGENT
            | Fields::SUBJECT
            | Fields::TRACE;
        if self.inner.policy.path {
            fields | Fields::PATH
        } else {
            fields
        }
    }

    fn completed(&self, record: &Record<'_>) {
        thread_local! {
            static DRAFT: Cell<Draft> = const { Cell::new(Draft::new()) };
        }
        let Inner { policy, queue } = &*self.inner;
        let Some(level) = policy.admit(record) else {
            return;
        };
        // Taken out and put back, so that whatever a redaction does on this thread finds an empty
        // one. A thread that is ending may have none any more.
        let mut draft = DRAFT.try_with(Cell::take).unwrap_or_default();
        policy.write(record, level, &mut draft);
        queue.push(&draft.line);
        // Without its place, the draft is just freed.
        let _kept = DRAFT.try_with(|place| place.set(draft));
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog")
            .field("policy", &self.inner.policy)
            .finish_non_exhaustive()
    }
}
