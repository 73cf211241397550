use std::time::Duration;

use proptest::prelude::*;

use super::schedule::{Age, Limits, MAX_ABSENT, Missing, Next, Schedule};
use crate::time::Timestamp;

const FRESH: Duration = Duration::from_secs(600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + seconds).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn schedule() -> Schedule {
    Schedule::new(Limits {
        max_stale: seconds(24 * 60 * 60),
        cooldown: seconds(30),
    })
}

/// With a set that was read at 0.
fn loaded() -> Schedule {
    let mut schedule = schedule();
    assert_eq!(schedule.begin(at(0)), 1);
    schedule.succeeded(at(0), FRESH);
    schedule
}

#[test]
fn the_first_set_is_read_at_once_and_the_next_when_four_fifths_are_over() {
    let mut schedule = schedule();
    assert_eq!(schedule.next(at(0)), Next::Now);
    schedule.begin(at(0));
    schedule.succeeded(at(0), FRESH);
    assert_eq!(schedule.next(at(1)), Next::At(at(480)));
    assert_eq!(schedule.next(at(479)), Next::At(at(480)));
    assert_eq!(schedule.next(at(480)), Next::Now);
    for (second, age) in [
        (599, Age::Fresh),
        (600, Age::Stale),
        (600 + 86_399, Age::Stale),
        (600 + 86_400, Age::Unusable),
    ] {
        assert_eq!(schedule.age(at(second)), age, "{second}");
    }
}

#[test]
fn errors_in_a_row_are_followed_by_longer_and_longer_waits() {
    for (random, waits) in [
        (0, [1, 2, 4, 8, 16, 30, 30, 30]),
        (u32::MAX, [2, 4, 8, 16, 32, 60, 60, 60]),
    ] {
        let mut schedule = schedule();
        let mut now = at(0);
        for wait in waits {
            assert_eq!(schedule.next(now), Next::Now);
            schedule.begin(now);
            schedule.failed(now, random);
            now = now.plus(seconds(wait));
            assert_eq!(
                schedule.next(now.minus(Duration::from_millis(1))),
                Next::At(now)
            );
        }
        schedule.begin(now);
        schedule.succeeded(now, FRESH);
        assert_eq!(schedule.next(now), Next::At(now.plus(seconds(480))));
        // It starts from the first wait again.
        assert_eq!(
            schedule.ask("new", now).map(|ticket| ticket.flight),
            Some(10)
        );
        schedule.begin(now);
        schedule.failed(now, 0);
        assert_eq!(schedule.next(now), Next::At(now.plus(seconds(1))));
    }
}

#[test]
fn no_number_of_errors_is_too_many() {
    let mut schedule = schedule();
    for _ in 0..100_000 {
        schedule.begin(at(0));
        schedule.failed(at(0), u32::MAX);
    }
    schedule.succeeded(at(0), FRESH);
    schedule.begin(at(0));
    schedule.failed(at(0), u32::MAX);
    assert_eq!(schedule.totals(), (0, 100_001));
}

#[test]
fn without_a_set_the_first_answer_is_waited_for_and_later_ones_are_not() {
    let mut schedule = schedule();
    assert_eq!(schedule.missing("a", at(0)), Missing::Ask);
    let ticket = schedule.ask("a", at(0)).unwrap();
    assert_eq!(ticket.flight, 1);
    assert_eq!(schedule.begin(at(0)), 1);
    assert_eq!(schedule.missing("b", at(0)), Missing::Ask);
    schedule.failed(at(5), 0);
    for (now, retry_after) in [(0, 6), (5, 1), (6, 1), (100, 1)] {
        let said = Missing::Unavailable(seconds(retry_after));
        assert_eq!(schedule.missing("a", at(now)), said, "{now}");
    }
    assert_eq!(schedule.ask("a", at(100)), None);
    // Nor behind a second fetch that is under way.
    schedule.begin(at(6));
    assert_eq!(schedule.ask("a", at(6)), None);
    schedule.succeeded(at(6), FRESH);
    assert_eq!(schedule.missing("a", at(6)), Missing::Ask);
}

#[test]
fn the_first_set_does_not_cool_what_comes_after_it() {
    let mut schedule = schedule();
    schedule.ask("a", at(0)).unwrap();
    schedule.begin(at(0));
    schedule.succeeded(at(1), FRESH);
    assert_eq!(schedule.missing("new", at(1)), Missing::Ask);
}

#[test]
fn after_a_fetch_for_a_token_no_other_is_caused_by_one_for_30_seconds() {
    let mut schedule = loaded();
    let ticket = schedule.ask("a", at(10)).unwrap();
    assert_eq!(schedule.next(at(10)), Next::Now);
    schedule.begin(at(10));
    // Whoever comes meanwhile shares it.
    assert_eq!(
        schedule.ask("b", at(10)).map(|other| other.flight),
        Some(ticket.flight)
    );
    schedule.succeeded(at(11), FRESH);
    for id in ["a", "b", "c"] {
        assert_eq!(schedule.ask(id, at(11)), None);
        assert_eq!(schedule.ask(id, at(40)), None);
    }
    assert_eq!(schedule.next(at(40)), Next::At(at(11 + 480)));
    assert!(schedule.ask("c", at(41)).is_some());
}

