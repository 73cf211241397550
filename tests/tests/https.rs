//! `HttpsLayer` on each stack, with its scheme from a proxy that is trusted.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Version};
use http_body_util::Full;
use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, TrustedProxies};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_security_layers::https::{HttpsLayer, Redirect};
use portcullis_tests::serve::{Greeter, Server};
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, refusal, serve};
use tower_layer::Layer as _;

/// The tests' client stands for a proxy: its own address is a trusted one.
fn behind_a_proxy() -> OriginPolicy {
    OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded)
}

fn redirecting() -> HttpsLayer {
    let hosts = "shop.example".parse().expect("it is a list of hosts");
    HttpsLayer::redirect(Redirect::to_same_host(hosts)).origin(behind_a_proxy())
}

async fn http_servers(layer: HttpsLayer) -> [Server; 2] {
    [
        serve::hyper(layer.layer(Greeter)).await,
        serve::axum(serve::routes().layer(layer)).await,
    ]
}

fn forwarded(mut request: Request<Full<Bytes>>, proto: &'static str) -> Request<Full<Bytes>> {
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.60"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static(proto));
    headers.insert("x-forwarded-host", HeaderValue::from_static("shop.example"));
    request
}

#[tokio::test]
async fn pages_pass_over_https_and_are_redirected_otherwise() {
    for server in http_servers(redirecting()).await {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = forwarded(client::get("/"), "https");
            let answer = client::send(server.addr(), version, request).await;
            assert_eq!(answer.text(), serve::GREETING);

            let request = forwarded(client::get("/items/7?a=b"), "http");
            let answer = client::send(server.addr(), version, request).await;
            assert_eq!(answer.head.status, StatusCode::PERMANENT_REDIRECT);
            let location = answer.header("location");
            assert_eq!(location, Some("https://shop.example/items/7?a=b"));
            assert!(answer.body.is_empty());

            // The client's own name for the server is its address, which is not on the list.
            let answer = client::send(server.addr(), version, client::get("/")).await;
            refusal::is_problem(&answer, StatusCode::MISDIRECTED_REQUEST, "unknown-host");
        }
    }
}

#[tokio::test]
async fn an_api_refuses_what_did_not_come_by_https() {
    for server in http_servers(HttpsLayer::refuse().origin(behind_a_proxy())).await {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            refusal::is_problem(&answer, StatusCode::FORBIDDEN, "https-required");
            let request = forwarded(client::get("/"), "https");
            let answer = client::send(server.addr(), version, request).await;
            assert_eq!(answer.text(), serve::GREETING);
        }
    }
}

#[tokio::test]
async fn grpc_callers_are_refused_in_their_own_form() {
    for layer in [redirecting(), HttpsLayer::refuse().origin(behind_a_proxy())] {
        let layer = layer.exempt("/health".parse().unwrap());
        let server = serve::tonic(layer).await;
        let status = client::check_health(server.addr()).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::PermissionDenied);
        assert_eq!(status.message(), "the service answers over https only");

        let ask = async |request| client::send(server.addr(), Version::HTTP_2, request).await;
        let answer = ask(client::grpc("application/grpc")).await;
        refusal::is_trailers_only(&answer, GrpcCode::PermissionDenied);
        for content_type in ["application/grpc-web+proto", "application/grpc-web-text"] {
            let answer = ask(client::grpc(content_type)).await;
            refusal::is_grpc_web(&answer, GrpcCode::PermissionDenied);
        }

        let answer = ask(forwarded(client::grpc("application/grpc"), "https")).await;
        assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    }
}

#[tokio::test]
async fn probes_pass_in_the_clear_on_every_stack() {
    let [hyper, axum] = http_servers(redirecting()).await;
    let answer = client::send(hyper.addr(), Version::HTTP_11, client::get("/health")).await;
    assert_eq!(answer.text(), serve::GREETING);
    let answer = client::send(axum.addr(), Version::HTTP_2, client::get("/health")).await;
    assert_eq!(
        answer.head.status,
        StatusCode::NOT_FOUND,
        "the router has no such route"
    );
    let tonic = serve::tonic(redirecting()).await;
    client::check_health(tonic.addr()).await.unwrap();
}

#[tokio::test]
async fn targets_that_no_client_would_send_lead_nowhere_else() {
    let hosts = "shop.example".parse().unwrap();
    let layer = HttpsLayer::redirect(Redirect::to_same_host(hosts));
    let server = serve::hyper(layer.layer(Greeter)).await;
    for (request, status, location) in [
        (
            "GET //evil.example HTTP/1.1\r\nHost: shop.example",
            308,
            Some("https://shop.example//evil.example"),
        ),
        (
            "GET http://shop.example:81/a HTTP/1.1\r\nHost: evil.example",
            308,
            Some("https://shop.example/a"),
        ),
        (
            "GET http://evil.example/a HTTP/1.1\r\nHost: shop.example",
            421,
            None,
        ),
        (
            "GET /a HTTP/1.1\r\nHost: shop.example\r\nHost: evil.example",
            400,
            None,
        ),
        (
            "GET /a HTTP/1.1\r\nHost: shop.example, evil.example",
            400,
            None,
        ),
        ("GET /a HTTP/1.1\r\nHost: [::1", 400, None),
        ("GET /a HTTP/1.1\r\nX-No-Host: 1", 400, None),
        ("OPTIONS * HTTP/1.1\r\nHost: shop.example", 403, None),
        (
            "CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443",
            403,
            None,
        ),
    ] {
        let mut wire = Wire::connect(server.addr()).await;
        wire.write(format!("{request}\r\n\r\n")).await;
        let answer = wire.read().await;
        assert_eq!(answer.head.status, status, "{request}");
        assert_eq!(answer.header("location"), location, "{request}");
    }
}
