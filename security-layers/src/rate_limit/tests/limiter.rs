use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use http::{Request, request};
use portcullis_layer_core::testing::ManualClock;

use super::super::limiter::RateLimiter;
use super::super::scope::Scope;
use super::super::settle::Charges;
use super::super::{
    Key, MissingKey, PolicyName, Quota, RateLimited, RateLimitedKind, Rule, SlidingWindow,
};
use super::{keys, n, seconds};

fn rule(name: &str, limit: &str, key: Key) -> Rule {
    let quota: Quota = limit.parse().unwrap();
    Rule::new(quota, key).name(name.parse().unwrap())
}

fn user() -> Key {
    Key::header(http::HeaderName::from_static("user"))
}

fn parts(user: &str) -> request::Parts {
    let request = Request::builder().header("user", user).body(());
    request.unwrap().into_parts().0
}

fn nobody() -> request::Parts {
    Request::new(()).into_parts().0
}

fn limiter<const N: usize>(rules: [Rule; N]) -> (RateLimiter<ManualClock>, ManualClock) {
    let clock = ManualClock::default();
    let limiter = RateLimiter::with_clock(rules, clock.clone()).unwrap();
    (limiter, clock)
}

fn ask(limiter: &RateLimiter<ManualClock>, parts: &request::Parts) -> Result<(), RateLimited> {
    let scope = Scope::default();
    let subject = scope.subject(parts);
    limiter.decide(&subject, &mut Charges::default(), false)
}

fn refused_by(result: Result<(), RateLimited>) -> Vec<String> {
    let reason = result.unwrap_err();
    reason.policies().map(ToString::to_string).collect()
}

#[test]
fn rules_that_cannot_be_enforced_are_not_built() {
    let rule = |number: u32| rule(&format!("rule-{number}"), "1/s", Key::global());
    let error = |rules: Vec<Rule>| RateLimiter::new(rules).unwrap_err().to_string();
    assert_eq!(error(vec![]), "a limiter without rules limits nothing");
    assert_eq!(
        error((0..9).map(rule).collect()),
        "9 rules are more than the 8 that a limiter takes"
    );
    assert_eq!(
        error(vec![rule(1), rule(2), rule(1)]),
        "two rules are called `rule-1`"
    );
    assert!(RateLimiter::new((0..8).map(rule)).is_ok());
}

// The sum of the time and a period overflowed: a panic with overflow checks, no limit at all without.
#[test]
fn a_clock_that_jumps_ahead_by_centuries_still_limits() {
    let window: SlidingWindow = "1025/53375d".parse().unwrap();
    let window = Rule::new(window, Key::global()).name("window".parse().unwrap());
    let (limiter, clock) = limiter([rule("gcra", "1/53375d", Key::global()), window]);
    clock.advance(std::time::Duration::from_nanos(u64::MAX));
    assert_eq!(ask(&limiter, &nobody()), Ok(()));
    assert_eq!(refused_by(ask(&limiter, &nobody())), ["gcra"]);
}

#[test]
fn names_stand_unescaped_wherever_they_are_shown() {
    for name in ["a", "per-minute", "v1.2/login_9", &"a".repeat(32)] {
        assert_eq!(name.parse::<PolicyName>().unwrap().as_str(), name);
    }
    for name in [
        "",
        "a b",
        "a\"b",
        "a\\b",
        "ä",
        "a\n",
        "a;q=1",
        &"a".repeat(33),
    ] {
        assert!(name.parse::<PolicyName>().is_err(), "{name:?}");
    }
    let error = "a\n\"".parse::<PolicyName>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a\\n\\\"` is not a policy name, which is 1 to 32 letters, digits, `-`, `_`, `.` and `/`"
    );
}

