//! Time as a parameter: what a layer asks instead of the operating system, so that tests hold the hands.

use std::time::{Instant, SystemTime};

/// Where a layer reads the time.
///
/// Both readings come from one place so that a test which moves one moves the other. Clones of a
/// clock tell the same time.
pub trait Clock: Clone + Send + Sync + 'static {
    /// Monotonic time, for durations, deadlines and rates.
    fn now(&self) -> Instant;

    /// Wall-clock time, for what is shown or compared with a timestamp from elsewhere.
    fn system_time(&self) -> SystemTime;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn system_time(&self) -> SystemTime {
        SystemTime::now()
    }
}
