use std::collections::HashSet;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use portcullis_layer_core::origin::{
    ConnectionScheme, ForwardedHeaders, OriginLayer, OriginPolicy, PeerAddr, Scheme, TrustedProxies,
};
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use proptest::prelude::*;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::super::nonce::Template;
use super::super::{Csp, CspNonce, Directive, SecurityHeadersLayer, Source};
use super::{answer, now};

#[test]
fn the_layer_contract_is_kept() {
    contract::is_a_layer::<SecurityHeadersLayer, Mock>();
    for layer in [
        SecurityHeadersLayer::none(),
        SecurityHeadersLayer::classic(),
        SecurityHeadersLayer::web().force_all(),
    ] {
        now(contract::keeps(&layer, || Request::new(TestBody::empty())));
    }
}

// No bound on the bodies or the error: none of these types implements anything.
#[test]
fn any_body_and_any_error_will_do() {
    struct RequestBody;
    struct ResponseBody;
    struct Failure;
    let service = SecurityHeadersLayer::web().layer(service_fn(|request: Request<RequestBody>| {
        let found = request.uri().path() == "/";
        async move { found.then(|| Response::new(ResponseBody)).ok_or(Failure) }
    }));
    let get = |path| Request::get(path).body(RequestBody).unwrap();
    let ResponseBody = now(service.clone().oneshot(get("/")))
        .unwrap_or_else(|Failure| panic!("the handler answers"))
        .into_body();
    assert!(matches!(now(service.oneshot(get("/x"))), Err(Failure)));
}

#[test]
fn error_responses_carry_the_headers_too() {
    for status in [400, 401, 404, 421, 429, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let mock = Mock::answering(move |_| {
            let mut response = Response::new(TestBody::new([Bytes::from_static(b"no")]));
            *response.status_mut() = status;
            response
        });
        let service = SecurityHeadersLayer::classic().layer(mock);
        let response = now(service.oneshot(Request::new(()))).unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().len(), 6);
    }
}

#[test]
fn hsts_follows_the_scheme_that_can_be_believed() {
    let trusting = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    let request = |peer: &str, proto: &str, url: &str| {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        Request::get(url)
            .extension(PeerAddr(peer))
            .header("x-forwarded-for", "192.0.2.1")
            .header("x-forwarded-proto", proto)
            .body(())
            .unwrap()
    };
    let sent = |layer: SecurityHeadersLayer, request| {
        let service = ServiceBuilder::new().layer(layer).service(Mock::ok());
        let response = now(service.oneshot(request)).unwrap();
        response.headers().contains_key("strict-transport-security")
    };
    let classic = SecurityHeadersLayer::classic;
    let behind_proxy = || classic().origin(trusting.clone());
    let proxy = "127.0.0.1:1";
    assert!(sent(behind_proxy(), request(proxy, "https", "/")));
    assert!(!sent(behind_proxy(), request(proxy, "http", "/")));
    // Anybody can write a header, or an https address into the request.
    assert!(!sent(behind_proxy(), request("192.0.2.9:1", "https", "/")));
    assert!(!sent(classic(), request(proxy, "https", "/")));
    assert!(!sent(
        classic(),
        request(proxy, "http", "https://example.com/")
    ));

    let mut marked = request(proxy, "http", "/");
    let https = ConnectionScheme(Scheme::Https);
    marked.extensions_mut().insert(https);
    assert!(sent(classic(), marked));

    // The layer outside has decided, by its own policy.
    let service = ServiceBuilder::new()
        .layer(OriginLayer::new(trusting.clone()))
        .layer(classic())
        .service(Mock::ok());
    let response = now(service.oneshot(request(proxy, "https", "/"))).unwrap();
    assert!(response.headers().contains_key("strict-transport-security"));
}

#[test]
fn the_handler_s_nonce_is_the_header_s() {
    let (headers, nonce) = answer(&SecurityHeadersLayer::web(), Scheme::Http, &[]);
    let policy = headers["content-security-policy"].to_str().unwrap();
    let quoted = format!("'nonce-{}'", nonce.unwrap());
    assert_eq!(policy.matches(&quoted).count(), 2, "{policy}");
    assert_eq!(policy.matches("nonce-").count(), 2, "{policy}");
}

