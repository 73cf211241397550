//! The series of one service: found without a lock, added under one, never more than the cap.

use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use ahash::RandomState;
use http::Method;

use super::exemplar::Exemplars;
use super::histogram::Histogram;
use crate::observe::{Outcome, Record};

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER",
];

/// The route of requests that matched none.
const UNMATCHED: &str = "_unmatched";
/// What stands for everything beyond the cap.
const OTHER: &str = "_other";
/// Templates are written by people; what is longer than this is not one.
const MAX_ROUTE: usize = 256;

/// Everything by which series differ, except the route. One word, to be compared at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    method: u8,
    grpc: u8,
    /// A status; below 100 the outcome of a request without an answer.
    status: u16,
}

const NO_GRPC: u8 = u8::MAX;
const NO_STATUS: [Outcome; 5] = [
    Outcome::Finished,
    Outcome::Failed,
    Outcome::Cancelled,
    Outcome::TimedOut,
    Outcome::Panicked,
];
const OTHER_STATUS: u16 = 99;

/// The series that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    kind: Kind,
    route: &'a str,
}

impl<'a> Key<'a> {
    pub(super) fn of(record: &Record<'a>) -> Self {
        let status = record.status.map(|status| status.as_u16());
        let kind = Kind {
            method: method(record.method),
            grpc: record.grpc_status.map_or(NO_GRPC, |code| code as u8),
            status: status.unwrap_or(record.outcome as u16),
        };
        let route = match record.route {
            Some(route) if route.len() <= MAX_ROUTE => route,
            Some(_) => OTHER,
            None => UNMATCHED,
        };
        Self { kind, route }
    }

    /// The same request under the route that stands for all others.
    pub(super) fn other(self) -> Self {
        Self {
            route: OTHER,
            ..self
        }
    }

    /// What is left when there is no room for that either.
    const LAST: Key<'static> = Key {
        kind: Kind {
            method: 9,
            grpc: NO_GRPC,
            status: OTHER_STATUS,
        },
        route: OTHER,
    };
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Kind {
            method,
            grpc,
            status,
        } = self.kind;
        state.write_u32(u32::from(status) << 16 | u32::from(grpc) << 8 | u32::from(method));
        state.write(self.route.as_bytes());
    }
}

fn method(method: &Method) -> u8 {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::CONNECT => 5,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::PATCH => 8,
        _ => 9,
    }
}

/// The numbers of one label set. Padded, so that threads busy with two series do not share a line.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Series {
    pub(super) durations: Histogram<15>,
    pub(super) response_sizes: Histogram<6>,
    pub(super) request_sizes: Histogram<6>,
    pub(super) exemplars: Exemplars,
    /// `method="GET",route="/",status="200"`
    pub(super) labels: Box<str>,
    kind: Kind,
    route: Box<str>,
}

impl Series {
    fn new(key: Key<'_>) -> Self {
        let mut series = Self {
            durations: Histogram::new(),
            response_sizes: Histogram::new(),
            request_sizes: Histogram::new(),
            exemplars: Exemplars::default(),
            labels: Box::default(),
            kind: key.kind,
            route: key.route.into(),
        };
        let mut labels = String::new();
        series.for_each_label(|name, value| {
            let comma = if labels.is_empty() { "" } else { "," };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            let value = value.replace('\n', "\\n");
            // Writing to a `String` cannot fail.
            let _infallible = write!(labels, "{comma}{name}=\"{value}\"");
        });
        series.labels = labels.into();
        series
    }

    fn is(&self, key: &Key<'_>) -> bool {
        self.kind == key.kind && *self.route == *key.route
    }

    pub(super) fn for_each_label(&self, mut f: impl FnMut(&str, &str)) {
        let Kind {
            method,
            grpc,
            status,
        } = self.kind;
        f("method", METHODS[usize::from(method)]);
        f("route", &self.route);
        match NO_STATUS.get(usize::from(status)) {
            Some(outcome) => f("status", outcome.as_str()),
            None if status == OTHER_STATUS => f("status", OTHER),
            None => f("status", itoa::Buffer::new().format(status)),
        }
        if grpc != NO_GRPC {
            f("grpc_status", itoa::Buffer::new().format(grpc));
        }
    }
}

