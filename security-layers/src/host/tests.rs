use http::{Request, StatusCode, Version};
use portcullis_layer_core::origin::{
    ForwardedHeaders, OriginLayer, OriginPolicy, PeerAddr, Scheme, TrustedProxies,
};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use tower_layer::{Layer, Stack};

use super::*;
use crate::refusals::Refusals;

fn layer() -> HostLayer {
    HostLayer::new("shop.example, *.shop.example, b.example".parse().unwrap())
}

fn behind_loopback() -> OriginPolicy {
    OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded)
}

fn request(target: &str, hosts: &[&str]) -> Request<TestBody> {
    let mut request = Request::get(target);
    for host in hosts {
        request = request.header("host", *host);
    }
    request.body(TestBody::sample()).unwrap()
}

fn from(
    peer: &str,
    target: &str,
    host: &str,
    header: (&'static str, &'static str),
) -> Request<TestBody> {
    let mut request = request(target, &[host]);
    let peer = std::net::SocketAddr::new(peer.parse().unwrap(), 9);
    request.extensions_mut().insert(PeerAddr(peer));
    request
        .headers_mut()
        .insert(header.0, header.1.try_into().unwrap());
    request
}

fn check(layer: &HostLayer, request: &Request<TestBody>) -> Result<(), HostRefused> {
    layer.policy.check(request)
}

#[test]
fn one_allowed_host_is_let_through() {
    let (allowed, unknown, invalid) = (
        Ok(()),
        Err(HostRefused::NotAllowed),
        Err(HostRefused::Invalid),
    );
    let cases: [(&str, &[&str], Result<(), HostRefused>); 24] = [
        ("/", &["shop.example"], allowed),
        ("/", &["SHOP.example.:8080"], allowed),
        ("/", &["eu.shop.example"], allowed),
        ("/", &["evil.example"], unknown),
        ("/", &["192.0.2.1"], unknown),
        ("/", &["[::1]"], unknown),
        ("/", &[], invalid),
        ("/", &[""], invalid),
        ("/", &["shop.example", "shop.example"], invalid),
        ("/", &["shop.example", "evil.example"], invalid),
        ("/", &["shop.example, evil.example"], invalid),
        ("/", &["shop.example evil.example"], invalid),
        ("/", &["user@shop.example"], invalid),
        ("/", &["shop.example:evil"], invalid),
        ("/", &["shop.example/evil"], invalid),
        ("https://shop.example/", &[], allowed),
        ("https://evil.example/", &[], unknown),
        ("https://user@shop.example/", &[], invalid),
        ("http://shop.example/", &["Shop.Example"], allowed),
        ("http://shop.example/", &["evil.example"], invalid),
        // Both would be allowed, but which of them will the handler read?
        ("http://shop.example/", &["b.example"], invalid),
        ("http://shop.example/", &["shop.example"; 2], invalid),
        ("shop.example:443", &["shop.example:443"], allowed),
        ("*", &["shop.example"], allowed),
    ];
    for (target, hosts, expected) in cases {
        let request = request(target, hosts);
        assert_eq!(check(&layer(), &request), expected, "{target} {hosts:?}");
    }
}

#[test]
fn a_reported_host_counts_only_from_a_trusted_proxy() {
    let reported = |peer, target, host, name| {
        let request = from(peer, target, host, ("x-forwarded-host", name));
        check(&layer().origin(behind_loopback()), &request)
    };
    let (own, strange) = ("backend.internal", "evil.example");
    assert_eq!(reported("127.0.0.1", "/", own, "shop.example"), Ok(()));
    // Over HTTP/2 the proxy calls us by an authority and may add the header.
    let target = "http://backend.internal/";
    assert_eq!(reported("127.0.0.1", target, "x", "shop.example"), Ok(()));
    assert_eq!(
        reported("127.0.0.1", "/", "shop.example", strange),
        Err(HostRefused::NotAllowed)
    );
    assert_eq!(
        reported("127.0.0.1", "/", "shop.example", "a b"),
        Err(HostRefused::Invalid)
    );
    assert_eq!(
        reported("192.0.2.1", "/", strange, "shop.example"),
        Err(HostRefused::NotAllowed)
    );
    assert_eq!(reported("192.0.2.1", "/", "shop.example", strange), Ok(()));
}

#[test]
fn an_entry_with_a_port_goes_by_the_scheme_of_the_request() {
    let layer = HostLayer::new("shop.example:443".parse().unwrap());
    let request = request("/", &["shop.example"]);
    assert_eq!(check(&layer, &request), Err(HostRefused::NotAllowed));
    let tls = OriginPolicy::default().default_scheme(Scheme::Https);
    assert_eq!(check(&layer.origin(tls), &request), Ok(()));
}

#[test]
fn exempt_paths_need_no_host() {
    let layer = layer().exempt("/health".parse().unwrap());
    for hosts in [&["10.0.0.7:8080"][..], &[]] {
        assert_eq!(check(&layer, &request("/health?full", hosts)), Ok(()));
        assert!(check(&layer, &request("/health/", hosts)).is_err());
        assert!(check(&layer, &request("/", hosts)).is_err());
    }
}

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    contract::is_a_layer::<HostLayer, Mock>();
    let http_1 = || request("/", &["shop.example"]);
    contract::keeps(&layer(), http_1).await;
    let http_2 = || {
        let mut request = request("https://shop.example/", &[]);
        *request.version_mut() = Version::HTTP_2;
        request
    };
    contract::keeps(&layer(), http_2).await;

    let unknown = || request("/", &["evil.example"]);
    let (status, code) = (StatusCode::MISDIRECTED_REQUEST, GrpcCode::PermissionDenied);
    contract::refuses(&layer(), unknown, status, code).await;
    let unknown = || request("https://evil.example/", &[]);
    contract::refuses(&layer(), unknown, status, code).await;
    let invalid = || request("/", &[]);
    let (status, code) = (StatusCode::BAD_REQUEST, GrpcCode::InvalidArgument);
    contract::refuses(&layer(), invalid, status, code).await;
}

#[tokio::test]
async fn an_origin_layer_further_out_decides_whom_to_believe() {
    let stack = Stack::new(layer(), OriginLayer::new(behind_loopback()));
    let header = ("x-forwarded-host", "shop.example");
    contract::keeps(&stack, || {
        from("127.0.0.1", "/", "backend.internal", header)
    })
    .await;
}

#[tokio::test]
async fn refusals_are_counted_by_reason_and_can_be_replaced() {
    let refusals = Refusals::new();
    let layer = layer()
        .count_in(&refusals)
        .reject_with(|reason: &HostRefused, _| {
            let mut response = http::Response::new(format!("{reason:?}"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        });
    for (hosts, reason) in [
        (&["evil.example"][..], HostRefused::NotAllowed),
        (&[], HostRefused::Invalid),
        (&["shop.example"], HostRefused::Invalid),
    ] {
        let mut service = layer.layer(Mock::ok());
        let response = contract::send(&mut service, request("/", hosts))
            .await
            .unwrap();
        if hosts.contains(&"shop.example") {
            assert_eq!(response.status(), StatusCode::OK);
            continue;
        }
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.extensions().get(), Some(&reason));
    }
    assert_eq!(refusals.count("host", "unknown_host"), 1);
    assert_eq!(refusals.count("host", "invalid_host"), 1);
}
