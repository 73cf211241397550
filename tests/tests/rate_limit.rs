//! The rate limit and the concurrency limit on each stack.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::Full;
use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, TrustedProxies};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::testing::{ManualClock, TestBody};
use portcullis_security_layers::rate_limit::{
    ConcurrencyLimitLayer, Key, Quota, RateLimitLayer, RateLimiter, Rule,
};
use portcullis_tests::serve::{Greeter, Server};
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, refusal, serve};
use tower::service_fn;
use tower_layer::Layer as _;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// Two requests a minute for each client.
fn two_a_minute() -> Rule {
    let quota: Quota = "2/min,burst=2".parse().expect("it is a quota");
    Rule::new(quota, Key::client_ip())
}

async fn ask(server: &Server, version: Version, from: Option<&'static str>) -> client::Answer {
    client::send(server.addr(), version, forwarded(client::get("/"), from)).await
}

fn forwarded(
    mut request: Request<Full<Bytes>>,
    from: Option<&'static str>,
) -> Request<Full<Bytes>> {
    if let Some(from) = from {
        let from = HeaderValue::from_static(from);
        request.headers_mut().insert("x-forwarded-for", from);
    }
    request
}

#[tokio::test]
async fn a_refused_client_passes_again_when_it_was_told_to_come_back() {
    for version in VERSIONS {
        for on_axum in [false, true] {
            let clock = ManualClock::default();
            let limiter = RateLimiter::with_clock([two_a_minute()], clock.clone()).unwrap();
            let layer = RateLimitLayer::from_shared(limiter);
            let server = if on_axum {
                serve::axum(serve::routes().layer(layer)).await
            } else {
                serve::hyper(layer.layer(Greeter)).await
            };
            // Each request comes over a connection of its own: the count is the server's.
            for left in ["r=1", "r=0"] {
                let answer = ask(&server, version, None).await;
                assert_eq!(answer.text(), serve::GREETING);
                assert!(
                    answer
                        .header("ratelimit")
                        .is_some_and(|field| field.contains(left))
                );
                let policy = answer.header("ratelimit-policy");
                assert_eq!(policy, Some(r#""default";q=2;w=60;qu="requests""#));
            }
            let refused = ask(&server, version, None).await;
            let problem = refusal::problem(&refused, StatusCode::TOO_MANY_REQUESTS);
            let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
            assert_eq!(problem["type"], kind);
            assert_eq!(problem["violated-policies"][0], "default");
            let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert_eq!(wait, 30);

            clock.advance(Duration::from_secs(wait) - Duration::from_millis(1));
            let refused = ask(&server, version, None).await;
            assert_eq!(
                refused.header("retry-after"),
                Some("1"),
                "rounded up, not down"
            );
            clock.advance(Duration::from_millis(1));
            assert_eq!(ask(&server, version, None).await.text(), serve::GREETING);
        }
    }
}

#[tokio::test]
async fn grpc_callers_are_refused_in_their_own_form() {
    let server = serve::tonic(RateLimitLayer::new(two_a_minute())).await;
    for _ in 0..2 {
        client::check_health(server.addr()).await.unwrap();
    }
    let status = client::check_health(server.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.metadata().get("retry-after").unwrap(), "30");
    let ask = async |request| client::send(server.addr(), Version::HTTP_2, request).await;
    let answer = ask(client::grpc("application/grpc")).await;
    refusal::is_trailers_only(&answer, GrpcCode::ResourceExhausted);
    for content_type in ["application/grpc-web", "application/grpc-web-text"] {
        let answer = ask(client::grpc(content_type)).await;
        refusal::is_grpc_web(&answer, GrpcCode::ResourceExhausted);
    }
}

#[tokio::test]
async fn a_client_cannot_choose_its_bucket_but_a_trusted_proxy_tells_it() {
    let trust = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    for version in VERSIONS {
        let wary = RateLimitLayer::new(two_a_minute());
        let wary = serve::axum(serve::routes().layer(wary)).await;
        let mut passed = 0;
        for from in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] {
            let answer = ask(&wary, version, Some(from)).await;
            passed += i32::from(answer.head.status == StatusCode::OK);
        }
        assert_eq!(passed, 2, "the peer is one and the same");

        let layer = RateLimitLayer::new(two_a_minute()).origin(trust.clone());
        for server in [
            serve::hyper(layer.clone().layer(Greeter)).await,
            serve::axum(
                serve::routes().layer(RateLimitLayer::new(two_a_minute()).origin(trust.clone())),
            )
            .await,
        ] {
            for (from, status) in [
                ("192.0.2.1", 200),
                ("192.0.2.1", 200),
                ("192.0.2.1", 429),
                ("192.0.2.2", 200),
                // Left of what the proxy saw stands what the client made up.
                ("203.0.113.9, 192.0.2.1", 429),
                // One network of IPv6 is one client.
                ("2001:db8::1", 200),
                ("2001:db8::2", 200),
                ("2001:db8::ffff:ffff:3", 429),
            ] {
                let answer = ask(&server, version, Some(from)).await;
                assert_eq!(answer.head.status, status, "{from}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_quota_passes_however_many_connections_ask_at_once() {
    let quota: Quota = "50/hour,burst=50".parse().unwrap();
    let layer = RateLimitLayer::new(Rule::new(quota, Key::client_ip()));
    let server = serve::axum(serve::routes().layer(layer)).await;
    let addr = server.addr();
    let asking: Vec<_> = (0..120)
        .map(|i| tokio::spawn(client::send(addr, VERSIONS[i % 2], client::get("/"))))
        .collect();
    let mut passed = 0;
    for answer in asking {
        let answer = answer.await.unwrap();
        passed += i32::from(answer.head.status == StatusCode::OK);
    }
    assert_eq!(passed, 50);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_permit_back() {
    let layer = ConcurrencyLimitLayer::new(NonZeroU32::MIN, Key::client_ip());
    let endless = service_fn(async |_: Request<hyper::body::Incoming>| {
        let body = TestBody::new([Bytes::from_static(b"the beginning")]).then_hang();
        Ok::<_, Infallible>(Response::new(body))
    });
    let server = serve::hyper(layer.layer(endless)).await;

    let mut first = Wire::connect(server.addr()).await;
    first.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(first.read().await.head.status, StatusCode::OK);
    let second = client::send(server.addr(), Version::HTTP_11, client::get("/")).await;
    refusal::problem(&second, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(layer.stats().in_flight, 1);

    drop(first);
    while layer.stats().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    let mut third = Wire::connect(server.addr()).await;
    third.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(third.read().await.head.status, StatusCode::OK);
}