#[test]
fn what_one_rule_refuses_is_charged_to_none() {
    let (limiter, clock) = limiter([
        rule("wide", "5/h", Key::global()),
        rule("narrow", "2/s", user()),
        Rule::new(SlidingWindow::per_hour(n(5)), Key::global()).name("exact".parse().unwrap()),
    ]);
    for _ in 0..2 {
        assert_eq!(ask(&limiter, &parts("a")), Ok(()));
    }
    for _ in 0..50 {
        assert_eq!(refused_by(ask(&limiter, &parts("a"))), ["narrow"]);
    }
    // Three of the five are left to the others, as if the fifty had never been.
    for _ in 0..2 {
        assert_eq!(ask(&limiter, &parts("b")), Ok(()));
    }
    clock.advance(seconds(1));
    assert_eq!(ask(&limiter, &parts("a")), Ok(()));
    assert_eq!(refused_by(ask(&limiter, &parts("a"))), ["wide", "exact"]);
    assert_eq!(refused_by(ask(&limiter, &parts("c"))), ["wide", "exact"]);
    assert_eq!(limiter.stats().allowed, 5);
}

#[test]
fn the_longest_wait_counts_and_is_enough() {
    for limits in [["1/s", "1/min"], ["1/min", "1/s"]] {
        let [one, other] = limits;
        let (limiter, clock) = limiter([
            rule("one", one, Key::global()),
            rule("other", other, Key::global()),
        ]);
        assert_eq!(ask(&limiter, &nobody()), Ok(()));
        let reason = ask(&limiter, &nobody()).unwrap_err();
        assert_eq!(reason.kind(), RateLimitedKind::QuotaExceeded);
        assert_eq!(reason.retry_after(), Some(60));
        assert_eq!(reason.to_string(), "a quota is used up for 60 s");
        clock.advance(seconds(60));
        assert_eq!(ask(&limiter, &nobody()), Ok(()));
    }
}

#[test]
fn a_wait_is_rounded_up_and_never_zero() {
    let (limiter, clock) = limiter([rule("r", "10/9s,burst=1", Key::global())]);
    assert_eq!(ask(&limiter, &nobody()), Ok(()));
    // 900 ms.
    assert_eq!(ask(&limiter, &nobody()).unwrap_err().retry_after(), Some(1));
    clock.advance(std::time::Duration::from_nanos(899_999_999));
    assert_eq!(ask(&limiter, &nobody()).unwrap_err().retry_after(), Some(1));
}

#[test]
fn a_request_can_cost_more_than_one_unit() {
    let cost = |parts: &request::Parts| n(if parts.headers["user"] == "big" { 3 } else { 1 });
    let (limiter, clock) = limiter([rule("r", "4/s", Key::global()).cost_with(cost)]);
    assert_eq!(ask(&limiter, &parts("small")), Ok(()));
    assert_eq!(ask(&limiter, &parts("big")), Ok(()));
    assert!(ask(&limiter, &parts("small")).is_err());
    clock.advance(seconds(1));
    assert_eq!(ask(&limiter, &parts("big")), Ok(()));
    assert!(ask(&limiter, &parts("big")).is_err());
    assert_eq!(ask(&limiter, &parts("small")), Ok(()));
}

#[test]
fn a_rule_in_shadow_counts_and_lets_pass() {
    let (limiter, clock) = limiter([
        rule("watching", "1/s", Key::global()).shadow(true),
        rule("enforced", "3/s", Key::global()),
    ]);
    for _ in 0..3 {
        assert_eq!(ask(&limiter, &nobody()), Ok(()));
    }
    assert_eq!(refused_by(ask(&limiter, &nobody())), ["enforced"]);
    let stats = limiter.stats();
    assert_eq!(stats.allowed, 3);
    assert_eq!((stats.rules[0].shadow, stats.rules[0].exceeded), (true, 3));
    assert_eq!((stats.rules[1].shadow, stats.rules[1].exceeded), (false, 1));
    // What it let pass over its limit was not charged to it either.
    clock.advance(seconds(1));
    assert_eq!(ask(&limiter, &nobody()), Ok(()));
    assert_eq!(limiter.stats().rules[0].exceeded, 3);
}

