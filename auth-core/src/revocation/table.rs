use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::mark::{Mark, What};
use super::{Marks, Revocation};
use crate::time::Timestamp;

const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What is revoked, as far as this instance knows.
#[derive(Debug)]
pub(super) struct Table {
    ended: HashMap<Mark, Timestamp>,
    epochs: HashMap<Mark, (u64, Timestamp)>,
    capacity: usize,
    swept_at: Timestamp,
}

/// There is no room, and nothing may be forgotten: that would let revoked tokens in again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ended: HashMap::new(),
            epochs: HashMap::new(),
            capacity,
            swept_at: Timestamp::MIN,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ended.len() + self.epochs.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes a revocation in. Nothing is ever taken back: of two for the same, the later time and the higher epoch count.
    pub(super) fn add(&mut self, revocation: &Revocation, now: Timestamp) -> Result<(), Full> {
        let until = revocation.until;
        if until <= now {
            return Ok(());
        }
        if self.len() >= self.capacity || now.since(self.swept_at) >= SWEEP_EVERY {
            self.sweep(now);
        }
        let full = self.len() >= self.capacity;
        match revocation.what {
            What::Ended(mark) => match self.ended.entry(mark) {
                Entry::Occupied(mut known) => *known.get_mut() = until.max(*known.get()),
                Entry::Vacant(_) if full => return Err(Full),
                Entry::Vacant(free) => {
                    free.insert(until);
                }
            },
            What::Below(mark, epoch) => match self.epochs.entry(mark) {
                Entry::Occupied(mut known) => {
                    let (known_epoch, known_until) = known.get_mut();
                    *known_epoch = epoch.max(*known_epoch);
                    *known_until = until.max(*known_until);
                }
                Entry::Vacant(_) if full => return Err(Full),
                Entry::Vacant(free) => {
                    free.insert((epoch, until));
                }
            },
        }
        Ok(())
    }

    pub(super) fn is_revoked(&self, marks: &Marks, now: Timestamp) -> bool {
        let ended = |mark: Option<Mark>| {
            let until = mark.and_then(|mark| self.ended.get(&mark));
            until.is_some_and(|until| now < *until)
        };
        let below = marks.subject.is_some_and(|(mark, epoch)| {
            let least = self.epochs.get(&mark);
            least.is_some_and(|(least, until)| epoch < *least && now < *until)
        });
        ended(marks.session) || ended(marks.foreign_session) || ended(marks.token) || below
    }

    fn sweep(&mut self, now: Timestamp) {
        self.swept_at = now;
        self.ended.retain(|_, until| now < *until);
        self.epochs.retain(|_, (_, until)| now < *until);
    }
}
