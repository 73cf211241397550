//! How often the same thing is told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Key;
use crate::time::Timestamp;

const INTERVAL: Duration = Duration::from_secs(60);

/// More buckets than can be limited at once by anybody but an attack, of which one event a minute tells as well.
const MAX_ENTRIES: usize = 4096;

/// The key of all that find no place.
const OTHERS: Key = [0; 16];

/// Counts what happens again and again, and lets it be told once a minute.
#[derive(Debug, Default)]
pub(super) struct Report(Mutex<HashMap<Key, Entry>>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    told_at: Timestamp,
    untold: u64,
}

impl Report {
    /// How many times `key` has come since it was last told, if it is to be told now.
    pub(super) fn count(&self, key: Key, now: Timestamp) -> Option<u64> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            let mut lost = 0;
            entries.retain(|_, entry| {
                let due = now.since(entry.told_at) >= INTERVAL;
                lost += if due { entry.untold } else { 0 };
                !due
            });
            if lost > 0 {
                let others = entries.entry(OTHERS).or_insert(Entry {
                    told_at: Timestamp::MIN,
                    untold: 0,
                });
                others.untold += lost;
            }
        }
        let key = if entries.len() < MAX_ENTRIES || entries.contains_key(&key) {
            key
        } else {
            OTHERS
        };
        let entry = entries.entry(key).or_insert(Entry {
            told_at: Timestamp::MIN,
            untold: 0,
        });
        entry.untold += 1;
        if now.since(entry.told_at) < INTERVAL {
            return None;
        }
        entry.told_at = now;
        Some(std::mem::take(&mut entry.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_told_once_a_minute_with_its_count() {
        let report = Report::default();
        let start = Timestamp::from_secs(1_790_000_000).unwrap();
        let after = |seconds| start.plus(Duration::from_secs(seconds));
        assert_eq!(report.count([1; 16], start), Some(1));
        assert_eq!(report.count([2; 16], start), Some(1));
        assert_eq!(report.count([1; 16], after(1)), None);
        assert_eq!(report.count([1; 16], after(59)), None);
        assert_eq!(report.count([1; 16], after(60)), Some(3));
        assert_eq!(report.count([2; 16], after(60)), Some(1));
    }

    #[test]
    fn what_finds_no_place_is_told_together() {
        let report = Report::default();
        let start = Timestamp::from_secs(1_790_000_000).unwrap();
        let key = |n: usize| {
            let mut key = [9; 16];
            key[..8].copy_from_slice(&n.to_be_bytes());
            key
        };
        for n in 0..MAX_ENTRIES {
            assert_eq!(report.count(key(n), start), Some(1));
        }
        assert_eq!(report.count(key(MAX_ENTRIES), start), Some(1));
        assert_eq!(report.count(key(MAX_ENTRIES + 1), start), None);
        assert_eq!(report.0.lock().unwrap().len(), MAX_ENTRIES + 1);
        // Place is made by what is due, and nothing of it is lost.
        let later = start.plus(INTERVAL);
        assert_eq!(report.count(key(MAX_ENTRIES + 2), later), Some(1));
        assert_eq!(report.count(OTHERS, later), Some(2));
    }
}
