use std::net::SocketAddr;
use std::num::NonZeroU16;

use http::header::{CONTENT_TYPE, HOST, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use portcullis_layer_core::origin::{
    ConnectionScheme, ForwardedHeaders, HostPort, OriginLayer, OriginPolicy, PeerAddr, Scheme,
    TrustedProxies,
};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use proptest::prelude::*;
use tower::ServiceExt as _;
use tower_layer::Layer as _;

use super::error::Verdict;
use super::policy::Policy;
use super::*;
use crate::paths::Paths;
use crate::refusals::Refusals;

fn same_host(hosts: &str) -> Redirect {
    Redirect::to_same_host(hosts.parse().unwrap())
}

fn policy(redirect: Option<Redirect>) -> Policy {
    Policy {
        redirect,
        origin: OriginPolicy::default(),
        exempt: HttpsLayer::probes(),
    }
}

/// What a server makes of a request of HTTP/1.1 in origin form.
fn plain(host: &str, target: &str) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    *request.uri_mut() = target.parse().unwrap();
    let host = HeaderValue::from_str(host).unwrap();
    request.headers_mut().insert(HOST, host);
    request
}

fn location<B>(redirect: &Redirect, request: &Request<B>) -> Result<String, HttpsRequired> {
    match policy(Some(redirect.clone())).check(request) {
        Err(Verdict::Redirect(_, location)) => Ok(location.to_str().unwrap().to_owned()),
        Err(Verdict::Refuse(reason)) => Err(reason),
        Ok(()) => panic!("the request passed"),
    }
}

#[test]
fn plain_http_is_redirected_to_the_host_that_was_asked_for() {
    let redirect = same_host("shop.example, *.shop.example, 192.0.2.1, [2001:db8::1]");
    for (host, target, expected) in [
        ("shop.example", "/", "https://shop.example/"),
        (
            "shop.example:80",
            "/a/b?c=d&e",
            "https://shop.example/a/b?c=d&e",
        ),
        ("eu.shop.example:8080", "/?", "https://eu.shop.example/?"),
        // A port that is there and empty is one that is not there (RFC 3986, 3.2.3).
        ("shop.example:", "/", "https://shop.example/"),
        ("192.0.2.1:80", "/x", "https://192.0.2.1/x"),
        ("[2001:db8::1]", "/x", "https://[2001:db8::1]/x"),
        ("[2001:db8::1]:8080", "/x", "https://[2001:db8::1]/x"),
        // The path is never what a browser would take for an authority.
        (
            "shop.example",
            "//evil.example/x",
            "https://shop.example//evil.example/x",
        ),
        (
            "shop.example",
            "/%2e%2e/%0d%0aSet-Cookie:x",
            "https://shop.example/%2e%2e/%0d%0aSet-Cookie:x",
        ),
        (
            "shop.example",
            "/a[]{b}|\"?c[]={d}",
            "https://shop.example/a[]%7Bb%7D%7C%22?c[]=%7Bd%7D",
        ),
        ("shop.example", "/ä?ö", "https://shop.example/%C3%A4?%C3%B6"),
    ] {
        let found = location(&redirect, &plain(host, target));
        assert_eq!(found.as_deref(), Ok(expected), "{host}{target}");
    }
}

#[test]
fn http_2_and_the_absolute_form_name_the_host_in_the_target() {
    let redirect = same_host("shop.example");
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = Uri::from_static("http://shop.example:8080/a?b");
    assert_eq!(
        location(&redirect, &request).unwrap(),
        "https://shop.example/a?b"
    );
    // RFC 9112, 3.2.2: `Host` is ignored beside the absolute form.
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("evil.example"));
    assert_eq!(
        location(&redirect, &request).unwrap(),
        "https://shop.example/a?b"
    );
    *request.uri_mut() = Uri::from_static("http://shop.example");
    assert_eq!(
        location(&redirect, &request).unwrap(),
        "https://shop.example/"
    );
    // An empty path before a query was taken for no path at all, and refused.
    *request.uri_mut() = Uri::from_static("http://shop.example?b");
    assert_eq!(
        location(&redirect, &request).unwrap(),
        "https://shop.example/?b"
    );
    // The scheme of the target is the client's own claim.
    *request.uri_mut() = Uri::from_static("https://shop.example/");
    assert_eq!(
        location(&redirect, &request).unwrap(),
        "https://shop.example/"
    );
}

#[test]
fn a_host_that_nobody_named_is_never_reflected() {
    let redirect = same_host("shop.example");
    for (host, reason) in [
        ("evil.example", HttpsRequired::UnknownHost),
        ("shop.example.evil.example", HttpsRequired::UnknownHost),
        ("www.shop.example", HttpsRequired::UnknownHost),
        ("[2001:db8::1]", HttpsRequired::UnknownHost),
        ("shop.example@evil.example", HttpsRequired::InvalidHost),
        ("shop.example/evil", HttpsRequired::InvalidHost),
        ("shop.example,evil.example", HttpsRequired::InvalidHost),
        ("[2001:db8::1", HttpsRequired::InvalidHost),
        ("shop.example:http", HttpsRequired::InvalidHost),
        ("", HttpsRequired::InvalidHost),
    ] {
        assert_eq!(
            location(&redirect, &plain(host, "/")),
            Err(reason),
            "{host:?}"
        );
    }
    let mut request = plain("shop.example", "/");
    request
        .headers_mut()
        .append(HOST, HeaderValue::from_static("shop.example"));
    assert_eq!(
        location(&redirect, &request),
        Err(HttpsRequired::InvalidHost),
        "two hosts"
    );
    request.headers_mut().remove(HOST);
    assert_eq!(
        location(&redirect, &request),
        Err(HttpsRequired::InvalidHost),
        "no host"
    );
}

