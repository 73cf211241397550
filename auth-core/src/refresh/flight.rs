//! One at a time for each family, within this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use tokio::sync::Mutex;

use crate::id::SessionId;

/// Lets those who want the same row queue here, where it costs nothing. In the database each would hold a connection while it
/// waits, and ten tabs of one user would keep everybody else out.
#[derive(Default)]
pub(super) struct Flights(Lock<HashMap<SessionId, Gate>>);

#[derive(Default)]
struct Gate {
    turn: Arc<Mutex<()>>,
    /// Who works or waits. Changes under the lock on the map, and so the last one is known to be the last.
    present: usize,
}

/// Somebody who is present.
struct Flight<'a> {
    all: &'a Flights,
    id: SessionId,
}

impl Flights {
    /// Does `work` when nobody else does any for `id`.
    pub(super) async fn alone<T>(&self, id: SessionId, work: impl Future<Output = T>) -> T {
        // Before the wait: who gives up waiting leaves as well.
        let (_flight, turn) = self.enter(id);
        let _turn = turn.lock().await;
        work.await
    }

    fn enter(&self, id: SessionId) -> (Flight<'_>, Arc<Mutex<()>>) {
        let mut gates = self.gates();
        let gate = gates.entry(id).or_default();
        gate.present += 1;
        (Flight { all: self, id }, gate.turn.clone())
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<SessionId, Gate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut gate) = self.all.gates().entry(self.id) {
            gate.get_mut().present -= 1;
            if gate.get().present == 0 {
                gate.remove();
            }
        }
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flights").field(&self.gates().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_works_at_a_time_and_nothing_is_left() {
        let flights = Arc::new(Flights::default());
        let id = SessionId::generate();
        let working = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (flights, working) = (flights.clone(), working.clone());
                tokio::spawn(async move {
                    let work = async {
                        assert_eq!(working.fetch_add(1, Ordering::SeqCst), 0);
                        tokio::task::yield_now().await;
                        working.fetch_sub(1, Ordering::SeqCst);
                    };
                    flights.alone(id, work).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(flights.gates().is_empty());
    }

    async fn is_pending(work: &mut (impl Future + Unpin)) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *work).poll(cx).is_pending())).await
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing() {
        let flights = Flights::default();
        let id = SessionId::generate();
        let mut first = Box::pin(flights.alone(id, std::future::pending::<()>()));
        let mut second = Box::pin(flights.alone(id, async {}));
        assert!(is_pending(&mut first).await);
        assert!(is_pending(&mut second).await);
        // While it works: the next one takes its turn.
        drop(first);
        assert_eq!(flights.gates().len(), 1);
        second.await;
        assert!(flights.gates().is_empty());

        let mut working = Box::pin(flights.alone(id, std::future::pending::<()>()));
        let mut waiting = Box::pin(flights.alone(id, async {}));
        assert!(is_pending(&mut working).await);
        assert!(is_pending(&mut waiting).await);
        // While it waits.
        drop(waiting);
        assert_eq!(flights.gates().len(), 1);
        drop(working);
        assert!(flights.gates().is_empty());
    }
}
