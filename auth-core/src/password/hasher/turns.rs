use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::error::Fault;

/// Waiting requests for each hash that is being made. An office that signs in at nine is no flood: at tens of milliseconds a hash
/// it is the patience that ends the waiting, and this bounds what a flood can hold.
pub(super) const QUEUE: u32 = 32;

/// Who may hash now, and who may wait for it.
#[derive(Debug)]
pub(super) struct Turns {
    /// One for each that runs or waits.
    places: Arc<Semaphore>,
    /// One for each that runs; more for one that takes the memory of several.
    permits: Arc<Semaphore>,
    total: u32,
    patience: Duration,
}

/// As long as it is held, it counts. It goes wherever the work goes.
#[derive(Debug)]
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _permits: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(total: u32, patience: Duration) -> Self {
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        Self {
            places: semaphore(total * (1 + QUEUE)),
            permits: semaphore(total),
            total,
            patience,
        }
    }

    /// Waits for a turn in which as much memory may be used as `weight` usual hashes take.
    pub(super) async fn take(&self, weight: u32) -> Result<Turn, Fault> {
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_full| Fault::Busy)?;
        let weight = weight.clamp(1, self.total);
        let permits = self.permits.clone().acquire_many_owned(weight);
        match tokio::time::timeout(self.patience, permits).await {
            Ok(Ok(permits)) => Ok(Turn {
                _place: place,
                _permits: permits,
            }),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Fault::Busy),
        }
    }

    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Those that run and wait.
    pub(super) fn taken(&self) -> usize {
        let places = (self.total * (1 + QUEUE)) as usize;
        places.saturating_sub(self.places.available_permits())
    }
}
