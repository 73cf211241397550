use std::time::Duration;

use tokio::time::Instant;

use crate::rotate::health::Health;
use crate::rotate::{KeyState, PolicyError, RingPolicy, RotateErrorKind};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn the_next_load_comes_sooner_for_a_lease_or_after_a_failure() {
    let now = Instant::now();
    let cases = [
        // When the lease wants it, failures in a row, seconds to wait of a period of 30.
        (None, 0, 30),
        (Some(20), 0, 20),
        (Some(0), 0, 1),
        (Some(40), 0, 30),
        (None, 1, 1),
        (None, 2, 2),
        (Some(20), 5, 16),
        (None, 6, 30),
        (None, 1000, 30),
    ];
    for (renew_after, failures, expected) in cases {
        let mut health = Health::new(now, renew_after.map(seconds));
        for _ in 0..failures {
            health.failed(now, RotateErrorKind::TimedOut, seconds(300));
        }
        assert_eq!(
            health.next_load(seconds(30)),
            seconds(expected),
            "{renew_after:?} {failures}"
        );
    }
    assert_eq!(Health::new(now, None).next_load(seconds(1)), seconds(1));
}

#[test]
fn a_failure_is_told_once_for_each_reason_and_staleness_once() {
    let start = Instant::now();
    let mut health = Health::new(start, None);
    let fail = |health: &mut Health, after, why| {
        let report = health.failed(start + seconds(after), why, seconds(300));
        (report.age.as_secs(), report.new_reason, report.stale)
    };
    let (slow, weak) = (RotateErrorKind::TimedOut, RotateErrorKind::Weak);
    assert_eq!(fail(&mut health, 10, slow), (10, true, false));
    assert_eq!(fail(&mut health, 20, slow), (20, false, false));
    assert_eq!(fail(&mut health, 30, weak), (30, true, false));
    assert_eq!(fail(&mut health, 300, weak), (300, false, true));
    assert_eq!(fail(&mut health, 310, weak), (310, false, false));
    health.succeeded(start + seconds(400), None);
    assert_eq!(fail(&mut health, 410, weak), (10, true, false));
    assert_eq!(fail(&mut health, 700, weak), (300, false, true));
    let status = health.status(None, start + seconds(700));
    assert_eq!(
        (status.failures, status.failing, status.age),
        (7, Some(weak), seconds(300))
    );
}

#[test]
fn a_timetable_that_cannot_work_is_not_built() {
    const HOUR: u64 = 3600;
    let settings = || RingPolicy::settings(seconds(600), seconds(30));
    let usual = settings().build().unwrap();
    assert_eq!(usual.period(), seconds(30 * 24 * HOUR));
    assert_eq!(usual.lead(), seconds(24 * HOUR));
    assert_eq!(usual.retire(), seconds(600 + 30 + HOUR));

    assert!(settings().lead(seconds(900)).build().is_ok());
    let early = settings().lead(seconds(899)).build();
    assert_eq!(early, Err(PolicyError::LeadTooShort(seconds(900))));
    let cached = settings().jwks_max_age(seconds(24 * HOUR)).build();
    assert_eq!(
        cached,
        Err(PolicyError::LeadTooShort(seconds(48 * HOUR + 300)))
    );
    assert!(settings().retire(seconds(630)).build().is_ok());
    let gone = settings().retire(seconds(629)).build();
    assert_eq!(gone, Err(PolicyError::RetireTooShort(seconds(630))));
    assert!(settings().period(seconds(24 * HOUR)).build().is_ok());
    let hasty = settings().period(seconds(23 * HOUR)).build().unwrap_err();
    assert_eq!(hasty.to_string(), "keys must sign for at least 86400 s");
}

#[test]
fn three_states_verify() {
    let verifies = [KeyState::Pending, KeyState::Active, KeyState::Retiring];
    assert!(verifies.into_iter().all(KeyState::verifies));
    assert!(!KeyState::Removed.verifies() && !KeyState::Revoked.verifies());
}
