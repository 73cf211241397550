use super::*;
use crate::refresh::{Expiry, Outcome, RefreshSettings, RevokeReason, Revoked};

const CURRENT: u32 = 5;
const EPOCH: u64 = 3;

struct Case {
    name: &'static str,
    settings: RefreshSettings,
    /// The generation that is presented, of which 5 is the current one.
    presented: u32,
    /// How long after the rotation to the current one; before it if negative.
    age: i64,
    change: fn(&mut Family, &mut State, &mut Rotate),
    expected: Outcome,
}

fn case(name: &'static str, presented: u32, age: i64, expected: Outcome) -> Case {
    Case {
        name,
        settings: RefreshPolicy::settings(),
        presented,
        age,
        change: |_, _, _| {},
        expected,
    }
}

fn decide(case: &Case) -> (Outcome, State, State) {
    let policy = case.settings.build().unwrap();
    let rotated_at = start().plus(DAY);
    let mut changed = (*family()).clone();
    let mut before = state(&changed, CURRENT, rotated_at);
    let mut rotate = request(&family(), case.presented, policy);
    (case.change)(&mut changed, &mut before, &mut rotate);
    let mut of_changed = request(&Arc::new(changed), case.presented, policy);
    of_changed.tenant = rotate.tenant;
    of_changed.client = rotate.client;
    of_changed.dpop_jkt = rotate.dpop_jkt;
    let age = Duration::from_millis(case.age.unsigned_abs());
    let now = if case.age < 0 {
        rotated_at.minus(age)
    } else {
        rotated_at.plus(age)
    };
    let mut after = before.clone();
    let outcome = of_changed.decide(&before, EPOCH, now);
    assert_eq!(of_changed.step(&mut after, EPOCH, now), outcome);
    (outcome, before, after)
}

fn cases() -> Vec<Case> {
    use Outcome::{
        Ahead, ClientMismatch, Expired, FastForwarded, GraceReplay, Reuse, Rotated, TooMany,
    };
    let strict = RefreshPolicy::settings().strict();
    let mobile = RefreshPolicy::settings().offline_mobile(DAY);
    let coalescing = RefreshPolicy::settings().coalesce_within(2 * SECOND);
    let forwarding = RefreshPolicy::settings().fast_forward();
    let exhausted: fn(&mut Family, &mut State, &mut Rotate) = |_, s, _| s.grace_uses = 100;
    let revoked: fn(&mut Family, &mut State, &mut Rotate) = |_, s, _| {
        let (at, reason) = (start(), RevokeReason::Reuse);
        s.revoked = Some(Revoked { at, reason });
    };
    vec![
        // Row 1
        Case {
            change: |_, _, r| r.client = "other".parse().unwrap(),
            ..case("another client", 5, 0, ClientMismatch)
        },
        Case {
            change: |_, _, r| r.tenant = "other".parse().unwrap(),
            ..case("another tenant", 5, 0, ClientMismatch)
        },
        Case {
            change: |f, _, _| f.dpop_jkt = Some("key".into()),
            ..case("without the key that it is bound to", 5, 0, ClientMismatch)
        },
        Case {
            change: |f, _, r| {
                f.dpop_jkt = Some("key".into());
                r.dpop_jkt = Some("another".into());
            },
            ..case("another key", 5, 0, ClientMismatch)
        },
        Case {
            change: |f, _, r| {
                f.dpop_jkt = Some("key".into());
                r.dpop_jkt = Some("key".into());
            },
            ..case("its key", 5, 0, Rotated)
        },
        Case {
            change: |_, _, r| r.dpop_jkt = Some("key".into()),
            ..case("a key that it is not bound to", 5, 0, Rotated)
        },
        Case {
            change: |_, s, r| {
                let (at, reason) = (start(), RevokeReason::Reuse);
                s.revoked = Some(Revoked { at, reason });
                r.client = "other".parse().unwrap();
            },
            ..case("another client finds out nothing", 1, 0, ClientMismatch)
        },
        // Row 2, before the grace and before the ends
        Case {
            change: revoked,
            ..case("revoked, current", 5, 0, Outcome::Revoked)
        },
        Case {
            change: revoked,
            ..case("revoked, within the grace", 4, 1, Outcome::Revoked)
        },
        Case {
            change: revoked,
            ..case("revoked, long replaced", 1, 0, Outcome::Revoked)
        },
        Case {
            change: revoked,
            ..case("revoked and over", 5, 40 * 86_400_000, Outcome::Revoked)
        },
        Case {
            change: |_, s, _| s.epoch = EPOCH - 1,
            ..case("an epoch that is over", 5, 0, Outcome::Revoked)
        },
        Case {
            change: |_, s, _| s.epoch = EPOCH + 1,
            ..case("an epoch that our reading is behind of", 5, 0, Rotated)
        },
        // Row 3
        case(
            "a millisecond before the idle end",
            5,
            14 * 86_400_000 - 1,
            Rotated,
        ),
        case("the idle end", 5, 14 * 86_400_000, Expired(Expiry::Idle)),
        case("both ends", 5, 29 * 86_400_000, Expired(Expiry::Absolute)),
        case(
            "a replay after the end",
            1,
            29 * 86_400_000,
            Expired(Expiry::Absolute),
        ),
        // Row 4
        case("current", 5, 0, Rotated),
        case("current, rotated in our future", 5, -5_000, Rotated),
        Case {
            change: exhausted,
            ..case("current, uses exhausted", 5, 1, Rotated)
        },
        Case {
            settings: strict,
            ..case("current, strict", 5, 0, Rotated)
        },
        // Row 5
        case("predecessor at once", 4, 0, GraceReplay),
        case("predecessor at the last moment", 4, 10_000, GraceReplay),
        // AUTH case 15
        case("predecessor, rotated in our future", 4, -5_000, GraceReplay),
        Case {
            change: |_, s, _| s.grace_uses = 99,
            ..case("the last use", 4, 0, GraceReplay)
        },
        // Row 6
        Case {
            change: exhausted,
            ..case("uses exhausted", 4, 10_000, TooMany)
        },
        Case {
            change: exhausted,
            ..case("uses exhausted, after the grace", 4, 10_001, Reuse)
        },
        // Row 7
        case("predecessor after the grace", 4, 10_001, Reuse),
        case("the one before the predecessor", 3, 0, Reuse),
        case("the first", 0, 0, Reuse),
        Case {
            settings: strict,
            ..case("predecessor in the same millisecond, strict", 4, 0, Reuse)
        },
        Case {
            settings: strict,
            ..case(
                "predecessor, rotated in our future, strict",
                4,
                -5_000,
                Reuse,
            )
        },
        // Row 8
        case("the next", 6, 0, Ahead),
        case("far ahead", u32::MAX - 1, 0, Ahead),
        // Late retries
        Case {
            settings: mobile,
            ..case("late", 4, 86_400_000, GraceReplay)
        },
        Case {
            settings: mobile,
            ..case("too late", 4, 86_400_001, Reuse)
        },
        Case {
            settings: mobile,
            ..case("late, but long replaced", 3, 11_000, Reuse)
        },
        Case {
            settings: mobile,
            change: exhausted,
            ..case("late, uses exhausted", 4, 11_000, TooMany)
        },
        // Coalescing
        Case {
            settings: coalescing,
            ..case("young", 5, 1_999, GraceReplay)
        },
        Case {
            settings: coalescing,
            ..case("young, rotated in our future", 5, -1, GraceReplay)
        },
        Case {
            settings: coalescing,
            ..case("not young any more", 5, 2_000, Rotated)
        },
        Case {
            settings: coalescing,
            change: exhausted,
            ..case("young, uses exhausted", 5, 0, Rotated)
        },
        // Fast-forwarding
        Case {
            settings: forwarding,
            ..case("one ahead", 6, 0, FastForwarded)
        },
        Case {
            settings: forwarding,
            ..case("two ahead", 7, 0, Ahead)
        },
        // The last generation there is
        Case {
            change: |_, s, _| s.generation = u32::MAX,
            ..case(
                "without a successor",
                u32::MAX,
                0,
                Expired(Expiry::Absolute),
            )
        },
        Case {
            settings: forwarding,
            change: |_, s, _| s.generation = u32::MAX - 1,
            ..case(
                "ahead, without a successor",
                u32::MAX,
                0,
                Expired(Expiry::Absolute),
            )
        },
        Case {
            change: |_, s, _| s.generation = u32::MAX,
            ..case("before the last", u32::MAX - 1, 0, GraceReplay)
        },
    ]
}

