//! The state of all keys: bounded, sharded, and never swept.
//!
//! Each shard is one array of slots behind one lock, all of it allocated at the start. A key's hash
//! names a shard and a short run of neighbouring slots in it, and the key lives in one of these or
//! nowhere. A slot is never emptied: a key whose bucket is full again is *idle*, its slot says nothing
//! that a new key would not start with, and the next newcomer of the run takes it over. So expiry
//! costs nothing until its slot is wanted, and no request ever pays for more than one run.
//!
//! When all slots of a run are busy, the newcomer takes the slot of the key that is nearest to idle
//! and not limited at the moment: it loses the least, and whoever would have its own bucket
//! forgotten must first fill the run with keys that were charged more. When even that is not to be
//! had, because every key of the run is limited, the newcomer shares one bucket with all others in
//! its shard to whom this happens. A limited key is therefore never forgotten.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Slots that a key may live in. Up to seven tenths of the capacity fewer than one key in a thousand
/// finds its run full; at nine tenths, one in forty.
const RUN: usize = 32;

/// More shards than threads that are likely to want one at the same moment.
const SHARDS: usize = 64;

/// What a store keeps for each key, and how it is decided on. Times are nanoseconds since the limiter began.
pub(super) trait Algorithm {
    /// What is remembered of a key. The default is that of a key never seen.
    type State: Default;

    /// What becomes of the state if the request passes.
    type Next;

    /// Whether `cost` units may be spent now; if not, after how long. Remembers nothing. A cost above
    /// what a key can ever have counts as all of it, and a key never seen can always pay.
    fn attempt(
        &self,
        state: &mut Self::State,
        now: u64,
        cost: NonZeroU32,
    ) -> Result<Self::Next, u64>;

    /// Spends what an attempt found to be there.
    fn commit(&self, state: &mut Self::State, next: Self::Next);

    /// How long until the state says no more than the default: 0 is idle.
    fn busy(&self, state: &mut Self::State, now: u64) -> u64;

    /// Whether not even one unit may be spent now.
    fn limited(&self, state: &mut Self::State, now: u64) -> bool;

    fn standing(&self, state: &mut Self::State, now: u64) -> Standing;
}

/// Where a key stands, for whoever wants to know before it is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Units that could be spent at this moment.
    pub(super) remaining: u32,
    /// Nanoseconds until there is one unit more; 0 if there will never be more than now.
    pub(super) more: u64,
    /// Nanoseconds until all units are there.
    pub(super) full: u64,
}

/// What a store has done, counted where its lock is held anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Requests allowed of which this store's rule was the first to be asked.
    pub(super) allowed: u64,
    /// Requests for which this store's rule had nothing left.
    pub(super) exceeded: u64,
    /// Busy keys that were forgotten for a newcomer.
    pub(super) evicted: u64,
    /// Requests of newcomers that had to share a bucket.
    pub(super) overflowed: u64,
}

pub(super) struct Store<A: Algorithm> {
    algorithm: A,
    shards: Box<[Padded<Shard<A::State>>]>,
}

/// Keeps the lock of one shard off the cache lines of the next (two, as they are fetched in pairs).
#[repr(align(128))]
struct Padded<T>(Mutex<T>);

struct Shard<S> {
    slots: Box<[Slot<S>]>,
    overflow: S,
    tally: Tally,
}

/// One that was never used has the hash 0.
#[derive(Default)]
struct Slot<S> {
    hash: u64,
    state: S,
}

impl<A: Algorithm> Store<A> {
    /// Room for `capacity` keys, rounded down to a multiple of the number of shards.
    pub(super) fn new(algorithm: A, capacity: NonZeroUsize) -> Self {
        let capacity = capacity.get();
        let shards = (capacity / (2 * RUN)).clamp(1, SHARDS);
        let shard = || {
            Padded(Mutex::new(Shard {
                slots: (0..capacity / shards).map(|_| Slot::default()).collect(),
                overflow: A::State::default(),
                tally: Tally::default(),
            }))
        };
        Self {
            algorithm,
            shards: (0..shards).map(|_| shard()).collect(),
        }
    }

