use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use portcullis_layer_core::clock::SystemClock;
use portcullis_layer_core::origin::{
    ForwardedHeaders, OriginLayer, OriginPolicy, PeerAddr, TrustedProxies,
};
use portcullis_layer_core::refusal::{Caller, GrpcCode, Negotiated};
use portcullis_layer_core::testing::{ManualClock, Mock, MockError, TestBody, body, contract};
use tower_layer::Layer;
use tower_service::Service;

use super::super::{
    Key, MissingKey, Quota, RateLimit, RateLimitLayer, RateLimited, RateLimitedKind, RateLimiter,
    Rule, SlidingWindow,
};
use super::{n, seconds};
use crate::refusals::Refusals;

type Answer = Response<portcullis_layer_core::body::ResponseBody<TestBody>>;

fn get(peer: &str) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    if !peer.is_empty() {
        let peer = PeerAddr(SocketAddr::new(peer.parse().unwrap(), 40_000));
        request.extensions_mut().insert(peer);
    }
    request
}

fn rule(limit: &str) -> Rule {
    let quota: Quota = limit.parse().unwrap();
    Rule::new(quota, Key::client_ip())
}

fn layer(rule: Rule) -> (RateLimitLayer<Negotiated, ManualClock>, ManualClock) {
    let clock = ManualClock::default();
    let limiter = RateLimiter::with_clock([rule], clock.clone()).unwrap();
    (RateLimitLayer::from_shared(limiter), clock)
}

async fn send<S>(service: &mut S, request: Request<TestBody>) -> Answer
where
    S: Service<Request<TestBody>, Response = Answer, Error = MockError>,
{
    contract::send(service, request).await.unwrap()
}

async fn status<S>(service: &mut S, peer: &str) -> u16
where
    S: Service<Request<TestBody>, Response = Answer, Error = MockError>,
{
    send(service, get(peer)).await.status().as_u16()
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next().map(|value| value.to_str().unwrap());
    assert_eq!(lines.next(), None, "{name} is sent once");
    first
}

const PEER: &str = "192.0.2.1";

#[tokio::test]
async fn keeps_the_contract() {
    contract::is_a_layer::<RateLimitLayer, Mock>();
    contract::is_a_layer::<RateLimitLayer<Negotiated, ManualClock>, Mock>();
    contract::keeps(&RateLimitLayer::new(rule("1000/s")), || get(PEER)).await;

    // The bucket is empty after one request, which a clone of the layer spends.
    let (used_up, _) = layer(rule("1/h"));
    assert_eq!(status(&mut used_up.layer(Mock::ok()), PEER).await, 200);
    let code = GrpcCode::ResourceExhausted;
    contract::refuses(&used_up, || get(PEER), StatusCode::TOO_MANY_REQUESTS, code).await;

    for (missing, status, code) in [
        (
            MissingKey::BadRequest,
            StatusCode::BAD_REQUEST,
            GrpcCode::InvalidArgument,
        ),
        (
            MissingKey::Forbidden,
            StatusCode::FORBIDDEN,
            GrpcCode::PermissionDenied,
        ),
    ] {
        let (layer, _) = layer(rule("1/h").missing_key(missing));
        contract::refuses(&layer, || get(""), status, code).await;
    }
}

