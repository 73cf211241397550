//! What the metrics say of requests that came over sockets.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use portcullis_layer_core::endpoint::EndpointLayer;
use portcullis_layer_core::testing::TestBody;
use portcullis_observability_layers::metrics::{Format, Metrics};
use portcullis_security_layers::limits::UriLimitLayer;
use portcullis_tests::serve::Greeter;
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, serve};
use tower::{ServiceBuilder, service_fn};
use tower_layer::Layer as _;

fn shows(metrics: &Metrics, line: &str) -> bool {
    let text = metrics.encode(Format::Text);
    text.lines().any(|found| found == line)
}

/// Waits until the server has noticed what its client did.
async fn will_show(metrics: &Metrics, line: &str) {
    while !shows(metrics, line) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn series_are_by_route_and_never_by_path() {
    let metrics = Metrics::new();
    let gate = ServiceBuilder::new()
        .layer(EndpointLayer::new(metrics.endpoint()))
        .layer(metrics.layer());
    let server = serve::axum(serve::routes().layer(gate)).await;
    let ask = async |version, request| client::send(server.addr(), version, request).await;
    for (version, path) in [
        (Version::HTTP_11, "/items/1"),
        (Version::HTTP_2, "/items/2?a=b"),
        (Version::HTTP_11, "/wp-login.php"),
        (Version::HTTP_2, "/.env"),
    ] {
        ask(version, client::get(path)).await;
    }
    let mut made_up = client::get("/items/3");
    *made_up.method_mut() = Method::from_bytes(b"BREW").unwrap();
    ask(Version::HTTP_11, made_up).await;

    for line in [
        r#"http_requests_total{method="GET",route="/items/{id}",status="200"} 2"#,
        r#"http_requests_total{method="GET",route="_unmatched",status="404"} 2"#,
        r#"http_requests_total{method="_OTHER",route="/items/{id}",status="405"} 1"#,
    ] {
        will_show(&metrics, line).await;
    }
    let answer = ask(Version::HTTP_11, client::get("/metrics")).await;
    assert_eq!(answer.head.status, StatusCode::OK);
    assert!(!answer.text().contains("wp-login"));
    assert!(!answer.text().contains("BREW"));
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_and_leaves_the_gauge_at_zero() {
    let endless = service_fn(async |_: Request<hyper::body::Incoming>| {
        let body = TestBody::new([Bytes::from_static(b"the beginning")]).then_hang();
        Ok::<_, Infallible>(Response::new(body))
    });
    let metrics = Metrics::new();
    let server = serve::hyper(metrics.layer().routes(["/"]).layer(endless)).await;
    let mut wire = Wire::connect(server.addr()).await;
    wire.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(wire.read().await.head.status, StatusCode::OK);
    assert!(shows(&metrics, "http_requests_in_flight 1"));
    drop(wire);
    will_show(&metrics, "http_requests_in_flight 0").await;
    let cancelled = r#"http_requests_unfinished_total{outcome="cancelled"} 1"#;
    assert!(
        shows(&metrics, cancelled),
        "{}",
        metrics.encode(Format::Text)
    );
}

#[tokio::test]
async fn grpc_calls_are_counted_by_the_status_in_their_trailers_or_headers() {
    const METHOD: &str = "/grpc.health.v1.Health/Check";
    for (max, code, status) in [(100, "0", "200"), (1, "8", "200")] {
        let metrics = Metrics::new();
        let gate = ServiceBuilder::new()
            .layer(metrics.layer().routes([METHOD]))
            .layer(UriLimitLayer::new(max.try_into().unwrap()));
        let server = serve::tonic(gate.into_inner()).await;
        let call = client::check_health(server.addr()).await;
        assert_eq!(call.is_ok(), code == "0");
        let line = format!(
            r#"http_requests_total{{method="POST",route="{METHOD}",status="{status}",grpc_status="{code}"}} 1"#
        );
        will_show(&metrics, &line).await;
    }
}

#[tokio::test]
async fn refusals_are_counted_as_what_they_are() {
    let metrics = Metrics::new();
    let gate = ServiceBuilder::new()
        .layer(metrics.layer())
        .layer(UriLimitLayer::new(8.try_into().unwrap()));
    let server = serve::hyper(gate.service(Greeter)).await;
    client::send(server.addr(), Version::HTTP_2, client::get("/?12345678")).await;
    let line = r#"http_requests_total{method="GET",route="_unmatched",status="414"} 1"#;
    will_show(&metrics, line).await;
}
