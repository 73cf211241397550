//! When the keys of an issuer are asked for, and what is said of a key that is not among them: decided from the time alone.

use std::collections::HashMap;
use std::time::Duration;

use crate::time::Timestamp;

/// How many fetches may follow each other at once, and after how long there may be another one.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_secs(6);
/// For how long a key that an issuer was seen not to have is not asked for again.
const ABSENT_FOR: Duration = Duration::from_secs(60);
/// How many such keys are remembered.
pub(super) const MAX_ABSENT: usize = 1024;
/// The longest wait after errors in a row, in seconds.
const LONGEST_BACKOFF: u64 = 60;
/// The shortest wait that anybody is told.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_stale: Duration,
    pub(super) cooldown: Duration,
}

impl Limits {
    /// Until when a set is used that was read now and is fresh for so long.
    pub(super) fn usable_until(&self, now: Timestamp, fresh_for: Duration) -> Timestamp {
        now.plus(fresh_for).plus(self.max_stale)
    }
}

/// What was asked for, and with which outcome. One fetch at a time is under way: its *flight*.
#[derive(Debug)]
pub(super) struct Schedule {
    limits: Limits,
    set: Option<Set>,
    /// The number of the last flight that began. The first is 1.
    flight: u64,
    in_flight: bool,
    /// A token waits for a flight.
    asked: bool,
    /// Since the last success.
    failures: u32,
    backoff_until: Timestamp,
    cooldown_until: Timestamp,
    /// When the bucket is full again (GCRA).
    full_at: Timestamp,
    absent: HashMap<Box<str>, Timestamp>,
    told: Age,
    failed: u64,
}

/// The last set of keys that was read.
#[derive(Clone, Copy, Debug)]
struct Set {
    flight: u64,
    read_at: Timestamp,
    refresh_at: Timestamp,
    fresh_until: Timestamp,
    usable_until: Timestamp,
}

/// How old the set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    Fresh,
    /// It should have been read anew, and is used for want of a better one.
    Stale,
    /// It is not used any more, or there never was one.
    Unusable,
}

/// What is said of a key that is not in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The issuer may have it.
    Ask,
    Unknown,
    Unavailable(Duration),
}

/// The flight that brings the answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) flight: u64,
    /// Whether the flight began after the question. If not, its answer may be older than the key that was asked for.
    before: bool,
}

/// When the next flight begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Now,
    At(Timestamp),
}