#[tokio::test]
async fn a_refusal_says_what_when_and_why() {
    let (layer, _) = layer(rule("6/min,burst=1"));
    let mut service = layer.layer(Mock::ok());
    assert_eq!(status(&mut service, PEER).await, 200);
    let (head, refusal) = send(&mut service, get(PEER)).await.into_parts();
    assert_eq!(head.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(field(&head.headers, "retry-after"), Some("10"));
    assert_eq!(
        field(&head.headers, "ratelimit"),
        Some("\"default\";r=0;t=10")
    );
    let refusal = body::conforms(refusal).await;
    assert_eq!(
        String::from_utf8(refusal.data).unwrap(),
        "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\
         \"title\":\"Request cannot be satisfied as assigned quota has been exceeded\",\
         \"status\":429,\"violated-policies\":[\"default\"]}"
    );
    let reason = head.extensions.get::<RateLimited>().unwrap();
    assert_eq!(reason.kind(), RateLimitedKind::QuotaExceeded);
    assert_eq!(reason.retry_after(), Some(10));
}

#[tokio::test]
async fn a_grpc_caller_is_told_in_a_header_when_to_come_back() {
    let (layer, _) = layer(rule("6/min,burst=1"));
    let mut service = layer.layer(Mock::ok());
    assert_eq!(status(&mut service, PEER).await, 200);
    let mut request = get(PEER);
    *request.method_mut() = Method::POST;
    let value = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert("content-type", value);
    let response = send(&mut service, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(field(response.headers(), "grpc-status"), Some("8"));
    assert_eq!(field(response.headers(), "retry-after"), Some("10"));
    assert_eq!(
        field(response.headers(), "ratelimit"),
        Some("\"default\";r=0;t=10")
    );
}

#[tokio::test]
async fn who_waits_as_told_is_let_through() {
    for limit in ["1/s", "3/7s,burst=2", "7/min,burst=3", "10/9s,burst=1"] {
        let quota: Quota = limit.parse().unwrap();
        let window = SlidingWindow::per(n(3), seconds(7)).unwrap();
        for rule in [
            Rule::new(quota, Key::client_ip()),
            Rule::new(window, Key::client_ip()),
        ] {
            let (layer, clock) = layer(rule);
            let mut service = layer.layer(Mock::ok());
            for _ in 0..50 {
                clock.advance(std::time::Duration::from_millis(333));
                let response = send(&mut service, get(PEER)).await;
                if response.status() == StatusCode::OK {
                    continue;
                }
                let wait = field(response.headers(), "retry-after").unwrap();
                let told = field(response.headers(), "ratelimit").unwrap();
                let (_, t) = told.rsplit_once("t=").unwrap();
                assert!(wait.parse::<u64>().unwrap() >= t.parse().unwrap());
                clock.advance(seconds(wait.parse().unwrap()));
                assert_eq!(
                    status(&mut service, PEER).await,
                    200,
                    "{limit} after {wait} s"
                );
            }
        }
    }
}

#[tokio::test]
async fn all_clones_and_all_services_of_a_layer_count_together() {
    let (layer, _) = layer(rule("6/h"));
    let mut first = layer.layer(Mock::ok());
    let mut second = layer.layer(Mock::ok());
    let mut of_a_clone = layer.clone().layer(Mock::ok());
    let mut set_up_differently = layer.clone().rate_limit_fields(false).layer(Mock::ok());
    let mut answering_differently = layer
        .clone()
        .reject_with(|_: &RateLimited, _: &Caller| Response::new(Bytes::new()))
        .layer(Mock::ok());
    let mut clone: RateLimit<Mock, _, _> = first.clone();
    assert_eq!(status(&mut first, PEER).await, 200);
    assert_eq!(status(&mut second, PEER).await, 200);
    assert_eq!(status(&mut of_a_clone, PEER).await, 200);
    assert_eq!(status(&mut set_up_differently, PEER).await, 200);
    assert_eq!(status(&mut answering_differently, PEER).await, 200);
    assert_eq!(status(&mut clone, PEER).await, 200);
    for service in [
        &mut first,
        &mut second,
        &mut of_a_clone,
        &mut set_up_differently,
        &mut clone,
    ] {
        assert_eq!(status(service, PEER).await, 429);
    }
}

#[tokio::test]
async fn layers_can_share_a_limiter() {
    let limiter = RateLimiter::new([rule("2/h")]).unwrap();
    let mut one = RateLimitLayer::from_shared(limiter.clone()).layer(Mock::ok());
    let mut other = RateLimitLayer::from_shared(limiter.clone()).layer(Mock::ok());
    assert_eq!(status(&mut one, PEER).await, 200);
    assert_eq!(status(&mut other, PEER).await, 200);
    assert_eq!(status(&mut one, PEER).await, 429);
    assert_eq!(status(&mut other, PEER).await, 429);
    assert_eq!(limiter.stats().allowed, 2);
}

#[tokio::test]
async fn accepted_responses_tell_the_standing_of_every_enforced_rule() {
    let clock = ManualClock::default();
    let named = |name: &str, limit: &str| rule(limit).name(name.parse().unwrap());
    let limiter = RateLimiter::with_clock(
        [
            named("burst", "2/s"),
            named("watch", "1/s").shadow(true),
            Rule::new(SlidingWindow::per_hour(n(3)), Key::global()).name("hour".parse().unwrap()),
            rule("9/s")
                .name("key".parse().unwrap())
                .missing_key(MissingKey::Skip),
        ],
        clock.clone(),
    );
    let mut service = RateLimitLayer::from_shared(limiter.unwrap()).layer(Mock::ok());
    let mut next = async || {
        let response = send(&mut service, get("")).await;
        let told = |name| field(response.headers(), name).map(ToOwned::to_owned);
        (
            response.status().as_u16(),
            told("ratelimit-policy"),
            told("ratelimit"),
            told("retry-after"),
        )
    };
    let policy = "\"burst\";q=2;w=1;qu=\"requests\", \"hour\";q=3;w=3600;qu=\"requests\", \
                  \"key\";q=9;w=1;qu=\"requests\"";
    let some = |text: &str| Some(text.to_owned());
    let is = |status, fields, wait: Option<&str>| {
        (
            status,
            some(policy),
            some(fields),
            wait.map(ToOwned::to_owned),
        )
    };
    // The rule by key is not asked, for the requests have none.
    assert_eq!(
        next().await,
        is(200, "\"burst\";r=1;t=1, \"hour\";r=2;t=3600", None)
    );
    clock.advance(seconds(1));
    assert_eq!(
        next().await,
        is(200, "\"burst\";r=1;t=1, \"hour\";r=1;t=3599", None)
    );
    assert_eq!(
        next().await,
        is(200, "\"burst\";r=0;t=1, \"hour\";r=0;t=3599", None)
    );
    // Both refuse: the longer one decides.
    assert_eq!(
        next().await,
        is(429, "\"burst\";r=0;t=1, \"hour\";r=0;t=3599", Some("3599"))
    );
    clock.advance(seconds(1));
    // `burst` has units again and tells no time, which would be earlier than `Retry-After`.
    assert_eq!(
        next().await,
        is(429, "\"burst\";r=2, \"hour\";r=0;t=3598", Some("3598"))
    );
}

#[tokio::test]
async fn a_refusal_for_a_missing_key_tells_no_standing() {
    let global = Rule::new(Quota::per_second(n(1)), Key::global());
    let by_client = rule("1/s").name("client".parse().unwrap());
    let rules = [global, by_client.missing_key(MissingKey::BadRequest)];
    let layer = RateLimitLayer::from_shared(RateLimiter::new(rules).unwrap());
    let response = send(&mut layer.layer(Mock::ok()), get("")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    // Nobody was asked what is left, and waiting does not help.
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert_eq!(field(response.headers(), name), None);
    }
}

#[tokio::test]
async fn fields_of_the_handler_are_kept() {
    for own in ["ratelimit", "ratelimit-policy", "x-ratelimit-remaining"] {
        let (layer, _) = layer(rule("10/s"));
        let layer = layer.x_rate_limit_fields(true);
        let name = HeaderName::from_static(own);
        let mut service = layer.layer(Mock::answering(move |_| {
            let mut response = Response::new(TestBody::empty());
            response
                .headers_mut()
                .insert(name.clone(), HeaderValue::from_static("own"));
            response
        }));
        let response = send(&mut service, get(PEER)).await;
        assert_eq!(field(response.headers(), own), Some("own"));
        let ours = response
            .headers()
            .keys()
            .filter(|name| name.as_str().contains("ratelimit"));
        // The family that the handler wrote is its own, the other one is ours.
        assert_eq!(
            ours.count(),
            if own.starts_with("x-") { 3 } else { 4 },
            "{own}"
        );
    }
}

#[tokio::test]
async fn fields_are_sent_as_chosen() {
    let told = |standard, legacy| async move {
        let (layer, _) = layer(rule("100/min,burst=20"));
        let layer = layer
            .rate_limit_fields(standard)
            .x_rate_limit_fields(legacy);
        let response = send(&mut layer.layer(Mock::ok()), get(PEER)).await;
        let headers = response.headers().iter();
        let mut told: Vec<_> = headers
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(false, false).await, Vec::<String>::new());
    assert_eq!(
        told(true, false).await,
        [
            "ratelimit-policy: \"default\";q=100;w=60;qu=\"requests\"",
            "ratelimit: \"default\";r=19;t=1"
        ]
    );
    assert_eq!(
        told(false, true).await,
        [
            "x-ratelimit-limit: 100",
            "x-ratelimit-remaining: 19",
            "x-ratelimit-reset: 1"
        ]
    );
    assert_eq!(told(true, true).await.len(), 5);
}

#[tokio::test]
async fn a_limiter_in_shadow_tells_nothing() {
    let (layer, _) = layer(rule("1/s").shadow(true));
    let mut service = layer.x_rate_limit_fields(true).layer(Mock::ok());
    for _ in 0..3 {
        let response = send(&mut service, get(PEER)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().is_empty());
    }
}

#[tokio::test]
async fn exempt_requests_are_not_counted_and_told_nothing() {
    let exempting =
        |change: fn(
            RateLimitLayer<Negotiated, ManualClock>,
        ) -> RateLimitLayer<Negotiated, ManualClock>| { change(layer(rule("1/h")).0) };
    let by_path = exempting(|layer| layer.exempt("/health, /acme/*".parse().unwrap()));
    let by_client = exempting(|layer| layer.exempt_clients("10.0.0.0/8, ::1".parse().unwrap()));
    let by_closure = exempting(|layer| layer.exempt_with(|parts| parts.method == Method::OPTIONS));
    let at = |path: &'static str| {
        let mut request = get(PEER);
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    let options = || {
        let mut request = get(PEER);
        *request.method_mut() = Method::OPTIONS;
        request
    };
    for _ in 0..3 {
        for (layer, request) in [
            (&by_path, at("/health")),
            (&by_path, at("/acme/token")),
            (&by_client, get("10.1.2.3")),
            (&by_client, get("::1")),
            (&by_closure, options()),
        ] {
            let response = send(&mut layer.layer(Mock::ok()), request).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.headers().is_empty());
        }
    }
    for layer in [by_path, by_client, by_closure] {
        let mut service = layer.layer(Mock::ok());
        assert_eq!(
            send(&mut service, at("/healthy")).await.status(),
            StatusCode::OK
        );
        assert_eq!(
            send(&mut service, at("/healthy")).await.status(),
            StatusCode::TOO_MANY_REQUESTS
        );
    }
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let from = |peer: &str, forwarded: &str| {
        let mut request = get(peer);
        let value = HeaderValue::from_str(forwarded).unwrap();
        request.headers_mut().insert("x-forwarded-for", value);
        request
    };
    // Nobody is trusted: ten made-up addresses are one client.
    let (plain, _) = layer(rule("1/h"));
    let mut service = plain.layer(Mock::ok());
    assert_eq!(
        send(&mut service, from(PEER, "203.0.113.0")).await.status(),
        StatusCode::OK
    );
    for last in 1..10 {
        let request = from(PEER, &format!("203.0.113.{last}"));
        assert_eq!(
            send(&mut service, request).await.status(),
            StatusCode::TOO_MANY_REQUESTS
        );
    }

    let trust = "10.0.0.0/8".parse::<TrustedProxies>().unwrap();
    let policy = OriginPolicy::new(trust, ForwardedHeaders::XForwarded);
    let (layer, _) = layer(rule("1/h"));
    let mut service = layer.clone().origin(policy.clone()).layer(Mock::ok());
    let mut refused = async |peer, forwarded| {
        let status = send(&mut service, from(peer, forwarded)).await.status();
        status == StatusCode::TOO_MANY_REQUESTS
    };
    assert!(!refused("10.0.0.1", "203.0.113.1").await);
    assert!(!refused("10.0.0.1", "203.0.113.2").await);
    assert!(refused("10.0.0.1", "203.0.113.2").await);
    assert!(
        refused("10.0.0.9", "198.51.100.7, 203.0.113.2").await,
        "what stands left is a claim"
    );
    assert!(!refused(PEER, "203.0.113.3").await);
    assert!(refused(PEER, "203.0.113.4").await);

    // An OriginLayer further out has decided already.
    let mut service = OriginLayer::new(policy).layer(layer.layer(Mock::ok()));
    let again = contract::send(&mut service, from("10.0.0.1", "203.0.113.1"))
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn refusals_can_be_answered_otherwise_and_are_counted() {
    let refusals = Refusals::new();
    let (layer, _) = layer(rule("6/min,burst=1"));
    let layer = layer
        .count_in(&refusals)
        .reject_with(|reason: &RateLimited, _: &Caller| {
            let mut response = Response::new("later");
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            let wait = HeaderValue::from(reason.retry_after().unwrap_or_default());
            response.headers_mut().insert("retry-after", wait);
            response
        });
    let mut service = layer.layer(Mock::ok());
    assert_eq!(status(&mut service, PEER).await, 200);
    let response = send(&mut service, get(PEER)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(field(response.headers(), "retry-after"), Some("10"));
    assert_eq!(
        field(response.headers(), "ratelimit"),
        Some("\"default\";r=0;t=10")
    );
    assert!(response.extensions().get::<RateLimited>().is_some());
    assert_eq!(body::conforms(response.into_body()).await.data, b"later");
    assert_eq!(refusals.count("rate_limit", "quota_exceeded"), 1);
    assert_eq!(refusals.count("rate_limit", "key_missing"), 0);
}

#[tokio::test]
async fn by_the_system_clock_too() {
    let layer: RateLimitLayer<Negotiated, SystemClock> = RateLimitLayer::new(rule("2/h"));
    let mut service = layer.layer(Mock::ok());
    assert_eq!(status(&mut service, PEER).await, 200);
    assert_eq!(status(&mut service, PEER).await, 200);
    assert_eq!(status(&mut service, PEER).await, 429);
}