#[test]
fn a_request_without_the_key_is_treated_as_the_rule_says() {
    let asked = |missing, shadow| {
        let (limiter, _) = limiter([rule("r", "2/s", user()).missing_key(missing).shadow(shadow)]);
        let outcomes: Vec<_> = (0..3)
            .map(|_| ask(&limiter, &nobody()).map_err(|reason| reason.kind()))
            .collect();
        assert_eq!(limiter.stats().rules[0].keyless, 3);
        assert_eq!(
            ask(&limiter, &parts("a")),
            Ok(()),
            "others are not concerned"
        );
        outcomes
    };
    use RateLimitedKind::{BadRequest, Forbidden, QuotaExceeded};
    assert_eq!(
        asked(MissingKey::Shared, false),
        [Ok(()), Ok(()), Err(QuotaExceeded)]
    );
    assert_eq!(asked(MissingKey::Skip, false), [Ok(()); 3]);
    assert_eq!(asked(MissingKey::BadRequest, false), [Err(BadRequest); 3]);
    assert_eq!(asked(MissingKey::Forbidden, false), [Err(Forbidden); 3]);
    for missing in [
        MissingKey::Shared,
        MissingKey::BadRequest,
        MissingKey::Forbidden,
    ] {
        assert_eq!(asked(missing, true), [Ok(()); 3]);
    }
}

#[test]
fn a_request_refused_for_its_missing_key_is_charged_to_no_rule() {
    let (limiter, _) = limiter([
        rule("first", "1/s", Key::global()),
        rule("second", "1/s", user()).missing_key(MissingKey::BadRequest),
    ]);
    for _ in 0..5 {
        let reason = ask(&limiter, &nobody()).unwrap_err();
        assert_eq!(reason.kind(), RateLimitedKind::BadRequest);
        assert_eq!(reason.retry_after(), None);
        assert_eq!(
            reason.to_string(),
            "what the limit is counted by is missing"
        );
    }
    assert_eq!(ask(&limiter, &parts("a")), Ok(()));
}

mod keys_of_requests {
    use std::net::SocketAddr;

    use http::HeaderName;
    use portcullis_layer_core::origin::{Ipv6Prefix, PeerAddr};

    use super::*;

    fn request(head: &str) -> request::Parts {
        // `peer path [header-line...]`
        let mut words = head.split(' ');
        let peer = words.next().unwrap_or_default();
        let path = words.next().unwrap_or("/");
        let mut request = Request::get(path);
        for line in words {
            let (name, value) = line.split_once('=').unwrap();
            request = request.header(name, value);
        }
        if let Ok(ip) = peer.parse() {
            request = request.extension(PeerAddr(SocketAddr::new(ip, 1)));
        }
        request.body(()).unwrap().into_parts().0
    }

    /// Whether two requests share a bucket of one; a missing key is `None`.
    fn share(key: &Key, one: &str, other: &str) -> Option<bool> {
        let rule = rule("r", "1/h", key.clone()).missing_key(MissingKey::BadRequest);
        let (limiter, _) = limiter([rule]);
        let missing = |reason: &RateLimited| reason.kind() == RateLimitedKind::BadRequest;
        if ask(&limiter, &request(one)).is_err_and(|reason| missing(&reason)) {
            return None;
        }
        match ask(&limiter, &request(other)) {
            Ok(()) => Some(false),
            Err(reason) if missing(&reason) => None,
            Err(_) => Some(true),
        }
    }

