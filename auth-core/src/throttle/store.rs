use std::fmt;

use super::{Admission, Charge, Settlement, Verdict};
use crate::store::Answer;
use crate::time::Timestamp;

/// Where buckets are kept.
///
/// Each method is one atomic step over all buckets of the charge: of any number of parallel charges no more are admitted than
/// there is room for. Keys are charged in the order in which the slots are listed; a store that locks them one by one sorts
/// them first. [`testing::store_conformance`](super::testing::store_conformance) tells whether a store keeps to this.
pub trait ThrottleStore: fmt::Debug + Send + Sync + 'static {
    /// Does what [`Charge::decide`] does.
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> Answer<'a, Verdict>;

    /// Does what [`Charge::settle`] does.
    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> Answer<'a, ()>;

    /// Deletes up to `limit` buckets that say no more than an empty one, and returns how many there were. A store that
    /// forgets by itself does nothing.
    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64>;
}
