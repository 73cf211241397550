//! The admin endpoints on a listener of their own, beside the service that they tell about.

use http::{HeaderValue, Method, Request, StatusCode, Version};
use http_body_util::Full;
use portcullis_layer_core::endpoint::{EndpointLayer, EndpointService};
use portcullis_observability_layers::admin::{Admin, BuildInfo};
use portcullis_observability_layers::health::Health;
use portcullis_observability_layers::metrics::Metrics;
use portcullis_tests::{client, refusal, serve};
use tower::ServiceBuilder;

#[tokio::test]
async fn operators_drain_the_service_and_nobody_else_can() {
    let metrics = Metrics::new();
    let (health, _checks) = Health::start([]).unwrap();
    let gate = ServiceBuilder::new()
        .layer(metrics.layer())
        .layer(health.layer());
    let public = serve::axum(serve::routes().layer(gate)).await;
    let admin = Admin::new(&health)
        .with(BuildInfo::new([("version", "1.2.3")]))
        .with(metrics.endpoint());
    let on_axum = axum::Router::new().layer(EndpointLayer::new(admin.clone()));
    for admin in [
        serve::hyper(EndpointService::new(admin)).await,
        serve::axum(on_axum).await,
    ] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let ask = async |request| client::send(admin.addr(), version, request).await;
            let readiness = async || {
                let answer = client::send(public.addr(), version, client::get("/ready")).await;
                answer.head.status
            };
            let drain = |method| {
                let request = Request::builder().method(method).uri("/drain");
                request.body(Full::default()).unwrap()
            };

            assert_eq!(readiness().await, StatusCode::OK);
            assert!(ask(drain(Method::PUT)).await.head.status.is_success());
            assert_eq!(readiness().await, StatusCode::SERVICE_UNAVAILABLE);
            let answer = ask(client::get("/health")).await;
            assert_eq!(answer.head.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(ask(drain(Method::DELETE)).await.head.status.is_success());
            assert_eq!(readiness().await, StatusCode::OK);

            let mut page = drain(Method::PUT);
            let origin = HeaderValue::from_static("http://127.0.0.1:8080");
            page.headers_mut().insert("origin", origin);
            let answer = ask(page).await;
            refusal::is_problem(&answer, StatusCode::FORBIDDEN, "browser-refused");
            assert_eq!(readiness().await, StatusCode::OK);

            let answer = ask(client::get("/build")).await;
            assert!(answer.text().contains("1.2.3"), "{}", answer.text());
            let answer = ask(client::get("/metrics")).await;
            assert!(
                answer.text().contains("http_requests_total{"),
                "{}",
                answer.text()
            );
            assert_eq!(
                ask(client::get("/")).await.head.status,
                StatusCode::NOT_FOUND
            );

            // On the public listener these paths mean nothing.
            for path in ["/drain", "/build", "/metrics"] {
                let answer = client::send(public.addr(), version, client::get(path)).await;
                assert_eq!(answer.head.status, StatusCode::NOT_FOUND, "{path}");
            }
        }
    }
}