    #[test]
    fn tell_buckets_apart() {
        let api_key = || Key::header(HeaderName::from_static("x-api-key"));
        let network = Key::client_network(Ipv6Prefix::new(48).unwrap());
        let length = Key::with(|parts| Some(parts.uri.path().len()).filter(|len| *len > 1));
        let query = Key::text_with(|parts| parts.uri.query());
        for (key, one, other, expected) in [
            (Key::global(), "192.0.2.1 /a", "2001:db8::1 /b", Some(true)),
            (Key::client_ip(), "192.0.2.1 /a", "192.0.2.1 /b", Some(true)),
            (Key::client_ip(), "192.0.2.1", "192.0.2.2", Some(false)),
            (
                Key::client_ip(),
                "192.0.2.1",
                "::ffff:192.0.2.1",
                Some(true),
            ),
            (
                Key::client_ip(),
                "2001:db8::1",
                "2001:db8::2:3:4:5",
                Some(true),
            ),
            (
                Key::client_ip(),
                "2001:db8::1",
                "2001:db8:0:1::1",
                Some(false),
            ),
            (Key::client_ip(), "unix", "192.0.2.1", None),
            (network, "2001:db8::1", "2001:db8:0:1::1", Some(true)),
            (Key::path(), "- /a?x", "- /a?y", Some(true)),
            (Key::path(), "- /a", "- /a/", Some(false)),
            (Key::method(), "- /a", "- /b", Some(true)),
            (api_key(), "- / x-api-key=1", "- / x-api-key=1", Some(true)),
            (api_key(), "- / x-api-key=1", "- / x-api-key=2", Some(false)),
            (api_key(), "- / x-api-key=1", "- /", None),
            (
                api_key(),
                "- / x-api-key=1",
                "- / x-api-key=1 x-api-key=2",
                None,
            ),
            (length.clone(), "- /a", "- /b", Some(true)),
            (length.clone(), "- /a", "- /ab", Some(false)),
            (length, "- /a", "- /", None),
            (query.clone(), "- /?a", "- /b?a", Some(true)),
            (query.clone(), "- /?a", "- /?b", Some(false)),
            (query, "- /?a", "- /", None),
            (
                api_key().and(Key::path()),
                "- /a x-api-key=1",
                "- /a x-api-key=1",
                Some(true),
            ),
            (
                api_key().and(Key::path()),
                "- /a x-api-key=1",
                "- /b x-api-key=1",
                Some(false),
            ),
            (api_key().and(Key::path()), "- /a x-api-key=1", "- /a", None),
            (
                api_key().or(Key::client_ip()),
                "192.0.2.1 / x-api-key=1",
                "192.0.2.2 / x-api-key=1",
                Some(true),
            ),
            (
                api_key().or(Key::client_ip()),
                "192.0.2.1 / x-api-key=1",
                "192.0.2.1",
                Some(false),
            ),
            (
                api_key().or(Key::client_ip()),
                "192.0.2.1",
                "192.0.2.1",
                Some(true),
            ),
            (api_key().or(Key::client_ip()), "- / x-api-key=1", "-", None),
            (
                api_key().or(Key::client_ip()),
                "192.0.2.1 / x-api-key=1",
                "192.0.2.1 / x-api-key=2",
                Some(false),
            ),
            // What was found of a pair before its other half was missing leaves nothing behind.
            (
                Key::path().and(api_key()).or(Key::global()),
                "- /a",
                "- /b",
                Some(true),
            ),
            // A header cannot be made to look like a path, nor like one cut elsewhere.
            (
                api_key().or(Key::path()),
                "- /a x-api-key=/b",
                "- /b",
                Some(false),
            ),
            (
                api_key().and(Key::header(HeaderName::from_static("b"))),
                "- / x-api-key=12 b=3",
                "- / x-api-key=1 b=23",
                Some(false),
            ),
        ] {
            assert_eq!(
                share(&key, one, other),
                expected,
                "{key:?}: {one} | {other}"
            );
        }
    }

    #[test]
    fn are_not_shown() {
        let key = Key::text_with(|_| None)
            .and(Key::with(|_| Some(1)))
            .or(Key::client_ip());
        let shown = format!("{key:?}");
        assert!(shown.contains("closure"), "{shown}");
    }
}

#[test]
fn threads_that_race_over_several_rules_get_exactly_what_the_tightest_allows() {
    let threads = 8;
    let (limiter, _) = limiter([
        rule("a", "1000/h", Key::global()).capacity(keys(64)),
        Rule::new(SlidingWindow::per_hour(n(700)), Key::global()).name("b".parse().unwrap()),
        rule("c", "900/h", Key::global()),
        rule("by-user", "200/h", user()),
    ]);
    let passed = AtomicU32::new(0);
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (limiter, passed, start) = (&limiter, &passed, &start);
            scope.spawn(move || {
                let parts = parts(&format!("user-{}", thread % 4));
                start.wait();
                for _ in 0..300 {
                    if ask(limiter, &parts).is_ok() {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 700);
    let stats = limiter.stats();
    assert_eq!(stats.allowed, 700);
    // Nothing was charged for the 1,700 that were refused.
    assert_eq!(stats.rules[0].exceeded, 0);
    assert_eq!(stats.rules[2].exceeded, 0);
}

#[test]
fn debug_shows_the_rules_and_no_state() {
    let (limiter, _) = limiter([rule("login", "5/min", user())]);
    assert!(ask(&limiter, &parts("alice")).is_ok());
    let shown = format!("{limiter:?}");
    assert!(
        shown.contains("login") && !shown.contains("alice"),
        "{shown}"
    );
}
