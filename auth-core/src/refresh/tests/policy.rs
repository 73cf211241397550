use std::num::{NonZeroU16, NonZeroU32};

use super::*;
use crate::refresh::RefreshSettings;

#[test]
fn settings_that_contradict_each_other_are_refused() {
    type Change = fn(RefreshSettings) -> RefreshSettings;
    let cases: [(Change, Option<&str>); 18] = [
        (|s| s, None),
        (RefreshSettings::strict, None),
        (RefreshSettings::aal1, None),
        (RefreshSettings::aal2, None),
        (|s| s.aal3().strict(), None),
        (|s| s.grace(300 * SECOND), None),
        (
            |s| s.grace(300 * SECOND + MILLI),
            Some("the grace is at most 300 seconds"),
        ),
        (|s| s.offline_mobile(DAY), None),
        (
            |s| s.offline_mobile(10 * SECOND),
            Some("late retries end after the grace does"),
        ),
        (
            |s| s.offline_mobile(15 * DAY),
            Some("late retries end before an idle session does"),
        ),
        (
            |s| s.strict().offline_mobile(DAY),
            Some("without a grace there are no late retries"),
        ),
        (|s| s.coalesce_within(2 * SECOND), None),
        (
            |s| s.coalesce_within(11 * SECOND),
            Some("a token coalesces for no longer than the grace"),
        ),
        (
            |s| s.strict().coalesce_within(MILLI),
            Some("a token coalesces for no longer than the grace"),
        ),
        (|s| s.idle_lifetime(Duration::ZERO), Some("a session lasts")),
        (
            |s| s.idle_lifetime(31 * DAY),
            Some("an idle session ends no later than every session"),
        ),
        (|s| s.absolute_lifetime(366 * DAY), None),
        (
            |s| s.absolute_lifetime(367 * DAY),
            Some("a session ends after 366 days at most"),
        ),
    ];
    for (index, (change, refusal)) in cases.into_iter().enumerate() {
        let built = change(RefreshPolicy::settings()).build();
        let error = built.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), refusal, "case {index}");
    }
}

#[test]
fn the_defaults_are_those_of_the_docs() {
    let policy = RefreshPolicy::default();
    assert_eq!(policy, RefreshPolicy::settings().build().unwrap());
    assert_eq!(policy.grace, 10 * SECOND);
    assert_eq!(policy.max_grace_uses, NonZeroU16::new(100).unwrap());
    assert_eq!(policy.late_retry, None);
    assert_eq!(policy.coalesce_within, Duration::ZERO);
    assert!(!policy.fast_forward);
    assert_eq!(policy.idle, 14 * DAY);
    assert_eq!(policy.absolute_lifetime(), 30 * DAY);
    assert_eq!(policy.max_sessions(), NonZeroU32::new(50).unwrap());
}
