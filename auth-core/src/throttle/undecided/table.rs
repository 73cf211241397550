use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::throttle::Key;

/// So many wait at most: what can be hashed while they do, and no more than a flood may hold.
pub(crate) const MAX_WAITING: usize = 512;

/// All attempts of a gate that are not decided. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct Undecided(Arc<Mutex<Table>>);

/// Entrants, those who wait, and moments at which something was freed have numbers of one row: the smaller was earlier.
type Number = u64;

#[derive(Default)]
struct Table {
    last: Number,
    buckets: BTreeMap<Key, Bucket>,
    waiting: BTreeMap<Number, Waiter>,
}

#[derive(Default)]
struct Bucket {
    entrants: BTreeSet<Number>,
    freed: Number,
}

struct Waiter {
    keys: Vec<Key>,
    /// Whether anything was freed since it waits.
    hope: bool,
    /// Whether to try again.
    answer: Option<bool>,
    waker: Waker,
}

/// An attempt, from before it is charged until it is decided. Dropped, it has freed nothing.
pub(crate) struct Entrant {
    all: Undecided,
    number: Number,
    keys: Vec<Key>,
}

/// What somebody who found no room can do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Try again: there was room since.
    Again,
    /// Wait for others to end.
    Wait(Wait),
    /// Others have not ended, and too many wait for that already.
    Full,
    /// Nothing: no other is undecided.
    Over,
}

/// Waits for others to end: true if another try may find room.
#[must_use = "futures do nothing unless they are polled"]
pub(crate) struct Wait {
    all: Undecided,
    number: Number,
}

impl Undecided {
    /// Somebody is about to be charged in the buckets of `keys`.
    pub(crate) fn enter(&self, keys: Vec<Key>) -> Entrant {
        let mut table = self.table();
        let number = table.number();
        for key in &keys {
            let bucket = table.buckets.entry(*key).or_default();
            bucket.entrants.insert(number);
        }
        let all = self.clone();
        Entrant { all, number, keys }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let table = self.table();
        table.buckets.is_empty() && table.waiting.is_empty()
    }
}

impl Entrant {
    /// The attempt was charged in the buckets of `keys` and no others.
    pub(crate) fn charged(&mut self, keys: Vec<Key>) {
        let mut left = mem::replace(&mut self.keys, keys);
        left.retain(|key| !self.keys.contains(key));
        self.leave(&left, false);
    }

    /// The attempt has given back what it was charged.
    pub(crate) fn give_back(&mut self) {
        let keys = mem::take(&mut self.keys);
        self.leave(&keys, true);
    }

    /// The attempt was not charged, since those of `keys` were full.
    pub(crate) fn refused(mut self, keys: Vec<Key>) -> Next {
        let mut table = self.all.table();
        let freed = keys.iter().filter_map(|key| table.buckets.get(key));
        let freed = freed.map(|bucket| bucket.freed).max().unwrap_or_default();
        // In one step with the look at the others: two that are refused must not wait for each other.
        let wakers = table.leave(self.number, &mem::take(&mut self.keys), false);
        let next = if freed > self.number {
            Next::Again
        } else if !table.are_undecided(&keys, Number::MAX) {
            Next::Over
        } else if table.waiting.len() >= MAX_WAITING {
            Next::Full
        } else {
            let number = table.number();
            table.waiting.insert(
                number,
                Waiter {
                    keys,
                    hope: false,
                    answer: None,
                    waker: Waker::noop().clone(),
                },
            );
            let all = self.all.clone();
            Next::Wait(Wait { all, number })
        };
        drop(table);
        wake(wakers);
        next
    }

    fn leave(&self, keys: &[Key], freed: bool) {
        if keys.is_empty() {
            return;
        }
        let wakers = self.all.table().leave(self.number, keys, freed);
        wake(wakers);
    }
}

impl Drop for Entrant {
    fn drop(&mut self) {
        let keys = mem::take(&mut self.keys);
        self.leave(&keys, false);
    }
}

impl Table {
    fn number(&mut self) -> Number {
        self.last += 1;
        self.last
    }

    /// Whether there is anybody in one of `keys` from before `number`.
    fn are_undecided(&self, keys: &[Key], number: Number) -> bool {
        let mut buckets = keys.iter().filter_map(|key| self.buckets.get(key));
        buckets.any(|bucket| bucket.entrants.first().is_some_and(|first| *first < number))
    }

    /// Takes an entrant out of `keys`, and returns whom that concerns: of each bucket in which it made room, the first who waits
    /// for that, and all who wait for nobody else.
    fn leave(&mut self, entrant: Number, keys: &[Key], freed: bool) -> Vec<Waker> {
        let now = self.number();
        for key in keys {
            if let Some(bucket) = self.buckets.get_mut(key) {
                bucket.entrants.remove(&entrant);
                if freed {
                    bucket.freed = now;
                }
                if bucket.entrants.is_empty() {
                    self.buckets.remove(key);
                }
            }
        }
        let mut taken = Vec::new();
        let mut wakers = Vec::new();
        let mut waiting = mem::take(&mut self.waiting);
        for (number, waiter) in &mut waiting {
            let shared = keys.iter().filter(|key| waiter.keys.contains(key));
            let shared: Vec<&Key> = shared.collect();
            if shared.is_empty() || waiter.answer.is_some() {
                continue;
            }
            waiter.hope |= freed;
            let is_first = freed && shared.iter().any(|key| !taken.contains(key));
            if is_first {
                taken.extend(shared);
            }
            if is_first || !self.are_undecided(&waiter.keys, *number) {
                waiter.answer = Some(waiter.hope);
                wakers.push(mem::replace(&mut waiter.waker, Waker::noop().clone()));
            }
        }
        self.waiting = waiting;
        wakers
    }
}

/// Not under the lock: what is woken may run at once.
fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl Future for Wait {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut table = self.all.table();
        let Some(waiter) = table.waiting.get_mut(&self.number) else {
            return Poll::Ready(false);
        };
        match waiter.answer {
            Some(answer) => Poll::Ready(answer),
            None => {
                waiter.waker.clone_from(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // Dropped after the lock is: a waker may be the last that is left of a task.
        let _waiter = self.all.table().waiting.remove(&self.number);
    }
}

impl fmt::Debug for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table();
        f.debug_struct("Undecided")
            .field("buckets", &table.buckets.len())
            .field("waiting", &table.waiting.len())
            .finish()
    }
}

impl fmt::Debug for Entrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entrant").field(&self.number).finish()
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wait").field(&self.number).finish()
    }
}
