//! The audit trail: every event in the log at once, and in the database a moment later.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_auth_core::audit::{AuditSink, Event, EventKind, Severity, TracingSink};
use portcullis_auth_core::time::{Clock as _, SystemClock};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::store::Store;

/// How many events may wait for the database. Beyond that, the oldest that is only for the record is dropped.
const CAPACITY: usize = 4096;
/// How many that must not be dropped may wait beside these: an attack that makes more of them fills the memory otherwise.
const RESERVE: usize = 4096;
/// How many are written at once.
const BATCH: usize = 256;
/// How long a database that does not take them is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// Takes events without making anybody wait. A clone is the same trail.
#[derive(Clone)]
pub(crate) struct AuditTrail(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    work: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    dropped: u64,
    closed: bool,
}

/// The task that writes. To be [flushed](Self::flush) before the database is closed.
#[derive(Debug)]
pub(crate) struct Writer {
    trail: AuditTrail,
    task: JoinHandle<()>,
}

impl AuditTrail {
    /// Starts the task that writes to `store`.
    pub(crate) fn start(store: Store) -> (Self, Writer) {
        let trail = Self(Arc::new(Shared {
            queue: Mutex::default(),
            work: Notify::new(),
        }));
        let task = tokio::spawn(trail.clone().write(store));
        let writer = Writer {
            trail: trail.clone(),
            task,
        };
        (trail, writer)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(self, store: Store) {
        loop {
            let (batch, closed) = self.queue().batch();
            if batch.is_empty() {
                if closed {
                    return;
                }
                self.0.work.notified().await;
                continue;
            }
            if let Err(error) = store.add_events(&batch).await {
                tracing::error!(%error, "the audit trail cannot be written");
                if closed {
                    return;
                }
                self.queue().put_back(batch);
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Queue {
    fn push(&mut self, event: Event) {
        if self.events.len() >= CAPACITY {
            let expendable = |event: &Event| event.severity_ref() <= Severity::Warning;
            if let Some(oldest) = self.events.iter().position(expendable) {
                self.events.remove(oldest);
                self.dropped += 1;
            } else if expendable(&event) || self.events.len() >= CAPACITY + RESERVE {
                self.dropped += 1;
                return;
            }
        }
        self.events.push_back(event);
    }

    /// What is to be written next, led by what was dropped, and whether that is the end.
    fn batch(&mut self) -> (Vec<Event>, bool) {
        let dropped = std::mem::take(&mut self.dropped);
        let told = (dropped > 0).then(|| {
            let event = Event::new(EventKind::AuditDropped, SystemClock.now()).count(dropped);
            TracingSink.record(&event);
            event
        });
        let next = self.events.len().min(BATCH);
        let batch = told.into_iter().chain(self.events.drain(..next)).collect();
        (batch, self.closed)
    }

    fn put_back(&mut self, batch: Vec<Event>) {
        for event in batch.into_iter().rev() {
            self.events.push_front(event);
        }
    }
}

impl AuditSink for AuditTrail {
    fn record(&self, event: &Event) {
        TracingSink.record(event);
        self.queue().push(event.clone());
        self.0.work.notify_one();
    }
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue();
        f.debug_struct("AuditTrail")
            .field("waiting", &queue.events.len())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Waits until all that was recorded before is written.
    pub(crate) async fn flush(self) {
        self.trail.queue().closed = true;
        self.trail.0.work.notify_one();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the audit trail was not flushed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> Event {
        Event::new(kind, SystemClock.now())
    }

    #[test]
    fn what_is_for_the_record_gives_way_to_what_is_critical() {
        let mut queue = Queue::default();
        for _ in 0..CAPACITY {
            queue.push(event(EventKind::SessionRenewed));
        }
        queue.push(event(EventKind::TokenReuse));
        assert_eq!((queue.events.len(), queue.dropped), (CAPACITY, 1));
        for _ in 0..2 * CAPACITY {
            queue.push(event(EventKind::TokenReuse));
        }
        let critical = queue.events.iter();
        let critical = critical.filter(|event| event.kind() == EventKind::TokenReuse);
        assert_eq!(critical.count(), CAPACITY + RESERVE);
        let before = queue.dropped;
        queue.push(event(EventKind::SessionRenewed));
        assert_eq!(queue.dropped, before + 1);

        let (batch, _) = queue.batch();
        assert_eq!(batch[0].kind(), EventKind::AuditDropped);
        assert_eq!(batch[0].count_ref(), Some(before + 1));
        assert_eq!(queue.dropped, 0);
    }

    #[tokio::test]
    async fn what_was_recorded_is_there_after_the_flush() {
        let location = crate::store::Location::parse("sqlite::memory:").unwrap();
        let store = Store::open(&location).await.unwrap();
        let (trail, writer) = AuditTrail::start(store.clone());
        let tenant = "default".parse().unwrap();
        for _ in 0..1000 {
            trail.record(&event(EventKind::LoginFail).tenant(&tenant));
        }
        writer.flush().await;
        let page = crate::domain::page::Page {
            after: None,
            limit: 2000,
        };
        let filter = crate::store::AuditFilter::default();
        let events = store.events(&tenant, &filter, &page).await.unwrap();
        assert_eq!(events.len(), 1000);
        assert!(events.windows(2).all(|pair| pair[0].id > pair[1].id));
    }
}
