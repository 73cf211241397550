use http::Request;
use portcullis_layer_core::testing::ManualClock;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::super::limiter::RateLimiter;
use super::super::scope::Scope;
use super::super::settle::Charges;
use super::super::{ConcurrencyLimitLayer, Key, Quota, RateLimitCollector, Rule};
use super::n;

#[test]
fn a_scrape_shows_what_was_counted() {
    let rule = |name: &str, units| {
        let quota = Quota::per_hour(n(units));
        Rule::new(quota, Key::global()).name(name.parse().unwrap())
    };
    let clock = ManualClock::default();
    let rules = [rule("a", 3), rule("watch", 1).shadow(true)];
    let limiter = RateLimiter::with_clock(rules, clock.clone()).unwrap();
    let other = RateLimiter::with_clock([rule("b", 1)], clock).unwrap();
    let concurrency = ConcurrencyLimitLayer::new(n(1), Key::global());
    let collector = RateLimitCollector::new()
        .limiter("api".parse().unwrap(), &limiter)
        .limiter("login".parse().unwrap(), &other)
        .concurrency("slots".parse().unwrap(), &concurrency);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));

    let parts = Request::new(()).into_parts().0;
    let scope = Scope::default();
    let subject = scope.subject(&parts);
    for _ in 0..5 {
        drop(limiter.decide(&subject, &mut Charges::default(), false));
    }
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "# TYPE rate_limit_requests_allowed counter",
        "rate_limit_requests_allowed_total{limiter=\"api\"} 3",
        "rate_limit_requests_allowed_total{limiter=\"login\"} 0",
        "rate_limit_requests_rejected_total{limiter=\"api\",policy=\"a\"} 2",
        "rate_limit_requests_rejected_total{limiter=\"api\",policy=\"watch\"} 0",
        "rate_limit_requests_rejected_total{limiter=\"login\",policy=\"b\"} 0",
        "rate_limit_requests_shadow_rejected_total{limiter=\"api\",policy=\"watch\"} 4",
        "# TYPE rate_limit_buckets_active gauge",
        "rate_limit_buckets_active{limiter=\"api\",policy=\"a\"} 1",
        "rate_limit_buckets_active{limiter=\"login\",policy=\"b\"} 0",
        "rate_limit_buckets_evicted_total{limiter=\"api\",policy=\"a\"} 0",
        "rate_limit_requests_overflowed_total{limiter=\"api\",policy=\"a\"} 0",
        "rate_limit_requests_without_key_total{limiter=\"api\",policy=\"a\"} 0",
        "rate_limit_concurrent_requests{limiter=\"slots\"} 0",
        "rate_limit_concurrent_requests_rejected_total{limiter=\"slots\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let described = text
        .lines()
        .filter(|line| line.starts_with("# TYPE rate_limit_requests_allowed "));
    assert_eq!(described.count(), 1, "two limiters share one description");
}

#[test]
fn an_empty_collector_says_nothing() {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(RateLimitCollector::new()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert_eq!(text, "# EOF\n");
}