/// A hash table that only grows, up to a size that is fixed when it is made.
#[derive(Debug)]
pub(super) struct Table {
    hasher: RandomState,
    /// Where the series of a hash stands in `series`, counted from one; zero is a free slot. There
    /// are always free slots, so that every search ends.
    slots: Box<[AtomicU32]>,
    series: Box<[OnceLock<Box<Series>>]>,
    len: AtomicUsize,
    max: usize,
    growing: Mutex<()>,
    last: Box<Series>,
}

/// Room for the series of `_other`, beyond the cap: methods and statuses stay apart in it.
const OTHERS: usize = 64;

impl Table {
    pub(super) fn new(max: u16) -> Self {
        let max = usize::from(max);
        let capacity = max + OTHERS;
        // At most half full: a search takes one or two steps.
        let slots = (2 * capacity).next_power_of_two();
        Self {
            hasher: RandomState::new(),
            slots: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            series: (0..capacity).map(|_| OnceLock::new()).collect(),
            len: AtomicUsize::new(0),
            max,
            growing: Mutex::new(()),
            last: Box::new(Series::new(Key::LAST)),
        }
    }

    /// The series of `key`, and whether it had to be one that stands for others.
    pub(super) fn get(&self, key: Key<'_>) -> (&Series, bool) {
        if let Some(series) = self.find_or_add(key, self.max) {
            return (series, false);
        }
        let series = self.find_or_add(key.other(), self.series.len());
        (series.unwrap_or(&self.last), true)
    }

