//! `CatchPanicLayer` on each stack: a panic is an answer, and the connection lives on.

use std::convert::Infallible;

use axum::routing::get;
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_observability_layers::panic::CatchPanicLayer;
use portcullis_tests::client::Http2;
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, refusal, serve};
use tower::util::MapRequestLayer;
use tower::{ServiceBuilder, service_fn};

const SECRET: &str = "the password is 42";

/// Panics where the path says so.
fn trap<B>(request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    assert!(path != "/bug" && !path.ends_with("/Check"), "{SECRET}");
    request
}

fn is_internal(answer: &client::Answer) {
    refusal::is_problem(answer, StatusCode::INTERNAL_SERVER_ERROR, "internal-error");
    assert!(!answer.text().contains("42"), "{}", answer.text());
}

#[tokio::test]
async fn a_panic_is_answered_and_the_connection_lives_on() {
    let handler = service_fn(async |request: Request<hyper::body::Incoming>| {
        trap(request);
        Ok::<_, Infallible>(Response::new(Full::from(serve::GREETING)))
    });
    let hyper = serve::hyper(
        ServiceBuilder::new()
            .layer(CatchPanicLayer::new())
            .service(handler),
    )
    .await;
    let routes =
        serve::routes().route("/bug", get(async || -> &'static str { panic!("{SECRET}") }));
    let axum = serve::axum(routes.layer(CatchPanicLayer::new())).await;
    for server in [hyper, axum] {
        let mut wire = Wire::connect(server.addr()).await;
        for _ in 0..2 {
            wire.write("GET /bug HTTP/1.1\r\nHost: a\r\n\r\n").await;
            is_internal(&wire.read().await);
            wire.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(wire.read().await.text(), serve::GREETING);
        }
        let mut connection = Http2::connect(server.addr()).await;
        is_internal(&connection.send(client::get("/bug")).await);
        let answer = connection.send(client::get("/")).await;
        assert_eq!(answer.text(), serve::GREETING);
    }
}

#[tokio::test]
async fn grpc_callers_get_internal_instead_of_a_broken_transport() {
    let gate = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(MapRequestLayer::new(trap));
    let server = serve::tonic(gate.into_inner()).await;
    let status = client::check_health(server.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Internal);
    assert!(!status.message().contains("42"), "{status}");
    let web = client::grpc("application/grpc-web+proto");
    let answer = client::send(server.addr(), Version::HTTP_2, web).await;
    refusal::is_grpc_web(&answer, GrpcCode::Internal);
}
