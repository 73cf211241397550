//! Who reads the records.

use std::fmt;
use std::ops::BitOr;
use std::sync::Arc;

use super::Record;

/// Reads the records of requests.
///
/// It runs on the task that drives the response, also while that is dropped, so it must neither
/// block nor panic: a panic during an unwinding ends the process.
pub trait Sink: Send + Sync + 'static {
    /// What it reads beyond the fields that every record has; by default everything.
    fn fields(&self) -> Fields {
        Fields::ALL
    }

    /// A request came in. [`completed`](Self::completed) follows exactly once, whatever happens.
    fn started(&self) {}

    /// A request is over.
    fn completed(&self, record: &Record<'_>);
}

/// Reads nothing.
impl Sink for () {
    fn fields(&self) -> Fields {
        Fields::NONE
    }

    fn completed(&self, _record: &Record<'_>) {}
}

/// Both read, one after the other.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn fields(&self) -> Fields {
        self.0.fields() | self.1.fields()
    }

    fn started(&self) {
        self.0.started();
        self.1.started();
    }

    fn completed(&self, record: &Record<'_>) {
        self.0.completed(record);
        self.1.completed(record);
    }
}

/// A closure as a sink. Made by [`ObserveLayer::sink_with`](super::ObserveLayer::sink_with).
pub struct SinkFn<F>(pub(super) Arc<F>);

impl<F> Sink for SinkFn<F>
where
    F: Fn(&Record<'_>) + Send + Sync + 'static,
{
    fn completed(&self, record: &Record<'_>) {
        (self.0)(record);
    }
}

impl<F> Clone for SinkFn<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> fmt::Debug for SinkFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkFn").finish_non_exhaustive()
    }
}

/// The fields of a [`Record`] that cost something to gather, as a set: `Fields::PATH | Fields::TRACE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields(u16);

impl Fields {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// [`Record::path`].
    pub const PATH: Self = Self(1);
    /// [`Record::request_bytes`].
    pub const REQUEST_BYTES: Self = Self(1 << 1);
    /// [`Record::time_to_headers`].
    pub const TIME_TO_HEADERS: Self = Self(1 << 2);
    /// [`Record::ended_at`].
    pub const WALL_TIME: Self = Self(1 << 3);
    /// [`Record::client_ip`].
    pub const CLIENT_IP: Self = Self(1 << 4);
    /// [`Record::request_id`].
    pub const REQUEST_ID: Self = Self(1 << 5);
    /// [`Record::user_agent`].
    pub const USER_AGENT: Self = Self(1 << 6);
    /// [`Record::subject`].
    pub const SUBJECT: Self = Self(1 << 7);
    /// [`Record::trace`].
    pub const TRACE: Self = Self(1 << 8);
    /// All of them, also those that later versions add.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether all of `others` are in the set.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

impl BitOr for Fields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