#[test]
fn a_canonical_host_stands_for_every_other() {
    let redirect = Redirect::to_host("Shop.Example".parse().unwrap());
    for host in ["evil.example", "shop.example:8080", "[2001:db8::1]"] {
        let found = location(&redirect, &plain(host, "/a"));
        assert_eq!(found.as_deref(), Ok("https://shop.example/a"), "{host}");
    }
    let without_host = Request::new(());
    assert_eq!(
        location(&redirect, &without_host),
        Err(HttpsRequired::InvalidHost)
    );
    for wrong in [
        "",
        "shop.example:443",
        "shop.example/",
        "a b",
        "[::1",
        "::1",
        "user@shop.example",
        // Every redirect led nowhere with a name that was a host by its characters only.
        ".",
        "shop..example",
        &"a".repeat(64),
    ] {
        assert!(wrong.parse::<CanonicalHost>().is_err(), "{wrong:?}");
    }
}

#[test]
fn another_port_is_named_and_is_the_one_that_the_list_must_have() {
    let port = NonZeroU16::new(8443).unwrap();
    let redirect = same_host("shop.example, [::1]:8443, other.example:443").port(port);
    let found = location(&redirect, &plain("shop.example:8080", "/"));
    assert_eq!(found.as_deref(), Ok("https://shop.example:8443/"));
    let found = location(&redirect, &plain("[::1]", "/"));
    assert_eq!(found.as_deref(), Ok("https://[::1]:8443/"));
    let found = location(&redirect, &plain("other.example", "/"));
    assert_eq!(found, Err(HttpsRequired::UnknownHost));
}

#[test]
fn what_cannot_be_redirected_is_refused() {
    let redirect = same_host("shop.example");
    let mut asterisk = plain("shop.example", "*");
    *asterisk.method_mut() = Method::OPTIONS;
    let mut connect = plain("shop.example", "shop.example:443");
    *connect.method_mut() = Method::CONNECT;
    // RFC 8441: over HTTP/2 a CONNECT has a path.
    let mut extended = plain("shop.example", "http://shop.example/chat");
    *extended.method_mut() = Method::CONNECT;
    let mut grpc = plain("shop.example", "/shop.Cart/Add");
    *grpc.method_mut() = Method::POST;
    let content_type = HeaderValue::from_static("application/grpc+proto");
    grpc.headers_mut().insert(CONTENT_TYPE, content_type);
    for request in [asterisk, connect, extended, grpc] {
        assert_eq!(
            location(&redirect, &request),
            Err(HttpsRequired::Insecure),
            "{request:?}"
        );
    }
}

#[test]
fn exempt_paths_pass_in_the_clear() {
    for redirect in [None, Some(same_host("shop.example"))] {
        let mut policy = policy(redirect);
        let passes =
            |policy: &Policy, target: &str| policy.check(&plain("10.0.0.1", target)).is_ok();
        for target in [
            "/health",
            "/live",
            "/ready?verbose",
            "/metrics",
            "/.well-known/acme-challenge/abc",
        ] {
            assert!(passes(&policy, target), "{target}");
        }
        for target in [
            "/",
            "/health/",
            "/healthy",
            "/.well-known/acme-challenge/../x",
            "*",
        ] {
            assert!(!passes(&policy, target), "{target}");
        }
        policy.exempt = "/internal/*".parse().unwrap();
        assert!(passes(&policy, "/internal/x"));
        assert!(!passes(&policy, "/health"));
        policy.exempt = Paths::default();
        assert!(!passes(&policy, "/internal/x"));
    }
}

#[test]
fn the_scheme_is_believed_from_the_connection_and_from_trusted_proxies_only() {
    let mut policy = policy(None);
    let mut request = plain("shop.example", "/");
    let peer = |request: &mut Request<_>, addr: &str| {
        let addr: SocketAddr = addr.parse().unwrap();
        request.extensions_mut().insert(PeerAddr(addr));
    };
    let proto = HeaderValue::from_static("https");
    request.headers_mut().insert("x-forwarded-proto", proto);
    let from = HeaderValue::from_static("192.0.2.60");
    request.headers_mut().insert("x-forwarded-for", from);
    peer(&mut request, "10.0.0.7:1");
    assert!(policy.check(&request).is_err(), "nobody is trusted");

    let trust = "10.0.0.0/8".parse::<TrustedProxies>().unwrap();
    policy.origin = OriginPolicy::new(trust, ForwardedHeaders::XForwarded);
    assert!(policy.check(&request).is_ok());
    peer(&mut request, "198.51.100.1:1");
    assert!(policy.check(&request).is_err(), "the peer is not trusted");

    request
        .extensions_mut()
        .insert(ConnectionScheme(Scheme::Https));
    assert!(policy.check(&request).is_ok());
    policy.origin = OriginPolicy::default().default_scheme(Scheme::Https);
    assert!(policy.check(&plain("shop.example", "/")).is_ok());
}

