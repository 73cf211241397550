use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::clock::Clock;

/// A clock that moves only when it is told to. Clones share their hands.
#[derive(Clone, Debug)]
pub struct ManualClock {
    start: Instant,
    system_start: SystemTime,
    elapsed_nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock whose wall time starts at `system_start`.
    pub fn new(system_start: SystemTime) -> Self {
        Self {
            start: Instant::now(),
            system_start,
            elapsed_nanos: Arc::default(),
        }
    }

    /// Moves both hands forward.
    ///
    /// # Panics
    ///
    /// If `by` exceeds the 584 years that 64 bits of nanoseconds hold.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).expect("a test advances by less than 584 years");
        self.elapsed_nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_nanos.load(Ordering::SeqCst))
    }
}

impl Default for ManualClock {
    /// Starts at the Unix epoch plus 1,800,000,000 seconds, a time in January 2027.
    fn default() -> Self {
        Self::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    fn system_time(&self) -> SystemTime {
        self.system_start + self.elapsed()
    }
}
