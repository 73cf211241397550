//! Probes over sockets, in front of all three stacks.

use std::convert::Infallible;

use http::{Method, StatusCode, Version};
use portcullis_observability_layers::health::{Check, Group, Health, HealthGuard, Status};
use portcullis_tests::client::Answer;
use portcullis_tests::serve::Server;
use portcullis_tests::{client, serve};
use tower_layer::Layer as _;

/// A registry whose one check has passed once.
async fn healthy() -> (Health, HealthGuard) {
    let check = Check::new("always", async || Ok::<_, Infallible>(()));
    let (health, guard) = Health::start([check]).expect("one check is no mistake");
    let mut watch = health.watch();
    while health.snapshot().status(Group::Readiness) != Status::Pass {
        watch.changed().await;
    }
    (health, guard)
}

async fn probe(server: &Server, version: Version, method: Method, path: &str) -> Answer {
    let mut request = client::get(path);
    *request.method_mut() = method;
    client::send(server.addr(), version, request).await
}

#[tokio::test]
async fn probes_answer_on_every_stack_and_the_rest_passes() {
    let (health, _guard) = healthy().await;
    let hyper = serve::hyper(health.layer().layer(serve::Greeter)).await;
    let axum =
        serve::axum(axum::Router::new().fallback_service(health.layer().layer(serve::routes())))
            .await;
    for server in [&hyper, &axum] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for path in ["/health", "/live", "/ready", "/startup"] {
                let answer = probe(server, version, Method::GET, path).await;
                assert_eq!(answer.head.status, StatusCode::OK, "{path}");
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                assert_eq!(answer.text(), r#"{"status":"pass"}"#);
            }
            let answer = probe(server, version, Method::HEAD, "/ready").await;
            assert_eq!(answer.head.status, StatusCode::OK);
            assert_eq!(answer.text(), "");
            let answer = probe(server, version, Method::POST, "/ready").await;
            assert_eq!(answer.head.status, StatusCode::METHOD_NOT_ALLOWED);
            let answer = probe(server, version, Method::GET, "/").await;
            assert_eq!(answer.text(), serve::GREETING);
        }
    }
}

#[tokio::test]
async fn draining_turns_readiness_off_and_leaves_liveness_and_requests_alone() {
    let (health, _guard) = healthy().await;
    let server = serve::tonic(health.layer()).await;
    let status = async |path: &str| {
        probe(&server, Version::HTTP_2, Method::GET, path)
            .await
            .head
            .status
    };

    assert_eq!(status("/ready").await, StatusCode::OK);
    health.drain_switch().drain();
    assert_eq!(status("/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status("/live").await, StatusCode::OK);
    client::check_health(server.addr()).await.unwrap();
    health.drain_switch().resume();
    assert_eq!(status("/ready").await, StatusCode::OK);
}