#[test]
fn a_fetch_that_nobody_asked_for_does_not_cool() {
    let mut schedule = loaded();
    schedule.begin(at(480));
    schedule.succeeded(at(480), FRESH);
    assert!(schedule.ask("new", at(480)).is_some());
}

#[test]
fn after_an_error_tokens_with_unknown_keys_wait_no_more_than_others() {
    let mut schedule = loaded();
    schedule.ask("a", at(10)).unwrap();
    schedule.begin(at(10));
    schedule.failed(at(15), 0);
    assert_eq!(schedule.missing("b", at(16)), Missing::Unknown);
    // It is tried again by itself, although the set is fresh.
    assert_eq!(schedule.next(at(15)), Next::At(at(16)));
    schedule.begin(at(16));
    assert_eq!(schedule.missing("b", at(16)), Missing::Ask);
}

#[test]
fn an_absent_key_is_not_asked_for_again_for_a_minute_or_until_the_next_set() {
    let mut schedule = loaded();
    let absent = |schedule: &mut Schedule, now: i64| {
        let ticket = schedule.ask("a", at(now)).unwrap();
        schedule.begin(at(now));
        schedule.succeeded(at(now), FRESH);
        schedule.note_absent("a", ticket, at(now));
    };
    absent(&mut schedule, 10);
    assert_eq!(schedule.missing("a", at(69)), Missing::Unknown);
    assert_eq!(schedule.missing("b", at(69)), Missing::Ask);
    assert_eq!(schedule.missing("a", at(70)), Missing::Ask);

    absent(&mut schedule, 100);
    schedule.begin(at(131));
    // Not even while a fetch is under way that is not for it.
    assert_eq!(schedule.missing("a", at(131)), Missing::Unknown);
    schedule.succeeded(at(131), FRESH);
    assert_eq!(schedule.missing("a", at(131)), Missing::Ask);
}

#[test]
fn only_an_answer_to_the_question_shows_that_a_key_is_absent() {
    // The answer was under way when the question came.
    let mut schedule = loaded();
    schedule.begin(at(480));
    let ticket = schedule.ask("a", at(480)).unwrap();
    schedule.succeeded(at(480), FRESH);
    schedule.note_absent("a", ticket, at(480));
    assert_eq!(schedule.absent(), 0);

    // There was none.
    let ticket = schedule.ask("a", at(600)).unwrap();
    schedule.begin(at(600));
    schedule.failed(at(600), 0);
    schedule.note_absent("a", ticket, at(600));
    assert_eq!(schedule.absent(), 0);
}

#[test]
fn a_thousand_absent_keys_are_remembered() {
    let mut schedule = loaded();
    let ticket = schedule.ask("0", at(10)).unwrap();
    schedule.begin(at(10));
    schedule.succeeded(at(10), FRESH);
    for id in 0..MAX_ABSENT * 2 {
        schedule.note_absent(&id.to_string(), ticket, at(10));
    }
    assert_eq!(schedule.absent(), MAX_ABSENT);
    // What is over makes room.
    schedule.note_absent("later", ticket, at(70));
    assert_eq!(schedule.absent(), 1);
}

#[test]
fn that_a_set_is_old_is_told_once() {
    let mut schedule = loaded();
    let mut fail = |now: i64| {
        schedule.begin(at(now));
        schedule.failed(at(now), 0)
    };
    assert_eq!(fail(480), None);
    assert_eq!(fail(599), None);
    assert_eq!(fail(600), Some(Age::Stale));
    assert_eq!(fail(700), None);
    assert_eq!(fail(87_000), Some(Age::Unusable));
    assert_eq!(fail(87_060), None);
    schedule.begin(at(87_100));
    schedule.succeeded(at(87_100), FRESH);
    schedule.begin(at(87_700));
    assert_eq!(schedule.failed(at(87_700), 0), Some(Age::Stale));
}

#[test]
fn a_set_that_never_was_is_not_told_to_be_old() {
    let mut schedule = schedule();
    schedule.begin(at(0));
    assert_eq!(schedule.failed(at(0), 0), None);
}

proptest! {
    /// Whatever strangers send, and however the server answers: no more than ten fetches in a row and ten a minute.
    #[test]
    fn fetches_are_bounded_whatever_happens(
        steps in prop::collection::vec((0_u64..20_000, 0_u8..6, any::<u32>()), 1..300),
    ) {
        let mut schedule = Schedule::new(Limits { max_stale: seconds(3600), cooldown: seconds(1) });
        let mut now = at(0);
        let mut in_flight = false;
        let mut began = Vec::new();
        for (wait, what, random) in steps {
            now = now.plus(Duration::from_millis(wait));
            match what {
                0 if in_flight => {
                    schedule.succeeded(now, seconds(60));
                    in_flight = false;
                }
                1 if in_flight => {
                    schedule.failed(now, random);
                    in_flight = false;
                }
                _ => {
                    schedule.ask(&random.to_string(), now);
                }
            }
            if !in_flight && schedule.next(now) == Next::Now {
                prop_assert_eq!(schedule.begin(now), began.len() as u64 + 1);
                began.push(now);
                in_flight = true;
            }
        }
        for (index, from) in began.iter().enumerate() {
            for (number, to) in began.iter().skip(index).enumerate() {
                prop_assert!(number as u128 <= 10 + to.since(*from).as_millis() / 6000);
            }
        }
    }
}