    /// Locks the place of the key with this hash until it is dropped.
    ///
    /// Two keys with the same hash share a bucket. Hashes have 64 bits and a seed that nobody outside
    /// knows, so among a million busy keys the odds that any two of them meet are 1 in 37 million.
    // Inlined here and below: the calls would cost a hundred instructions per request.
    #[inline(always)]
    pub(super) fn hold(&self, hash: u64, now: u64) -> Held<'_, A> {
        let hash = hash.max(1);
        // The upper half of the hash picks the shard, the lower half the slot.
        let shard = scale(hash >> 32, self.shards.len());
        let mut shard = self.shards[shard].lock();
        let place = shard.find(hash).unwrap_or_else(|run| {
            let place = shard.make_room(&self.algorithm, run, now);
            shard.tally.overflowed += u64::from(matches!(place, Place::Overflow));
            place
        });
        Held {
            algorithm: &self.algorithm,
            shard,
            place,
            hash,
            now,
        }
    }

    /// How many keys have a bucket that is not full, and what was counted. Locks one shard at a time.
    pub(super) fn survey(&self, now: u64) -> (usize, Tally) {
        let mut active = 0;
        let mut sum = Tally::default();
        for shard in &self.shards {
            let mut shard = shard.lock();
            for slot in &mut shard.slots {
                active += usize::from(self.algorithm.busy(&mut slot.state, now) > 0);
            }
            let tally = shard.tally;
            sum.allowed += tally.allowed;
            sum.exceeded += tally.exceeded;
            sum.evicted += tally.evicted;
            sum.overflowed += tally.overflowed;
        }
        (active, sum)
    }
}

impl<A: Algorithm + fmt::Debug> fmt::Debug for Store<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl<T> Padded<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        // A shard is consistent between any two statements, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Maps the lower 32 bits of `hash` evenly to `0..len`.
fn scale(hash: u64, len: usize) -> usize {
    let product = u128::from(hash & 0xffff_ffff) * len as u128;
    usize::try_from(product >> 32).unwrap_or_default()
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The key's own slot.
    Known(usize),
    /// A slot that was free or idle.
    Vacant(usize),
    /// The slot of a key that has to give way.
    Taken(usize),
    /// The bucket that newcomers share.
    Overflow,
}

impl<S> Shard<S> {
    fn run(&self, hash: u64) -> Range<usize> {
        let len = self.slots.len();
        let start = scale(hash, len.saturating_sub(RUN) + 1);
        start..len.min(start + RUN)
    }

    /// The key's place, or else the run in which to make room for it.
    fn find(&self, hash: u64) -> Result<Place, Range<usize>> {
        let run = self.run(hash);
        for (slot, index) in self.slots[run.clone()].iter().zip(run.clone()) {
            if slot.hash == hash {
                return Ok(Place::Known(index));
            }
            // Slots are filled from the start of the run and never emptied: no key lies beyond.
            if slot.hash == 0 {
                return Ok(Place::Vacant(index));
            }
        }
        Err(run)
    }

    fn make_room<A>(&mut self, algorithm: &A, run: Range<usize>, now: u64) -> Place
    where
        A: Algorithm<State = S>,
    {
        let mut least = u64::MAX;
        let mut place = Place::Overflow;
        for (slot, index) in self.slots[run.clone()].iter_mut().zip(run) {
            let busy = algorithm.busy(&mut slot.state, now);
            if busy == 0 {
                return Place::Vacant(index);
            }
            if busy < least && !algorithm.limited(&mut slot.state, now) {
                least = busy;
                place = Place::Taken(index);
            }
        }
        place
    }
}

/// One key's state, with its shard locked.
pub(super) struct Held<'a, A: Algorithm> {
    algorithm: &'a A,
    shard: MutexGuard<'a, Shard<A::State>>,
    place: Place,
    hash: u64,
    now: u64,
}

impl<A: Algorithm> Held<'_, A> {
    /// As [`Algorithm::attempt`].
    #[inline(always)]
    pub(super) fn attempt(&mut self, cost: NonZeroU32) -> Result<A::Next, u64> {
        let (algorithm, now) = (self.algorithm, self.now);
        self.with(|state| algorithm.attempt(state, now, cost))
    }

    /// As [`Algorithm::commit`]. Only now does a newcomer take a slot, so that requests which are
    /// refused for another reason push nobody out.
    #[inline(always)]
    pub(super) fn commit(&mut self, next: A::Next) {
        match self.place {
            Place::Known(_) | Place::Overflow => {}
            Place::Vacant(index) => self.settle_in(index),
            Place::Taken(index) => {
                self.shard.tally.evicted += 1;
                self.settle_in(index);
            }
        }
        let algorithm = self.algorithm;
        self.with(|state| algorithm.commit(state, next));
    }

    /// As [`Algorithm::standing`].
    pub(super) fn standing(&mut self) -> Standing {
        let (algorithm, now) = (self.algorithm, self.now);
        self.with(|state| algorithm.standing(state, now))
    }

    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.shard.tally
    }

    fn settle_in(&mut self, index: usize) {
        self.shard.slots[index] = Slot {
            hash: self.hash,
            state: A::State::default(),
        };
        self.place = Place::Known(index);
    }

    #[inline(always)]
    fn with<T>(&mut self, f: impl FnOnce(&mut A::State) -> T) -> T {
        match self.place {
            Place::Known(index) => f(&mut self.shard.slots[index].state),
            Place::Overflow => f(&mut self.shard.overflow),
            Place::Vacant(_) | Place::Taken(_) => f(&mut A::State::default()),
        }
    }
}
