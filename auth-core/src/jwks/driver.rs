//! The task that reads: since there is one, no two fetches are ever under way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::fetch::{FetchError, FetchErrorKind};
use super::schedule::Next;
use super::shared::{Reading, Shared};

/// Reads the keys whenever it is time to, and tells of each flight that has ended, until it is aborted.
pub(super) async fn drive(shared: Arc<Shared>, ended: watch::Sender<u64>) {
    let mut place = None;
    loop {
        let flight = begin(&shared).await;
        match fly(shared.clone(), place.take()).await {
            Ok(reading) => {
                place = Some(reading.place);
                shared.succeeded(reading.keys, reading.fresh_for);
            }
            Err(error) => shared.failed(&error, random()),
        }
        ended.send_replace(flight);
    }
}

/// Waits until the next flight is due, or asked for.
async fn begin(shared: &Shared) -> u64 {
    loop {
        let now = shared.now();
        let at = {
            let mut schedule = shared.schedule();
            match schedule.next(now) {
                Next::Now => return schedule.begin(now),
                Next::At(at) => at,
            }
        };
        shared.wake_at.store(at.as_millis(), Ordering::Relaxed);
        // Woken or not, it is looked at the time again.
        let _woken = timeout(at.since(now), shared.wake.notified()).await;
    }
}

/// Reads the keys, in a task of its own: a fetcher that panics costs its flight, and no more.
async fn fly(shared: Arc<Shared>, place: Option<Endpoint>) -> Result<Reading, FetchError> {
    let mut flight = JoinSet::new();
    flight.spawn(async move { shared.read(place).await });
    match flight.join_next().await {
        Some(Ok(reading)) => reading,
        Some(Err(error)) => Err(FetchError::new(FetchErrorKind::Aborted, error)),
        None => Err(FetchErrorKind::Aborted.into()),
    }
}

fn random() -> u32 {
    // Without randomness the wait is the shortest one.
    getrandom::u32().unwrap_or_default()
}
