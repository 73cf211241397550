//! The exact sliding window: a log of what was accepted.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::quota::SlidingWindow;
use super::store::{Algorithm, Standing};

/// How many records a key may have at most; see [`SlidingWindow`].
const RECORDS: u64 = 1024;

/// What a period is divided into where each unit cannot have a record of its own. A window that does
/// not begin where a grain does touches one grain more than this, which must not exceed the records.
const GRAINS: u64 = 1000;

/// Records that a quiet key may keep the memory of.
const KEPT: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    units: NonZeroU32,
    period: u64,
    /// Times are rounded up to a multiple of this.
    grain: u64,
}

/// What one key was given and has not yet got back, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    records: VecDeque<Record>,
    used: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// When these units leave the window.
    leaves: u64,
    units: u32,
}

impl Window {
    pub(super) fn new(window: SlidingWindow) -> Self {
        let rate = window.rate();
        let fits = u64::from(rate.units.get()) <= RECORDS;
        Self {
            units: rate.units,
            period: rate.period,
            grain: if fits {
                1
            } else {
                rate.period.div_ceil(GRAINS)
            },
        }
    }
}

impl Log {
    fn expire(&mut self, now: u64) {
        while let Some(record) = self.records.front()
            && record.leaves <= now
        {
            self.used -= record.units;
            self.records.pop_front();
        }
        if self.records.is_empty() && self.records.capacity() > KEPT {
            self.records = VecDeque::new();
        }
    }
}

impl Algorithm for Window {
    type State = Log;
    type Next = Record;

    fn attempt(&self, log: &mut Log, now: u64, cost: NonZeroU32) -> Result<Record, u64> {
        log.expire(now);
        // Without the cap, a request that costs more than the window holds could never pass.
        let cost = cost.min(self.units).get();
        let room = self.units.get() - log.used;
        if cost <= room {
            let leaves = now.next_multiple_of(self.grain) + self.period;
            return Ok(Record {
                leaves,
                units: cost,
            });
        }
        let mut missing = cost - room;
        for record in &log.records {
            if record.units >= missing {
                return Err(record.leaves - now);
            }
            missing -= record.units;
        }
        // Not reached: the records hold all the units that are missing.
        Err(self.period)
    }

    fn commit(&self, log: &mut Log, next: Record) {
        log.used += next.units;
        match log.records.back_mut() {
            // Also where another thread read its clock later and came here sooner.
            Some(last) if last.leaves >= next.leaves => last.units += next.units,
            _ => log.records.push_back(next),
        }
    }

    fn busy(&self, log: &mut Log, now: u64) -> u64 {
        log.expire(now);
        log.records.back().map_or(0, |last| last.leaves - now)
    }

    fn limited(&self, log: &mut Log, now: u64) -> bool {
        log.expire(now);
        log.used == self.units.get()
    }

    fn standing(&self, log: &mut Log, now: u64) -> Standing {
        log.expire(now);
        Standing {
            remaining: self.units.get() - log.used,
            more: log.records.front().map_or(0, |first| first.leaves - now),
            full: log.records.back().map_or(0, |last| last.leaves - now),
        }
    }
}

#[cfg(test)]
impl Log {
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.records.capacity()
    }
}
