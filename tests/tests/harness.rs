//! The servers and the client themselves, with no layer between them.

use http::{StatusCode, Version};
use portcullis_tests::{client, serve};
use tower_layer::Identity;

#[tokio::test]
async fn every_server_answers_in_both_versions_of_http() {
    let hyper = serve::hyper(serve::Greeter).await;
    let axum = serve::axum(serve::routes()).await;
    for server in [&hyper, &axum] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            assert_eq!(answer.head.status, StatusCode::OK, "{version:?}");
            assert_eq!(answer.head.version, version);
            assert_eq!(answer.text(), serve::GREETING);
        }
    }
}

#[tokio::test]
async fn tonic_answers_a_generated_client() {
    let server = serve::tonic(Identity::new()).await;
    client::check_health(server.addr()).await.unwrap();
}

#[tokio::test]
async fn server_ends_when_it_is_dropped() {
    let server = serve::axum(serve::routes()).await;
    let addr = server.addr();
    drop(server);
    // The runtime drops an aborted task the next time that it comes by.
    while tokio::net::TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
