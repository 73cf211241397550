use std::net::SocketAddr;

use http::{HeaderValue, Request};
use portcullis_layer_core::origin::PeerAddr;
use portcullis_layer_core::request_id::RequestId;
use portcullis_layer_core::testing::ManualClock;

use super::super::limiter::RateLimiter;
use super::super::scope::Scope;
use super::super::settle::Charges;
use super::super::{Key, Quota, Rule};
use super::{n, seconds};
use crate::recorder::Recorder;

fn limiter(shadow: bool) -> (RateLimiter<ManualClock>, ManualClock) {
    let clock = ManualClock::default();
    let rule = Rule::new(Quota::per_hour(n(1)), Key::client_ip()).shadow(shadow);
    (
        RateLimiter::with_clock([rule], clock.clone()).unwrap(),
        clock,
    )
}

fn ask(limiter: &RateLimiter<ManualClock>, peer: &str) {
    let mut request = Request::new(());
    if let Ok(ip) = peer.parse() {
        request
            .extensions_mut()
            .insert(PeerAddr(SocketAddr::new(ip, 1)));
    }
    let id = RequestId::new(HeaderValue::from_static("id-1")).unwrap();
    request.extensions_mut().insert(id);
    let parts = request.into_parts().0;
    let scope = Scope::default();
    let subject = scope.subject(&parts);
    // Whether it passed is not what these tests are about.
    drop(limiter.decide(&subject, &mut Charges::default(), false));
}

#[test]
fn one_event_a_minute_tells_of_a_bucket_that_is_used_up() {
    let recorder = Recorder::default();
    let (limiter, clock) = limiter(false);
    tracing::subscriber::with_default(recorder.clone(), || {
        ask(&limiter, "192.0.2.1");
        assert_eq!(recorder.take(), Vec::<String>::new());
        for _ in 0..100 {
            ask(&limiter, "192.0.2.1");
        }
        let events = recorder.take();
        assert_eq!(events.len(), 1, "{events:?}");
        for expected in [
            "event=\"excess_rate_limit_exceeded\"",
            "outcome=\"blocked\"",
            "reason=\"default\"",
            "ip=192.0.2.1",
            "request_id=\"id-1\"",
            "bucket=",
        ] {
            assert!(events[0].contains(expected), "{expected} in {}", events[0]);
        }
        // Another bucket has its own minute.
        ask(&limiter, "192.0.2.2");
        ask(&limiter, "192.0.2.2");
        assert_eq!(recorder.take().len(), 1);
        clock.advance(seconds(59));
        ask(&limiter, "192.0.2.1");
        assert_eq!(recorder.take().len(), 0);
        clock.advance(seconds(1));
        ask(&limiter, "192.0.2.1");
        assert_eq!(recorder.take().len(), 1);
    });
}

// Had their buckets the same hash, the first rule's event would silence the second's.
#[test]
fn rules_with_the_same_key_each_tell_of_their_own_bucket() {
    let recorder = Recorder::default();
    let rule = |name: &str| {
        let rule = Rule::new(Quota::per_hour(n(1)), Key::client_ip());
        rule.name(name.parse().unwrap())
    };
    let limiter =
        RateLimiter::with_clock([rule("one"), rule("two")], ManualClock::default()).unwrap();
    tracing::subscriber::with_default(recorder.clone(), || {
        for _ in 0..3 {
            ask(&limiter, "192.0.2.1");
        }
    });
    let events = recorder.take();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("reason=\"one\"") && events[1].contains("reason=\"two\""));
}

#[test]
fn what_is_only_watched_is_observed() {
    let recorder = Recorder::default();
    let (limiter, _) = limiter(true);
    tracing::subscriber::with_default(recorder.clone(), || {
        for _ in 0..3 {
            ask(&limiter, "192.0.2.1");
        }
    });
    let events = recorder.take();
    assert_eq!(events.len(), 1);
    assert!(events[0].contains("outcome=\"observed\""), "{}", events[0]);
}

#[test]
fn a_flood_of_limited_clients_is_no_flood_of_events() {
    let recorder = Recorder::default();
    let (limiter, _) = limiter(false);
    tracing::subscriber::with_default(recorder.clone(), || {
        for client in 0..5000u32 {
            let ip = std::net::Ipv4Addr::from_bits(client << 8).to_string();
            ask(&limiter, &ip);
            ask(&limiter, &ip);
        }
    });
    let events = recorder.take().len();
    assert!((900..1100).contains(&events), "{events}");
}

#[test]
fn a_service_that_never_knows_its_peers_is_told_once() {
    let recorder = Recorder::default();
    let (never, _) = limiter(true);
    tracing::subscriber::with_default(recorder.clone(), || {
        for _ in 0..3 {
            ask(&never, "");
        }
    });
    let events = recorder.take();
    let misconfigured = |event: &&String| event.contains("event=\"layer_misconfigured\"");
    assert_eq!(events.iter().filter(misconfigured).count(), 1, "{events:?}");

    // One that knows some of them (a Unix socket beside a port) is not.
    let (sometimes, _) = limiter(true);
    tracing::subscriber::with_default(recorder.clone(), || {
        ask(&sometimes, "192.0.2.1");
        ask(&sometimes, "");
    });
    assert_eq!(recorder.take(), Vec::<String>::new());
}
