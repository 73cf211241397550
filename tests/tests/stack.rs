//! All layers at once, in the order that the README gives, on each stack.

use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Version};
use http_body_util::Full;
use portcullis_layer_core::endpoint::EndpointLayer;
use portcullis_layer_core::origin::{ForwardedHeaders, OriginLayer, OriginPolicy, TrustedProxies};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_observability_layers::health::Health;
use portcullis_observability_layers::metrics::Metrics;
use portcullis_observability_layers::panic::CatchPanicLayer;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_security_layers::headers::SecurityHeadersLayer;
use portcullis_security_layers::host::HostLayer;
use portcullis_security_layers::https::{HttpsLayer, Redirect};
use portcullis_security_layers::ip_filter::IpFilterLayer;
use portcullis_security_layers::limits::{
    BodyDeadlineLayer, BodyLimitLayer, ContentTypeLayer, HeaderLimitLayer, UriLimitLayer,
};
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
use portcullis_security_layers::refusals::Refusals;
use portcullis_tests::client::Answer;
use portcullis_tests::{client, refusal, serve};
use tower::{ServiceBuilder, service_fn};

/// As a proxy of `shop.example` passes a request on that `from` sent over https.
fn proxied(request: Request<Full<Bytes>>, from: &str) -> Request<Full<Bytes>> {
    let request = with(request, "x-forwarded-for", from);
    let request = with(request, "x-forwarded-proto", "https");
    with(request, "x-forwarded-host", "shop.example")
}

fn with(
    mut request: Request<Full<Bytes>>,
    name: &'static str,
    value: &str,
) -> Request<Full<Bytes>> {
    let value = HeaderValue::from_str(value).expect("it is a header value");
    request.headers_mut().insert(name, value);
    request
}

/// What every answer has, whoever gave it.
fn is_guarded(answer: &Answer, what: &str) {
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{what}"
    );
    assert!(answer.header("content-security-policy").is_some(), "{what}");
    assert_eq!(
        answer.header("x-request-id").map(str::len),
        Some(36),
        "{what}"
    );
}