#[test]
fn the_first_row_that_fits_is_the_answer() {
    for case in cases() {
        assert_eq!(decide(&case).0, case.expected, "{}", case.name);
    }
}

#[test]
fn only_what_the_answer_says_changes() {
    for case in cases() {
        let (outcome, before, after) = decide(&case);
        let now = start().plus(DAY).as_millis() + case.age;
        let expected = match outcome {
            Outcome::Rotated | Outcome::FastForwarded => State {
                generation: case.presented + 1,
                rotated_at: Timestamp::from_millis(now),
                idle_expires_at: Timestamp::from_millis(now)
                    .unwrap()
                    .plus(14 * DAY)
                    .min(start().plus(30 * DAY)),
                grace_uses: 0,
                ..before.clone()
            },
            Outcome::GraceReplay => State {
                grace_uses: before.grace_uses + 1,
                ..before.clone()
            },
            Outcome::Reuse => State {
                revoked: Some(Revoked {
                    at: Timestamp::from_millis(now).unwrap(),
                    reason: RevokeReason::Reuse,
                }),
                ..before.clone()
            },
            _ => before.clone(),
        };
        assert_eq!(after, expected, "{}", case.name);
        assert_eq!(outcome.is_change(), after != before, "{}", case.name);
    }
}

#[test]
fn the_first_token_has_no_predecessor() {
    let family = family();
    let state = State::new(&family, EPOCH, &RefreshPolicy::default());
    let policy = RefreshPolicy::settings().coalesce_within(2 * SECOND);
    let policy = policy.build().unwrap();
    let first = request(&family, 0, policy);
    // Young it is all the same.
    let outcome = first.decide(&state, EPOCH, start().plus(SECOND));
    assert_eq!(outcome, Outcome::GraceReplay);
    let outcome = first.decide(&state, EPOCH, start().plus(2 * SECOND));
    assert_eq!(outcome, Outcome::Rotated);
}

// AUTH case 10
#[test]
fn a_session_that_is_refreshed_daily_ends_after_thirty_days_all_the_same() {
    let family = family();
    let mut state = State::new(&family, EPOCH, &RefreshPolicy::default());
    let end = start().plus(30 * DAY);
    for day in 1..30 {
        let request = request(&family, state.generation, RefreshPolicy::default());
        let now = start().plus(day * DAY);
        assert_eq!(request.step(&mut state, EPOCH, now), Outcome::Rotated);
        assert_eq!(state.idle_expires_at, now.plus(14 * DAY).min(end));
    }
    let last = request(&family, state.generation, RefreshPolicy::default());
    let before = end.minus(MILLI);
    assert_eq!(last.decide(&state, EPOCH, before), Outcome::Rotated);
    let expired = Outcome::Expired(Expiry::Absolute);
    for day in 30..=40 {
        let now = start().plus(day * DAY);
        assert_eq!(last.decide(&state, EPOCH, now), expired);
    }
}
