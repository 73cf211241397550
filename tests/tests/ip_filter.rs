//! `IpFilterLayer` on each stack, and with it the address that each server records.

use http::{HeaderValue, StatusCode, Version};
use portcullis_layer_core::origin::{ForwardedHeaders, OriginLayer, OriginPolicy, TrustedProxies};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_security_layers::ip_filter::IpFilterLayer;
use portcullis_tests::serve::{Greeter, Server};
use portcullis_tests::{client, refusal, serve};
use tower::ServiceBuilder;
use tower_layer::Layer as _;

async fn http_servers(layer: IpFilterLayer) -> [Server; 2] {
    [
        serve::hyper(layer.layer(Greeter)).await,
        serve::axum(serve::routes().layer(layer)).await,
    ]
}

fn only(ranges: &str) -> IpFilterLayer {
    IpFilterLayer::new().allow(ranges.parse().expect("it is a list of ranges"))
}

#[tokio::test]
async fn the_peer_is_let_in_by_its_address() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for server in http_servers(only("127.0.0.0/8")).await {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            assert_eq!(answer.text(), serve::GREETING);
        }
        for server in http_servers(only("192.0.2.0/24")).await {
            // What the client says of itself does not count.
            let mut request = client::get("/");
            for name in ["x-forwarded-for", "x-real-ip"] {
                let claim = HeaderValue::from_static("192.0.2.1");
                request.headers_mut().insert(name, claim);
            }
            let claim = HeaderValue::from_static("for=192.0.2.1");
            request.headers_mut().insert("forwarded", claim);
            let answer = client::send(server.addr(), version, request).await;
            refusal::is_problem(&answer, StatusCode::FORBIDDEN, "client-address-refused");
        }
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_is_the_one_that_it_saw() {
    let policy = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    let gate = ServiceBuilder::new()
        .layer(OriginLayer::new(policy))
        .layer(only("192.0.2.0/24"));
    for server in [
        serve::hyper(gate.clone().service(Greeter)).await,
        serve::axum(serve::routes().layer(gate.clone())).await,
    ] {
        for (line, status) in [
            ("192.0.2.60", 200),
            ("198.51.100.1, 192.0.2.60", 200),
            // The left one is the client's own claim.
            ("192.0.2.60, 198.51.100.1", 403),
            ("192.0.2.60, 127.0.0.2", 200),
            ("192.0.2.60, nonsense", 403),
        ] {
            let mut request = client::get("/");
            let value = HeaderValue::from_static(line);
            request.headers_mut().insert("x-forwarded-for", value);
            let answer = client::send(server.addr(), Version::HTTP_11, request).await;
            assert_eq!(answer.head.status, status, "{line}");
        }
    }

    let tonic = serve::tonic(gate.into_inner()).await;
    for (from, code) in [("192.0.2.60", 0), ("198.51.100.1", 7)] {
        let mut request = client::grpc("application/grpc");
        let value = HeaderValue::from_static(from);
        request.headers_mut().insert("x-forwarded-for", value);
        let answer = client::send(tonic.addr(), Version::HTTP_2, request).await;
        let status = answer.trailers.as_ref().unwrap_or(&answer.head.headers);
        assert_eq!(status["grpc-status"], code.to_string(), "{from}");
    }
}

#[tokio::test]
async fn grpc_callers_are_refused_in_their_own_form() {
    let server = serve::tonic(only("127.0.0.1")).await;
    client::check_health(server.addr()).await.unwrap();

    let server = serve::tonic(only("192.0.2.0/24")).await;
    let status = client::check_health(server.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    let web = client::grpc("application/grpc-web+proto");
    let answer = client::send(server.addr(), Version::HTTP_2, web).await;
    refusal::is_grpc_web(&answer, GrpcCode::PermissionDenied);
}
