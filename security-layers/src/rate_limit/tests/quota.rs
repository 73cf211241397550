use std::time::Duration;

use proptest::prelude::*;

use super::super::{Limit, Quota, SlidingWindow};
use super::{n, seconds};

#[test]
fn quotas_are_read_from_text() {
    let quota = |text: &str| text.parse::<Quota>();
    let per = |units, period| Quota::per(n(units), period).unwrap();
    for (text, expected) in [
        ("100/min", Quota::per_minute(n(100))),
        ("100/min,burst=20", Quota::per_minute(n(100)).burst(n(20))),
        (
            " 100 / minute , burst=20 ",
            Quota::per_minute(n(100)).burst(n(20)),
        ),
        ("5/s", Quota::per_second(n(5))),
        ("5/sec", Quota::per_second(n(5))),
        ("5/second", Quota::per_second(n(5))),
        ("7/h", Quota::per_hour(n(7))),
        ("7/hour", Quota::per_hour(n(7))),
        ("1/d", per(1, seconds(86_400))),
        ("1/day", per(1, seconds(86_400))),
        ("5/15min", per(5, seconds(900))),
        ("5/250ms", per(5, Duration::from_millis(250))),
        ("4294967295/s", Quota::per_second(n(u32::MAX))),
    ] {
        assert_eq!(quota(text), Ok(expected), "{text}");
    }
}

#[test]
fn a_setting_that_is_no_quota_says_why() {
    let error = |text: &str| text.parse::<Quota>().unwrap_err().to_string();
    for (text, expected) in [
        (
            "",
            "`` is not a rate; write a number and a period, such as 100/min",
        ),
        (
            "100",
            "`100` is not a rate; write a number and a period, such as 100/min",
        ),
        ("0/s", "`0` is not a number from 1 to 4294967295"),
        ("-1/s", "`-1` is not a number from 1 to 4294967295"),
        ("+1/s", "`+1` is not a number from 1 to 4294967295"),
        (
            "4294967296/s",
            "`4294967296` is not a number from 1 to 4294967295",
        ),
        ("1.5/s", "`1.5` is not a number from 1 to 4294967295"),
        ("/s", "`` is not a number from 1 to 4294967295"),
        ("1/", "`` is not a period such as s, min, 15min, h or d"),
        ("1/m", "`m` is not a period such as s, min, 15min, h or d"),
        (
            "1/-1s",
            "`-1s` is not a period such as s, min, 15min, h or d",
        ),
        ("1/0s", "a period of no time has no rate"),
        ("1/147000d", "a period may last 146 years and no longer"),
        (
            "1/99999999999999d",
            "a period may last 146 years and no longer",
        ),
        ("1/s,burst=0", "`0` is not a number from 1 to 4294967295"),
        ("1/s,burst", "`burst` is not an option of this limit"),
        ("1/s,burts=5", "`burts=5` is not an option of this limit"),
        (
            "1/s,burst=5,burst=6",
            "`5,burst=6` is not a number from 1 to 4294967295",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn a_sliding_window_is_read_from_text_and_has_no_burst() {
    assert_eq!("3/min".parse(), Ok(SlidingWindow::per_minute(n(3))));
    assert_eq!("3/s".parse(), Ok(SlidingWindow::per_second(n(3))));
    assert_eq!("3/h".parse(), Ok(SlidingWindow::per_hour(n(3))));
    assert_eq!(SlidingWindow::per_minute(n(3)).to_string(), "3/min");
    let error = "3/min,burst=2".parse::<SlidingWindow>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`burst=2` is not an option of this limit"
    );
}

#[test]
fn a_burst_that_no_clock_could_measure_is_cut() {
    let quota = Quota::per_hour(n(1)).burst(n(u32::MAX));
    assert_eq!(quota.capacity().get(), 1_281_023);
    let quota = Quota::per(n(1), Duration::from_nanos(1 << 62)).unwrap();
    assert_eq!(quota.burst(n(9)).capacity().get(), 1);
    let quota = Quota::per_second(n(10)).burst(n(u32::MAX));
    assert_eq!(quota.capacity().get(), u32::MAX);
}

#[test]
fn a_policy_tells_the_rate_in_whole_seconds() {
    let told = |text: &str| Limit::from(text.parse::<Quota>().unwrap()).advertised();
    for (text, expected) in [
        ("100/min", (100, 60)),
        ("100/min,burst=20", (100, 60)),
        ("70/min", (70, 60)),
        ("5/15min", (5, 900)),
        // A burst above the rate: so many, in the time that they take.
        ("1/s,burst=5", (5, 5)),
        ("100/min,burst=150", (150, 90)),
        // Parts of a second cannot be told; the same rate over a longer time can.
        ("10/100ms", (100, 1)),
        ("3/1500ms", (4, 2)),
        ("4294967295/1ns", (999_999_999_999_999, 1)),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
    let window = Limit::from(SlidingWindow::per_hour(n(9)));
    assert_eq!(window.advertised(), (9, 3600));
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(units in 1u32.., period in 1u64..1 << 62, burst in 1u32..) {
        let quota = Quota::per(n(units), Duration::from_nanos(period)).unwrap().burst(n(burst));
        prop_assert_eq!(quota.to_string().parse(), Ok(quota));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        if let Ok(quota) = text.parse::<Quota>() {
            prop_assert_eq!(quota.to_string().parse(), Ok(quota));
        }
    }

    #[test]
    fn what_remains_never_exceeds_what_is_told(units in 1u32.., period in 1u64..1 << 62, burst in 1u32..) {
        let quota = Quota::per(n(units), Duration::from_nanos(period)).unwrap().burst(n(burst));
        let (q, w) = Limit::from(quota).advertised();
        prop_assert!(w > 0);
        prop_assert!(q >= u64::from(quota.capacity().get()));
    }
}
