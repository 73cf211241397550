//! The limits on each stack, and what becomes of the connection of a request that they refuse.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Version};
use http_body_util::Full;
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::testing::TestBody;
use portcullis_security_layers::limits::{
    BodyDeadlineLayer, BodyLimitLayer, ContentTypeLayer, HeaderLimitLayer, UriLimitLayer,
};
use portcullis_tests::client::Answer;
use portcullis_tests::serve::{Greeter, echo};
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, refusal, serve};
use tower::service_fn;
use tower_layer::Layer as _;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

fn bytes(max: usize) -> std::num::NonZeroUsize {
    max.try_into().expect("no limit of these tests is zero")
}

fn with_header(mut request: Request<Full<Bytes>>, value: &str) -> Request<Full<Bytes>> {
    let value = HeaderValue::from_str(value).expect("it is a header value");
    request.headers_mut().insert("x-large", value);
    request
}

#[tokio::test]
async fn long_targets_are_refused() {
    let layer = UriLimitLayer::new(bytes(30));
    for server in [
        serve::hyper(layer.layer(Greeter)).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        for version in VERSIONS {
            let answer = client::send(server.addr(), version, client::get("/?short")).await;
            assert_eq!(answer.text(), serve::GREETING);
            let long = client::get("/?0123456789012345678901234567890");
            let answer = client::send(server.addr(), version, long).await;
            refusal::is_problem(&answer, StatusCode::URI_TOO_LONG, "uri-too-long");
        }
    }
    let server = serve::tonic(UriLimitLayer::new(bytes(28))).await;
    client::check_health(server.addr()).await.unwrap();
    let server = serve::tonic(UriLimitLayer::new(bytes(27))).await;
    let status = client::check_health(server.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn large_headers_are_refused() {
    let layer = HeaderLimitLayer::new(bytes(10), bytes(500));
    for server in [
        serve::hyper(layer.layer(Greeter)).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        for version in VERSIONS {
            let small = with_header(client::get("/"), &"a".repeat(100));
            let answer = client::send(server.addr(), version, small).await;
            assert_eq!(answer.text(), serve::GREETING);
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let large = with_header(client::get("/"), &"a".repeat(500));
            let answer = client::send(server.addr(), version, large).await;
            refusal::is_problem(&answer, status, "header-fields-too-large");
            let mut many = client::get("/");
            for _ in 0..11 {
                many.headers_mut()
                    .append("x-many", HeaderValue::from_static("a"));
            }
            let answer = client::send(server.addr(), version, many).await;
            refusal::is_problem(&answer, status, "too-many-header-fields");
        }
    }
    let server = serve::tonic(layer).await;
    client::check_health(server.addr()).await.unwrap();
    let large = with_header(client::grpc("application/grpc"), &"a".repeat(500));
    let answer = client::send(server.addr(), Version::HTTP_2, large).await;
    refusal::is_trailers_only(&answer, GrpcCode::ResourceExhausted);
}

#[tokio::test]
async fn unwanted_content_is_refused() {
    let layer = ContentTypeLayer::new("application/json".parse().unwrap());
    for server in [
        serve::hyper(layer.layer(service_fn(echo))).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        for version in VERSIONS {
            let json = client::post("/echo", "application/json; charset=utf-8", "{}");
            let answer = client::send(server.addr(), version, json).await;
            assert_eq!(answer.text(), "{}");
            // No content, in the two ways of saying so.
            let empty = client::post("/echo", "text/xml", "");
            let answer = client::send(server.addr(), version, empty).await;
            assert_eq!(answer.head.status, StatusCode::OK);
            let xml = client::post("/echo", "text/xml", "<a/>");
            let answer = client::send(server.addr(), version, xml).await;
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            refusal::is_problem(&answer, status, "unsupported-content-type");
            assert_eq!(answer.header("accept"), Some("application/json"));
            assert_eq!(answer.header("accept-post"), Some("application/json"));
        }
    }
    let server = serve::tonic(layer).await;
    for content_type in ["application/grpc", "application/grpc+proto"] {
        let request = client::grpc(content_type);
        let answer = client::send(server.addr(), Version::HTTP_2, request).await;
        refusal::is_trailers_only(&answer, GrpcCode::InvalidArgument);
    }
    let request = client::grpc("application/grpc-web-text");
    let answer = client::send(server.addr(), Version::HTTP_2, request).await;
    refusal::is_grpc_web(&answer, GrpcCode::InvalidArgument);
}

fn is_too_large(answer: &Answer) {
    refusal::is_problem(answer, StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let layer = BodyLimitLayer::new(bytes(1000));
    for server in [
        serve::hyper(layer.layer(service_fn(echo))).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        for version in VERSIONS {
            let post = |length| client::post("/echo", "text/plain", "x".repeat(length));
            let answer = client::send(server.addr(), version, post(1000)).await;
            assert_eq!(answer.body.len(), 1000);
            let answer = client::send(server.addr(), version, post(1001)).await;
            is_too_large(&answer);
        }
    }
    let server = serve::tonic(BodyLimitLayer::new(bytes(5))).await;
    client::check_health(server.addr()).await.unwrap();
    // tonic's client streams its messages: the length is not announced, and tonic itself reports
    // the cut body as UNKNOWN.
    let server = serve::tonic(BodyLimitLayer::new(bytes(4))).await;
    let status = client::check_health(server.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.message(), "the body is too large");
}

/// A request whose length shows only when all of it is there.
fn chunked(chunks: &[&str]) -> String {
    let mut request = String::from(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for chunk in chunks {
        request.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    }
    request
}

fn announced(length: usize) -> String {
    format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n"
    )
}

#[tokio::test]
async fn a_chunked_body_is_cut_at_the_limit_whoever_reads_it() {
    let layer = BodyLimitLayer::new(bytes(8));
    for server in [
        serve::hyper(layer.layer(service_fn(echo))).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        let mut wire = Wire::connect(server.addr()).await;
        wire.write(chunked(&["1234", "5678", ""])).await;
        let answer = wire.read().await;
        assert_eq!(answer.text(), "12345678");
        // The connection is as good as before.
        wire.write(chunked(&["1234", "5678", "9"])).await;
        let answer = wire.read().await;
        is_too_large(&answer);
        assert_eq!(answer.header("connection"), Some("close"));
        wire.closed().await;
    }
}

#[tokio::test]
async fn a_body_that_was_announced_too_large_is_refused_before_it_is_sent() {
    let server = serve::hyper(BodyLimitLayer::new(bytes(8)).layer(service_fn(echo))).await;
    let head = announced(1_000_000);
    for request in [
        format!("{head}\r\n"),
        format!("{head}Expect: 100-continue\r\n\r\n"),
        format!("{head}\r\nthe beginning of it"),
        format!("{}\r\n123456789", announced(9)),
    ] {
        let mut wire = Wire::connect(server.addr()).await;
        wire.write(request).await;
        let answer = wire.read().await;
        is_too_large(&answer);
        assert_eq!(answer.header("connection"), Some("close"));
        wire.closed().await;
    }
}

#[tokio::test]
async fn a_client_that_sends_on_after_the_refusal_can_still_read_it() {
    let server = serve::hyper(BodyLimitLayer::default().layer(service_fn(echo))).await;
    let eleven_mib = vec![b'x'; 11 * 1024 * 1024];
    for head in [
        announced(eleven_mib.len()),
        // One chunk, whose length is not looked at until it is read.
        format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}",
            eleven_mib.len()
        ),
    ] {
        let mut wire = Wire::connect(server.addr()).await;
        wire.write(format!("{head}\r\n")).await;
        wire.write_what_is_taken(&eleven_mib).await;
        is_too_large(&wire.read().await);
    }
}

#[tokio::test]
async fn refusals_of_the_head_leave_the_connection_usable() {
    let layer = UriLimitLayer::new(bytes(8));
    for server in [
        serve::hyper(layer.layer(Greeter)).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        let mut wire = Wire::connect(server.addr()).await;
        for _ in 0..2 {
            wire.write("GET /?123456789 HTTP/1.1\r\nHost: a\r\n\r\n")
                .await;
            let answer = wire.read().await;
            refusal::is_problem(&answer, StatusCode::URI_TOO_LONG, "uri-too-long");
            wire.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(wire.read().await.text(), serve::GREETING);
        }
    }
}

#[tokio::test]
async fn a_stream_of_http_2_that_is_cut_leaves_the_others_alone() {
    let server = serve::hyper(BodyLimitLayer::new(bytes(8)).layer(service_fn(echo))).await;
    let mut connection = client::Http2::connect(server.addr()).await;
    let post = |chunks: &[&'static str]| {
        let chunks: Vec<_> = chunks.iter().copied().map(Bytes::from).collect();
        Request::post("/")
            .body(TestBody::new(chunks).unsized_())
            .unwrap()
    };
    for _ in 0..3 {
        is_too_large(&connection.send(post(&["1234", "5678", "9", "10"])).await);
        let answer = connection.send(post(&["1234", "5678"])).await;
        assert_eq!(answer.text(), "12345678");
    }
}

#[tokio::test]
async fn a_body_that_stops_arriving_ends_at_the_deadline() {
    let layer = BodyDeadlineLayer::new(Duration::from_millis(50)).unwrap();
    for server in [
        serve::hyper(layer.layer(service_fn(echo))).await,
        serve::axum(serve::routes().layer(layer.clone())).await,
    ] {
        let mut wire = Wire::connect(server.addr()).await;
        wire.write(format!("{}\r\n12345678", announced(8))).await;
        assert_eq!(wire.read().await.text(), "12345678");
        wire.write(format!("{}\r\n1234", announced(8))).await;
        let answer = wire.read().await;
        refusal::is_problem(&answer, StatusCode::REQUEST_TIMEOUT, "body-too-slow");
        assert_eq!(answer.header("connection"), Some("close"));
        wire.closed().await;
    }
    let server = serve::tonic(layer).await;
    client::check_health(server.addr()).await.unwrap();
    let unfinished = client::grpc("application/grpc").map(|_| TestBody::empty().then_hang());
    let answer = client::send(server.addr(), Version::HTTP_2, unfinished).await;
    refusal::is_trailers_only(&answer, GrpcCode::DeadlineExceeded);
}
