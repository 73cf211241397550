use std::net::{IpAddr, SocketAddr};

use http::{HeaderValue, Request, StatusCode};
use portcullis_layer_core::origin::{
    ForwardedHeaders, IpRanges, OriginLayer, OriginPolicy, PeerAddr, TrustedProxies,
};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use tower_layer::{Layer, Stack};

use super::*;
use crate::refusals::Refusals;

fn ranges(text: &str) -> IpRanges {
    text.parse().unwrap()
}

fn office() -> IpFilterLayer {
    IpFilterLayer::new().allow(ranges("192.0.2.0/24, 2001:db8::/32"))
}

fn request(peer: &str) -> Request<TestBody> {
    let peer = SocketAddr::new(peer.parse().unwrap(), 9);
    let mut request = anonymous();
    request.extensions_mut().insert(PeerAddr(peer));
    request
}

fn anonymous() -> Request<TestBody> {
    Request::new(TestBody::sample())
}

#[test]
fn clients_are_let_through_by_address() {
    let (unknown, denied, not_allowed) = (
        Err(IpRefused::Unknown),
        Err(IpRefused::Denied),
        Err(IpRefused::NotAllowed),
    );
    let everyone = IpFilterLayer::new();
    let blocked = IpFilterLayer::new().deny(ranges("192.0.2.66, 2001:db8:bad::/48"));
    let guarded = office().deny(ranges("192.0.2.66, 2001:db8:bad::/48"));
    let nobody = IpFilterLayer::new().allow(ranges(""));
    let cases = [
        (&everyone, Some("198.51.100.1"), Ok(())),
        (&everyone, None, unknown),
        (&blocked, Some("198.51.100.1"), Ok(())),
        (&blocked, Some("192.0.2.65"), Ok(())),
        (&blocked, Some("192.0.2.66"), denied),
        (&blocked, Some("::ffff:192.0.2.66"), denied),
        (&blocked, Some("2001:db8:bad::1"), denied),
        (&guarded, Some("192.0.2.65"), Ok(())),
        (&guarded, Some("2001:db8::1"), Ok(())),
        (&guarded, Some("192.0.2.66"), denied),
        (&guarded, Some("2001:db8:bad::1"), denied),
        (&guarded, Some("198.51.100.1"), not_allowed),
        (&guarded, Some("::192.0.2.65"), not_allowed),
        (&guarded, None, unknown),
        (&nobody, Some("192.0.2.65"), not_allowed),
        (&nobody, None, unknown),
    ];
    for (layer, client, expected) in cases {
        let client: Option<IpAddr> = client.map(|ip| ip.parse().unwrap());
        let found = layer.policy.check(client);
        assert_eq!(found, expected, "{client:?} {layer:?}");
        let generous = layer.clone().allow_unknown();
        let expected = if client.is_none() { Ok(()) } else { expected };
        assert_eq!(generous.policy.check(client), expected, "{client:?}");
    }
}

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    contract::is_a_layer::<IpFilterLayer, Mock>();
    contract::keeps(&office(), || request("192.0.2.1")).await;
    contract::keeps(&office().allow_unknown(), anonymous).await;

    let (status, code) = (StatusCode::FORBIDDEN, GrpcCode::PermissionDenied);
    contract::refuses(&office(), || request("198.51.100.1"), status, code).await;
    contract::refuses(&office(), anonymous, status, code).await;
}

#[tokio::test]
async fn a_proxy_speaks_for_its_clients_only_if_it_is_trusted() {
    let policy = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    let by = |peer, client: &'static str| {
        let mut request = request(peer);
        let value = HeaderValue::from_static(client);
        request.headers_mut().insert("x-forwarded-for", value);
        request
    };
    let (status, code) = (StatusCode::FORBIDDEN, GrpcCode::PermissionDenied);
    let own = office().origin(policy.clone());
    let outer = Stack::new(office(), OriginLayer::new(policy));

    contract::keeps(&own, || by("127.0.0.1", "192.0.2.1")).await;
    contract::keeps(&outer, || by("127.0.0.1", "192.0.2.1")).await;
    contract::refuses(&own, || by("127.0.0.1", "198.51.100.1"), status, code).await;
    contract::refuses(&own, || by("198.51.100.1", "192.0.2.1"), status, code).await;
    contract::refuses(&outer, || by("198.51.100.1", "192.0.2.1"), status, code).await;
    // Nobody is trusted by default.
    contract::refuses(&office(), || by("127.0.0.1", "192.0.2.1"), status, code).await;
}

#[tokio::test]
async fn refusals_are_counted_by_reason_and_can_be_replaced() {
    let refusals = Refusals::new();
    let layer = office()
        .deny(ranges("192.0.2.66"))
        .count_in(&refusals)
        .reject_with(|_: &IpRefused, _| {
            let mut response = http::Response::new("");
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        });
    let mut service = layer.layer(Mock::ok());
    for (request, reason) in [
        (request("198.51.100.1"), IpRefused::NotAllowed),
        (request("192.0.2.66"), IpRefused::Denied),
        (anonymous(), IpRefused::Unknown),
    ] {
        let response = contract::send(&mut service, request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.extensions().get(), Some(&reason));
        assert_eq!(refusals.count("ip_filter", reason.as_str()), 1);
    }
}