impl Schedule {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            set: None,
            flight: 0,
            in_flight: false,
            asked: false,
            failures: 0,
            backoff_until: Timestamp::MIN,
            cooldown_until: Timestamp::MIN,
            full_at: Timestamp::MIN,
            absent: HashMap::new(),
            told: Age::Fresh,
            failed: 0,
        }
    }

    pub(super) fn age(&self, now: Timestamp) -> Age {
        match &self.set {
            Some(set) if now < set.fresh_until => Age::Fresh,
            Some(set) if now < set.usable_until => Age::Stale,
            _ => Age::Unusable,
        }
    }

    /// What is said of a token whose key, called `id`, is not in the set.
    pub(super) fn missing(&self, id: &str, now: Timestamp) -> Missing {
        if self.age(now) == Age::Unusable {
            // The first answer is worth waiting for. Behind a server that did not answer, everybody would only queue up.
            return match self.failures {
                0 => Missing::Ask,
                _ => Missing::Unavailable(self.backoff_until.since(now).max(SHORTEST_WAIT)),
            };
        }
        let known_absent = self.absent.get(id).is_some_and(|until| now < *until);
        let may_ask =
            || now >= self.backoff_until && now >= self.cooldown_until && now >= self.refilled_at();
        if !known_absent && (self.in_flight || self.asked || may_ask()) {
            Missing::Ask
        } else {
            Missing::Unknown
        }
    }

    /// Asks for a key; none if that would change nothing.
    pub(super) fn ask(&mut self, id: &str, now: Timestamp) -> Option<Ticket> {
        if self.missing(id, now) != Missing::Ask {
            return None;
        }
        self.asked = true;
        Some(Ticket {
            flight: self.flight + u64::from(!self.in_flight),
            before: !self.in_flight,
        })
    }

    /// Remembers that the issuer does not have the key, if the answer to the question is that. When there are too many, the
    /// cooldown must do.
    pub(super) fn note_absent(&mut self, id: &str, ticket: Ticket, now: Timestamp) {
        let answered = matches!(&self.set, Some(set) if set.flight >= ticket.flight);
        if !(ticket.before && answered) {
            return;
        }
        if self.absent.len() >= MAX_ABSENT {
            self.absent.retain(|_, until| now < *until);
        }
        if self.absent.len() < MAX_ABSENT {
            self.absent.insert(id.into(), now.plus(ABSENT_FOR));
        }
    }

    pub(super) fn next(&self, now: Timestamp) -> Next {
        if self.asked {
            return Next::Now;
        }
        // After an error it is tried again until it succeeds, however fresh the set may be.
        let due = match &self.set {
            Some(set) if self.failures == 0 => set.refresh_at,
            _ => Timestamp::MIN,
        };
        let at = due.max(self.backoff_until).max(self.refilled_at());
        if now < at { Next::At(at) } else { Next::Now }
    }

    /// A flight begins. Returns its number.
    pub(super) fn begin(&mut self, now: Timestamp) -> u64 {
        self.flight += 1;
        self.in_flight = true;
        self.full_at = self.full_at.max(now).plus(REFILL);
        self.flight
    }

    /// The flight brought a set that is fresh for so long.
    pub(super) fn succeeded(&mut self, now: Timestamp, fresh_for: Duration) {
        self.land(now);
        self.failures = 0;
        self.backoff_until = Timestamp::MIN;
        self.absent.clear();
        self.told = Age::Fresh;
        self.set = Some(Set {
            flight: self.flight,
            read_at: now,
            refresh_at: now.plus(fresh_for * 4 / 5),
            fresh_until: now.plus(fresh_for),
            usable_until: self.limits.usable_until(now, fresh_for),
        });
    }

    /// The flight brought nothing. `random` is spread evenly. Returns how old the set is now, if that is news.
    pub(super) fn failed(&mut self, now: Timestamp, random: u32) -> Option<Age> {
        self.land(now);
        self.failures = self.failures.saturating_add(1);
        self.failed += 1;
        let longest = LONGEST_BACKOFF.min(1 << self.failures.min(16)) * 1000;
        let jitter = longest / 2 * u64::from(random) / u64::from(u32::MAX);
        self.backoff_until = now.plus(Duration::from_millis(longest / 2 + jitter));
        let age = self.age(now);
        let news = self.set.is_some() && age > self.told;
        news.then(|| {
            self.told = age;
            age
        })
    }

    fn land(&mut self, now: Timestamp) {
        self.in_flight = false;
        // The first set was not asked for on account of a key that it does not have.
        if std::mem::take(&mut self.asked) && self.set.is_some() {
            self.cooldown_until = now.plus(self.limits.cooldown);
        }
    }

    fn refilled_at(&self) -> Timestamp {
        self.full_at.minus(REFILL * (BURST - 1))
    }

    /// When the set was read; none if there is none.
    pub(super) fn read_at(&self) -> Option<Timestamp> {
        self.set.map(|set| set.read_at)
    }

    pub(super) fn failures_in_a_row(&self) -> u32 {
        self.failures
    }

    /// How many flights have ended with a set, and how many with nothing.
    pub(super) fn totals(&self) -> (u64, u64) {
        let ended = self.flight - u64::from(self.in_flight);
        (ended - self.failed, self.failed)
    }

    pub(super) fn absent(&self) -> usize {
        self.absent.len()
    }
}
