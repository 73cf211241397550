//! The security headers on each stack, also on what a handler never sees.

use http::{HeaderValue, StatusCode, Version};
use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, TrustedProxies};
use portcullis_security_layers::headers::{CspNonce, SecurityHeadersLayer};
use portcullis_security_layers::limits::UriLimitLayer;
use portcullis_tests::client::Answer;
use portcullis_tests::serve::Greeter;
use portcullis_tests::{client, refusal, serve};
use tower::ServiceBuilder;
use tower_layer::Layer as _;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];
const HSTS: &str = "strict-transport-security";
const CLASSIC: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'self'"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (
        "permissions-policy",
        "geolocation=(), microphone=(), camera=()",
    ),
];

fn has_classic(answer: &Answer) {
    for (name, value) in CLASSIC {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn every_answer_has_the_seven_headers_refusals_included() {
    let gate = ServiceBuilder::new()
        .layer(SecurityHeadersLayer::classic())
        .layer(UriLimitLayer::new(30.try_into().unwrap()));
    let hyper = serve::hyper(gate.clone().service(Greeter)).await;
    let axum = serve::axum(serve::routes().layer(gate)).await;
    for version in VERSIONS {
        for server in [&hyper, &axum] {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            assert_eq!(answer.text(), serve::GREETING);
            has_classic(&answer);
            assert_eq!(answer.header(HSTS), None, "over plain http");

            let long = client::get("/?0123456789012345678901234567890");
            let answer = client::send(server.addr(), version, long).await;
            refusal::is_problem(&answer, StatusCode::URI_TOO_LONG, "uri-too-long");
            has_classic(&answer);
        }
        let answer = client::send(axum.addr(), version, client::get("/nowhere")).await;
        assert_eq!(answer.head.status, StatusCode::NOT_FOUND);
        has_classic(&answer);
        let wrong_method = client::post("/", "text/plain", "");
        let answer = client::send(axum.addr(), version, wrong_method).await;
        assert_eq!(answer.head.status, StatusCode::METHOD_NOT_ALLOWED);
        has_classic(&answer);
    }
}

#[tokio::test]
async fn hsts_is_sent_where_a_trusted_proxy_saw_https() {
    let trust = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    let wary = SecurityHeadersLayer::classic();
    let trusting = wary.clone().origin(trust);
    for (layer, expected) in [
        (trusting, Some("max-age=31536000; includeSubDomains")),
        (wary, None),
    ] {
        for server in [
            serve::hyper(layer.layer(Greeter)).await,
            serve::axum(serve::routes().layer(layer.clone())).await,
        ] {
            for version in VERSIONS {
                let mut request = client::get("/");
                let from = HeaderValue::from_static("192.0.2.60");
                request.headers_mut().insert("x-forwarded-for", from);
                let proto = HeaderValue::from_static("https");
                request.headers_mut().insert("x-forwarded-proto", proto);
                let answer = client::send(server.addr(), version, request).await;
                assert_eq!(answer.header(HSTS), expected);
            }
        }
    }
}

#[tokio::test]
async fn grpc_answers_have_them_too_and_keep_their_trailers() {
    let server = serve::tonic(SecurityHeadersLayer::strict()).await;
    let metadata = client::check_health(server.addr()).await.unwrap();
    assert_eq!(metadata.get("x-content-type-options").unwrap(), "nosniff");
    let request = client::grpc("application/grpc");
    let answer = client::send(server.addr(), Version::HTTP_2, request).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_page_gets_a_nonce_of_its_own_that_its_policy_names() {
    let page = async |request: axum::extract::Request| {
        let nonce = CspNonce::of(&request).map_or("", CspNonce::as_str);
        nonce.to_owned()
    };
    let router = axum::Router::new().route("/", axum::routing::get(page));
    let server = serve::axum(router.layer(SecurityHeadersLayer::web())).await;
    let mut seen = std::collections::HashSet::new();
    for version in VERSIONS {
        for _ in 0..3 {
            let answer = client::send(server.addr(), version, client::get("/")).await;
            let nonce = answer.text().to_owned();
            assert!(nonce.len() >= 22, "128 bits in base64: {nonce}");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains(&format!("'nonce-{nonce}'")), "{policy}");
            assert!(seen.insert(nonce), "a nonce came twice");
        }
    }
}