#[test]
fn without_a_policy_that_asks_for_it_there_is_no_nonce() {
    for layer in [
        SecurityHeadersLayer::classic(),
        SecurityHeadersLayer::owasp(),
    ] {
        assert_eq!(answer(&layer, Scheme::Http, &[]).1, None);
    }
}

#[test]
fn a_second_layer_uses_the_nonce_of_the_first() {
    let page = Csp::web().directive(Directive::FrameAncestors, [Source::SELF]);
    let route = SecurityHeadersLayer::none()
        .content_security_policy(page)
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(SecurityHeadersLayer::web().force_all())
        .layer(route.clone())
        .service(service_fn(|request: Request<()>| async move {
            let nonce = CspNonce::of(&request).cloned();
            Ok::<_, std::convert::Infallible>(Response::new(nonce))
        }));
    let Ok(response) = now(service.oneshot(Request::new(())));
    let policy = response.headers()["content-security-policy"].to_str();
    let nonce = response.body().as_ref().unwrap();
    assert!(policy.unwrap().contains(nonce.as_str()));

    // Not forced: the policy of the route stands.
    let service = ServiceBuilder::new()
        .layer(SecurityHeadersLayer::web())
        .layer(route)
        .service(Mock::ok());
    let response = now(service.oneshot(Request::new(()))).unwrap();
    let policy = response.headers()["content-security-policy"].to_str();
    assert!(policy.unwrap().contains("frame-ancestors 'self'"));
}

#[test]
fn a_not_modified_answer_leaves_the_kept_page_its_nonce() {
    let layer = SecurityHeadersLayer::web()
        .content_security_policy_report_only(Csp::strict())
        .unwrap();
    for own in [false, true] {
        let mock = Mock::answering(move |_| {
            let mut response = Response::new(TestBody::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            if own {
                response
                    .headers_mut()
                    .insert("etag", http::HeaderValue::from_static("\"1\""));
            }
            response
        });
        let response = now(layer.layer(mock).oneshot(Request::new(()))).unwrap();
        let headers = response.headers();
        assert!(!headers.contains_key("content-security-policy"));
        assert!(headers.contains_key("content-security-policy-report-only"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
}

#[test]
fn nonces_are_128_bits_of_base64_and_never_the_same() {
    use base64::Engine as _;
    let threads: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(|| Vec::from_iter((0..2_500).map(|_| CspNonce::random()))))
        .collect();
    let nonces: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let different: HashSet<_> = nonces.iter().map(CspNonce::as_str).collect();
    assert_eq!(different.len(), 10_000);
    let mut ones = 0;
    for nonce in &nonces {
        let bytes = base64::engine::general_purpose::STANDARD.decode(nonce.as_str());
        let bytes: [u8; 16] = bytes.unwrap().try_into().unwrap();
        ones += u128::from_ne_bytes(bytes).count_ones();
    }
    // Of 1,280,000 bits half are ones; the bounds are eight standard deviations away.
    assert!((635_475..=644_525).contains(&ones), "{ones}");
}

#[test]
fn a_nonce_is_not_logged_by_accident() {
    let mut request = Request::new(());
    let nonce = CspNonce::random();
    request.extensions_mut().insert(nonce.clone());
    assert_eq!(format!("{nonce:?}"), "CspNonce(..)");
    assert!(!format!("{request:?}").contains(nonce.as_str()));
}

proptest! {
    #[test]
    fn a_template_is_filled_at_every_gap(pieces in proptest::collection::vec("[ -~]{0,12}", 1..5)) {
        let nonce = CspNonce::random();
        let filled = Template::new(pieces.clone()).fill(&nonce);
        let joined = pieces.join(nonce.as_str());
        prop_assert_eq!(filled.as_bytes(), joined.as_bytes());
    }
}
