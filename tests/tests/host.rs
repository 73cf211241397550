//! `HostLayer` on each stack.

use http::header::HOST;
use http::{HeaderValue, StatusCode, Version};
use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, TrustedProxies};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_security_layers::host::HostLayer;
use portcullis_tests::serve::{Greeter, Server};
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, refusal, serve};
use tower_layer::Layer as _;

async fn http_servers(layer: HostLayer) -> [Server; 2] {
    [
        serve::hyper(layer.layer(Greeter)).await,
        serve::axum(serve::routes().layer(layer)).await,
    ]
}

fn only(hosts: &str) -> HostLayer {
    HostLayer::new(hosts.parse().expect("it is a list of hosts"))
}

#[tokio::test]
async fn a_host_of_the_service_is_answered_and_another_is_not() {
    let unknown = StatusCode::MISDIRECTED_REQUEST;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        // The client asks for 127.0.0.1 and the port: in `Host`, or in `:authority`.
        for server in http_servers(only("127.0.0.1")).await {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            assert_eq!(answer.text(), serve::GREETING);
        }
        for server in http_servers(only("shop.example")).await {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            refusal::is_problem(&answer, unknown, "unknown-host");
        }
    }
}

#[tokio::test]
async fn requests_that_name_no_one_host_are_refused() {
    for server in http_servers(only("shop.example")).await {
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: shop.example", 200),
            (
                "GET http://shop.example/ HTTP/1.1\r\nHost: shop.example",
                200,
            ),
            (
                "GET http://shop.example/ HTTP/1.1\r\nHost: evil.example",
                400,
            ),
            (
                "GET / HTTP/1.1\r\nHost: shop.example\r\nHost: shop.example",
                400,
            ),
            ("GET / HTTP/1.1\r\nHost: evil.example@shop.example", 400),
            ("GET / HTTP/1.1\r\nX-No-Host: 1", 400),
            ("GET / HTTP/1.1\r\nHost: evil.example", 421),
        ] {
            let mut wire = Wire::connect(server.addr()).await;
            wire.write(format!("{request}\r\n\r\n")).await;
            assert_eq!(wire.read().await.head.status, status, "{request}");
        }
    }
}

#[tokio::test]
async fn a_reported_host_counts_if_its_proxy_is_trusted() {
    let trust = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::Forwarded);
    let forwarded = |host: &'static str| {
        let mut request = client::get("/");
        let element = HeaderValue::from_static(host);
        request.headers_mut().insert("forwarded", element);
        request
    };
    for server in http_servers(only("shop.example").origin(trust)).await {
        let ask = async |request| client::send(server.addr(), Version::HTTP_11, request).await;
        let answer = ask(forwarded("for=192.0.2.60;host=shop.example")).await;
        assert_eq!(answer.head.status, StatusCode::OK);
        let answer = ask(forwarded("for=192.0.2.60;host=evil.example")).await;
        assert_eq!(answer.head.status, StatusCode::MISDIRECTED_REQUEST);
    }
    for server in http_servers(only("shop.example")).await {
        let request = forwarded("for=192.0.2.60;host=shop.example");
        let answer = client::send(server.addr(), Version::HTTP_11, request).await;
        assert_eq!(answer.head.status, StatusCode::MISDIRECTED_REQUEST);
    }
}

#[tokio::test]
async fn grpc_callers_are_refused_in_their_own_form() {
    let server = serve::tonic(only("127.0.0.1")).await;
    client::check_health(server.addr()).await.unwrap();

    let server = serve::tonic(only("shop.example")).await;
    let status = client::check_health(server.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    let mut two_hosts = client::grpc("application/grpc");
    let host = HeaderValue::from_static("shop.example");
    two_hosts.headers_mut().insert(HOST, host);
    let answer = client::send(server.addr(), Version::HTTP_2, two_hosts).await;
    refusal::is_trailers_only(&answer, GrpcCode::InvalidArgument);
    let web = client::grpc("application/grpc-web-text");
    let answer = client::send(server.addr(), Version::HTTP_2, web).await;
    refusal::is_grpc_web(&answer, GrpcCode::PermissionDenied);
}