#[tokio::test]
async fn an_origin_layer_further_out_decides() {
    let layer = OriginLayer::new(OriginPolicy::default().default_scheme(Scheme::Https));
    let service = layer.layer(HttpsLayer::refuse().layer(Mock::ok()));
    let response = service.oneshot(plain("shop.example", "/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn both_modes_keep_the_contract() {
    let encrypted = || {
        let mut request = plain("shop.example", "/");
        request
            .extensions_mut()
            .insert(ConnectionScheme(Scheme::Https));
        request
    };
    contract::is_a_layer::<HttpsLayer, Mock>();
    let refuse = HttpsLayer::refuse();
    contract::keeps(&refuse, encrypted).await;
    let (status, code) = (StatusCode::FORBIDDEN, GrpcCode::PermissionDenied);
    contract::refuses(&refuse, || plain("shop.example", "/"), status, code).await;

    let redirect = HttpsLayer::redirect(same_host("shop.example"));
    contract::keeps(&redirect, encrypted).await;
    contract::keeps(&redirect, || plain("10.0.0.1", "/health")).await;
}

#[tokio::test]
async fn refusals_of_a_redirecting_layer_have_their_own_status() {
    let refusals = Refusals::new();
    let layer =
        HttpsLayer::redirect(same_host("shop.example").status(RedirectStatus::MovedPermanently))
            .count_in(&refusals);
    for (host, status, content_type) in [
        ("shop.example", 301, None),
        ("evil.example", 421, Some("application/problem+json")),
        ("evil example", 400, Some("application/problem+json")),
    ] {
        let mock = Mock::ok();
        let probe = mock.probe();
        let response = layer.layer(mock).oneshot(plain(host, "/a")).await.unwrap();
        assert_eq!(response.status(), status);
        let said = response.headers().get(CONTENT_TYPE);
        assert_eq!(
            said.map(HeaderValue::as_bytes),
            content_type.map(str::as_bytes)
        );
        assert_eq!(response.headers().contains_key(LOCATION), status == 301);
        assert_eq!(probe.calls(), 0);
    }
    for reason in ["redirected", "unknown_host", "invalid_host"] {
        assert_eq!(refusals.count("https", reason), 1, "{reason}");
    }

    let layer = HttpsLayer::refuse().reject_with(|reason, _| Response::new(format!("{reason:?}")));
    let response = layer
        .layer(Mock::ok())
        .oneshot(plain("shop.example", "/"))
        .await
        .unwrap();
    assert_eq!(response.extensions().get(), Some(&HttpsRequired::Insecure));
}

proptest! {
    /// Whatever host is asked for, the redirect leads to one that is on the list, over https, to the path and query
    /// that was asked for, and is a URI.
    #[test]
    fn redirects_lead_to_named_hosts_only(
        host in "([a-z.@\\[\\]:0-9,/_-]{0,24}|shop\\.example(:[0-9]{0,6})?)",
        target in "/[!-~äß]{0,40}",
    ) {
        prop_assume!(target.parse::<Uri>().is_ok_and(|uri| uri.path().starts_with('/') && uri.authority().is_none()));
        if let Ok(found) = location(&same_host("shop.example"), &plain(&host, &target)) {
            let uri: Uri = found.parse().unwrap();
            prop_assert_eq!(uri.scheme_str(), Some("https"));
            prop_assert_eq!(uri.authority().map(|a| a.as_str().trim_end_matches('.')), Some("shop.example"));
            prop_assert!(found.bytes().all(|byte| byte.is_ascii_graphic()));
            let decoded = |text: &str| percent_decoded(text.as_bytes());
            let sent: Uri = target.parse().unwrap();
            let (kept, sent) = (uri.path_and_query().unwrap(), sent.path_and_query().unwrap());
            prop_assert_eq!(decoded(kept.as_str()), decoded(sent.as_str()));
        }
    }

    #[test]
    fn no_target_makes_a_location_that_a_header_refuses(target in "/\\PC{0,40}") {
        if let Ok(target) = target.parse::<PathAndQuery>() {
            let host = HostPort::parse(b"shop.example").unwrap();
            prop_assert!(same_host("shop.example").location(host, &target).is_ok());
        }
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let byte = match tail {
            [high, low, after @ ..] if *first == b'%' => {
                let digits = std::str::from_utf8(&tail[..2]).unwrap_or_default();
                let both = high.is_ascii_hexdigit() && low.is_ascii_hexdigit();
                u8::from_str_radix(digits, 16)
                    .ok()
                    .filter(|_| both)
                    .map(|byte| (byte, after))
            }
            _ => None,
        };
        let (byte, after) = byte.unwrap_or((*first, tail));
        decoded.push(byte);
        rest = after;
    }
    decoded
}
