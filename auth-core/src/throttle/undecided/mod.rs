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

pub(super) use table::{Entrant, Next, Undecided};