#[tokio::test]
async fn every_layer_does_its_part_and_every_answer_is_guarded() {
    let trust = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    let hosts = || "shop.example".parse().unwrap();
    let metrics = Metrics::new();
    let refusals = Refusals::new();
    metrics.register_with(|registry| registry.register_collector(Box::new(refusals.clone())));
    let (health, _checks) = Health::start([]).unwrap();
    let quota: Quota = "3/hour,burst=3".parse().unwrap();
    let large = "a".repeat(500);

    let gate = ServiceBuilder::new()
        .layer(OriginLayer::new(trust))
        .layer(RequestIdLayer::new())
        .layer(metrics.layer())
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(health.layer())
        .layer(EndpointLayer::new(metrics.endpoint()))
        .layer(
            HostLayer::new(hosts())
                .exempt(HttpsLayer::probes())
                .count_in(&refusals),
        )
        .layer(HttpsLayer::redirect(Redirect::to_same_host(hosts())).count_in(&refusals))
        .layer(
            IpFilterLayer::new()
                .deny("203.0.113.0/24".parse().unwrap())
                .count_in(&refusals),
        )
        .layer(
            RateLimitLayer::new(Rule::new(quota, Key::client_ip()))
                .exempt(HttpsLayer::probes())
                .count_in(&refusals),
        )
        .layer(UriLimitLayer::new(100.try_into().unwrap()).count_in(&refusals))
        .layer(
            HeaderLimitLayer::new(100.try_into().unwrap(), 500.try_into().unwrap())
                .count_in(&refusals),
        )
        .layer(
            ContentTypeLayer::new("application/json, application/grpc".parse().unwrap())
                .count_in(&refusals),
        )
        .layer(BodyLimitLayer::new(1000.try_into().unwrap()).count_in(&refusals))
        .layer(BodyDeadlineLayer::default().count_in(&refusals));
    let routes = serve::routes().route("/bug", get(async || -> &'static str { panic!("a bug") }));
    let hyper = serve::hyper(gate.clone().service(service_fn(serve::echo))).await;
    let axum = serve::axum(routes.layer(gate.clone())).await;
    let tonic = serve::tonic(gate.into_inner()).await;

    let mut clients = (1..255).map(|host| format!("192.0.2.{host}"));
    let mut client = || clients.next().expect("there are enough addresses");
    let versions = [Version::HTTP_11, Version::HTTP_2];
    for (server, version) in [&hyper, &axum]
        .into_iter()
        .flat_map(|s| versions.map(|v| (s, v)))
    {
        let ask = async |request| client::send(server.addr(), version, request).await;
        let json = |body: String| client::post("/echo", "application/json", body);

        let answer = ask(proxied(json("{}".to_owned()), &client())).await;
        assert_eq!(answer.text(), "{}");
        is_guarded(&answer, "accepted");
        assert!(answer.header("ratelimit").is_some());
        assert!(answer.header("strict-transport-security").is_some());

        let (one, two) = (client(), client());
        let long = format!("/?{}", "a".repeat(100));
        let plain = with(
            proxied(client::get("/a"), &one),
            "x-forwarded-proto",
            "http",
        );
        for (what, request, status) in [
            ("host", client::get("/"), 421),
            ("https", plain, 308),
            ("ip_filter", proxied(client::get("/"), "203.0.113.7"), 403),
            ("uri_limit", proxied(client::get(&long), &one), 414),
            (
                "content_type",
                proxied(client::post("/echo", "text/xml", "<a/>"), &one),
                415,
            ),
            ("body_limit", proxied(json("x".repeat(1001)), &one), 413),
            ("rate_limit", proxied(client::get("/"), &one), 429),
            (
                "header_limit",
                with(proxied(client::get("/"), &two), "x-large", &large),
                431,
            ),
        ] {
            let answer = ask(request).await;
            assert_eq!(answer.head.status, status, "{what} {version:?}");
            is_guarded(&answer, what);
        }

        for probe in ["/ready", "/live", "/health", "/metrics"] {
            let answer = ask(client::get(probe)).await;
            assert_eq!(answer.head.status, StatusCode::OK, "{probe}");
            is_guarded(&answer, probe);
        }
    }

    let answer = client::send(
        axum.addr(),
        Version::HTTP_2,
        proxied(client::get("/bug"), &client()),
    )
    .await;
    refusal::is_problem(&answer, StatusCode::INTERNAL_SERVER_ERROR, "internal-error");
    is_guarded(&answer, "panic");

    let metadata = client::check_health(tonic.addr()).await.unwrap();
    assert_eq!(metadata.get("x-content-type-options").unwrap(), "nosniff");
    let mut other = client::grpc("application/grpc");
    *other.uri_mut() = "/shop.Cart/Add".parse().unwrap();
    let answer = client::send(tonic.addr(), Version::HTTP_2, other).await;
    refusal::is_trailers_only(&answer, GrpcCode::PermissionDenied);
    is_guarded(&answer, "host over gRPC");

    let answer = client::send(axum.addr(), Version::HTTP_11, client::get("/metrics")).await;
    for (layer, reason, count) in [
        ("host", "unknown_host", 5),
        ("https", "redirected", 4),
        ("ip_filter", "ip_denied", 4),
        ("uri_limit", "uri_too_long", 4),
        ("content_type", "unsupported", 4),
        ("body_limit", "body_too_large", 4),
        ("header_limit", "bytes", 4),
    ] {
        let line =
            format!(r#"requests_refused_total{{layer="{layer}",reason="{reason}"}} {count}"#);
        assert!(
            answer.text().lines().any(|found| found == line),
            "{line}\n{}",
            answer.text()
        );
    }
}