    /// Those that have been added, and the last resort if it was needed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Series> {
        let added = self.series.iter().map_while(OnceLock::get);
        let last = std::iter::once(&self.last);
        added
            .chain(last.filter(|last| last.durations.snapshot().count > 0))
            .map(|series| &**series)
    }

    fn find_or_add(&self, key: Key<'_>, limit: usize) -> Option<&Series> {
        let hash = self.hasher.hash_one(key);
        self.find(hash, &key)
            .or_else(|| self.add(hash, &key, limit))
    }

    fn find(&self, hash: u64, key: &Key<'_>) -> Option<&Series> {
        self.walk(hash)
            .map_while(|slot| self.at(slot))
            .find(|series| series.is(key))
    }

    #[cold]
    fn add(&self, hash: u64, key: &Key<'_>, limit: usize) -> Option<&Series> {
        // Asked before the lock too, so that a flood of made-up keys does not queue for it.
        if self.len.load(Ordering::Relaxed) >= limit {
            return None;
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = self.find(hash, key) {
            return Some(series);
        }
        let len = self.len.load(Ordering::Relaxed);
        let place = self.series.get(len).filter(|_| len < limit)?;
        let slot = self.walk(hash).find(|slot| self.at(slot).is_none())?;
        let series = place.get_or_init(|| Box::new(Series::new(*key)));
        slot.store(u32::try_from(len + 1).ok()?, Ordering::Release);
        self.len.store(len + 1, Ordering::Relaxed);
        Some(series)
    }

    /// All slots, from the one that `hash` points at.
    fn walk(&self, hash: u64) -> impl Iterator<Item = &AtomicU32> {
        let mask = self.slots.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only the low bits are used"
        )]
        let start = hash as usize;
        (0..self.slots.len()).map(move |step| &self.slots[(start.wrapping_add(step)) & mask])
    }

    fn at(&self, slot: &AtomicU32) -> Option<&Series> {
        let place = slot.load(Ordering::Acquire).checked_sub(1)?;
        self.series
            .get(place as usize)?
            .get()
            .map(|series| &**series)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use http::StatusCode;
    use portcullis_layer_core::refusal::GrpcCode;

    use super::*;

    fn key(route: &str) -> Key<'_> {
        Key::of(&Record {
            route: Some(route),
            status: Some(StatusCode::OK),
            ..Record::new(&Method::GET, Outcome::Finished)
        })
    }

    fn labels(record: &Record<'_>) -> String {
        Series::new(Key::of(record)).labels.into()
    }

    #[test]
    fn labels_are_bounded_and_escaped() {
        let record = Record {
            route: Some("/a\\b\"c\nd"),
            status: Some(StatusCode::OK),
            ..Record::new(&Method::GET, Outcome::Finished)
        };
        assert_eq!(
            labels(&record),
            r#"method="GET",route="/a\\b\"c\nd",status="200""#
        );
        let method = Method::from_bytes(b"PROPFIND").unwrap();
        let record = Record {
            grpc_status: Some(GrpcCode::Unavailable),
            ..Record::new(&method, Outcome::Cancelled)
        };
        assert_eq!(
            labels(&record),
            r#"method="_OTHER",route="_unmatched",status="cancelled",grpc_status="14""#
        );
        let long = "x".repeat(MAX_ROUTE + 1);
        assert_eq!(key(&long).route, OTHER);
        assert_eq!(key(&long[1..]).route.len(), MAX_ROUTE);
        assert_eq!(
            &*Series::new(Key::LAST).labels,
            r#"method="_OTHER",route="_other",status="_other""#
        );
    }

    #[test]
    fn every_outcome_has_its_word() {
        for (place, outcome) in NO_STATUS.into_iter().enumerate() {
            assert_eq!(outcome as usize, place, "{outcome:?}");
        }
    }

    #[test]
    fn every_method_has_its_label() {
        for (place, name) in METHODS.iter().enumerate().take(9) {
            let parsed = Method::from_bytes(name.as_bytes()).unwrap();
            assert_eq!(usize::from(method(&parsed)), place, "{name}");
        }
        assert_eq!(method(&Method::from_bytes(b"get").unwrap()), 9);
    }

    #[test]
    fn same_key_finds_the_same_series() {
        let table = Table::new(10);
        let (first, _) = table.get(key("/a"));
        let (again, _) = table.get(key("/a"));
        let (other, _) = table.get(key("/b"));
        assert!(std::ptr::eq(first, again));
        assert!(!std::ptr::eq(first, other));
        assert_eq!(table.iter().count(), 2);
    }

    #[test]
    fn table_never_grows_beyond_its_cap() {
        let table = Table::new(3);
        for route in 0..1_000 {
            let (series, overflowed) = table.get(key(&format!("/{route}")));
            series
                .durations
                .observe(&super::super::histogram::SECONDS, 1);
            assert_eq!(overflowed, route >= 3, "{route}");
        }
        assert_eq!(table.iter().count(), 4);
        // Those that came first keep their own.
        assert!(!table.get(key("/2")).1);

        // A service that answers with every status there is.
        for status in 100..=999 {
            let record = Record {
                status: StatusCode::from_u16(status).ok(),
                ..Record::new(&Method::GET, Outcome::Finished)
            };
            let (series, _) = table.get(Key::of(&record));
            series
                .durations
                .observe(&super::super::histogram::SECONDS, 1);
        }
        assert_eq!(table.iter().count(), 3 + OTHERS + 1);
        let counted = table.iter().map(|series| series.durations.snapshot().count);
        assert_eq!(counted.sum::<u64>(), 1_900, "nothing is lost");
    }

    #[test]
    fn threads_that_add_the_same_series_get_one() {
        let table = Table::new(100);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for route in 0..100 {
                        let (series, overflowed) = table.get(key(&format!("/{route}")));
                        series
                            .durations
                            .observe(&super::super::histogram::SECONDS, 1);
                        assert!(!overflowed);
                    }
                });
            }
        });
        assert_eq!(table.iter().count(), 100);
        assert!(
            table
                .iter()
                .all(|series| series.durations.snapshot().count == 4)
        );
    }
}
