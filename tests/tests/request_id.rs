//! Request ids over sockets: one per answer, and nobody's but a trusted peer's.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Version};
use portcullis_layer_core::origin::TrustedProxies;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_tests::serve::Server;
use portcullis_tests::{client, serve};
use tower_layer::Layer as _;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

async fn id_of(server: &Server, version: Version, claimed: Option<&'static str>) -> String {
    let mut request = client::get("/");
    if let Some(claimed) = claimed {
        let value = HeaderValue::from_static(claimed);
        request.headers_mut().insert("x-request-id", value);
    }
    let answer = client::send(server.addr(), version, request).await;
    answer
        .header("x-request-id")
        .expect("every answer has an id")
        .to_owned()
}

fn is_uuid_v7(id: &str) -> bool {
    let groups: Vec<_> = id.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    let hex = groups.concat().bytes().all(|b| b.is_ascii_hexdigit());
    lengths == [8, 4, 4, 4, 12] && hex && groups[2].starts_with('7')
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let hyper = serve::hyper(RequestIdLayer::new().layer(serve::Greeter)).await;
    let axum = serve::axum(serve::routes().layer(RequestIdLayer::new())).await;
    for server in [&hyper, &axum] {
        for version in VERSIONS {
            let first = id_of(server, version, None).await;
            let second = id_of(server, version, None).await;
            assert!(is_uuid_v7(&first), "{first}");
            assert_ne!(first, second);
        }
    }
}

#[tokio::test]
async fn only_a_trusted_peer_names_the_request() {
    let trusting = || RequestIdLayer::new().trusted_proxies(TrustedProxies::loopback());
    let wary = serve::axum(serve::routes().layer(RequestIdLayer::new())).await;
    let hyper = serve::hyper(trusting().layer(serve::Greeter)).await;
    let axum = serve::axum(serve::routes().layer(trusting())).await;
    for version in VERSIONS {
        assert_ne!(id_of(&wary, version, Some("mine")).await, "mine");
        assert_eq!(id_of(&hyper, version, Some("mine")).await, "mine");
        assert_eq!(id_of(&axum, version, Some("mine")).await, "mine");
        assert!(is_uuid_v7(&id_of(&axum, version, Some("not {mine}")).await));
    }
}

#[tokio::test]
async fn grpc_answers_have_an_id_too() {
    let server = serve::tonic(RequestIdLayer::new()).await;
    let metadata = client::check_health(server.addr()).await.unwrap();
    let id = metadata.get("x-request-id").unwrap().to_str().unwrap();
    assert!(is_uuid_v7(id), "{id}");

    // An answer without a message: the method is unknown, the status sits in the headers.
    let mut request = client::get("/no.Such/Method");
    *request.method_mut() = Method::POST;
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(CONTENT_TYPE, grpc);
    let answer = client::send(server.addr(), Version::HTTP_2, request).await;
    assert_eq!(answer.header("grpc-status"), Some("12"));
    assert!(answer.header("x-request-id").is_some_and(is_uuid_v7));
}
