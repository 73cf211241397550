//! The attempts of this process whose end is not known yet, and those that wait for it.
//!
//! Charging comes before checking, so that a bucket can be full of attempts all of which turn out to be right. Whoever finds it
//! full waits for these to end, and is refused when they have.

#[cfg(test)]
mod interleavings;
mod table;
#[cfg(test)]
mod tests;

/// What `table` is built on, so that a test can build it on something else.
mod sync {
    pub(super) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
}

use tokio::time::{Instant, timeout_at};

use self::table::Next;
pub(super) use self::table::{Entrant, Undecided};
use super::Key;

/// What became of the attempts that took the room of another.
pub(super) enum Others {
    MadeRoom,
    AreDone,
    GoOn,
}

/// Waits for those who are in the buckets of `keys` as well, which had no room for `entrant`.
pub(super) async fn outlast(entrant: Entrant, keys: Vec<Key>, deadline: Instant) -> Others {
    let wait = match entrant.refused(keys) {
        Next::Again if Instant::now() < deadline => return Others::MadeRoom,
        Next::Again | Next::Full => return Others::GoOn,
        Next::Over => return Others::AreDone,
        Next::Wait(wait) => wait,
    };
    match timeout_at(deadline, wait).await {
        Ok(true) => Others::MadeRoom,
        Ok(false) => Others::AreDone,
        Err(_) => Others::GoOn,
    }
}
