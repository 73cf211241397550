#[cfg(any(feature = "axum", feature = "tonic"))]
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response, Version};

use super::{behind, ip, request};
use crate::origin::{
    ForwardedHeaders, Origin, OriginLayer, OriginPolicy, RequestOrigin, origin_of,
};
use crate::testing::{Mock, TestBody, contract};
use tower_layer::Layer;

fn layer() -> OriginLayer {
    OriginLayer::new(behind(ForwardedHeaders::XForwarded))
}

fn proxied() -> Request<()> {
    request(
        "10.0.0.1",
        &[("x-forwarded-for", "192.0.2.1"), ("host", "shop.example")],
    )
}

/// The origin that a service inside of `layer` finds.
async fn origin_behind<L>(layer: L, request: Request<()>) -> RequestOrigin
where
    L: Layer<Mock>,
    L::Service: tower_service::Service<Request<TestBody>, Response = Response<TestBody>>,
    <L::Service as tower_service::Service<Request<TestBody>>>::Error: std::fmt::Debug,
{
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let mock = Mock::answering(move |request| {
        *note.lock().unwrap() = request.extensions.get::<RequestOrigin>().cloned();
        Response::new(TestBody::empty())
    });
    let mut service = layer.layer(mock);
    contract::send(&mut service, request.map(|()| TestBody::empty()))
        .await
        .unwrap();
    let origin = seen.lock().unwrap().take();
    origin.expect("the layer inserted an origin")
}

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    contract::is_a_layer::<OriginLayer, Mock>();
    contract::keeps(&layer(), || proxied().map(|()| TestBody::sample())).await;
}

#[tokio::test]
async fn inner_services_find_the_origin() {
    let origin = origin_behind(layer(), proxied()).await;
    assert_eq!(origin.peer, Some(ip("10.0.0.1")));
    assert_eq!(origin.client_ip, Some(ip("192.0.2.1")));
    assert_eq!(origin.authority.unwrap(), "shop.example");
}

#[tokio::test]
async fn the_outer_layer_decides() {
    let inner = OriginLayer::default();
    let both = tower_layer::Stack::new(inner, layer());
    let origin = origin_behind(both, proxied()).await;
    assert_eq!(origin.client_ip, Some(ip("192.0.2.1")));
}

#[test]
fn a_policy_of_its_own_counts_only_where_no_layer_ran() {
    let mut request = proxied();
    let outer = behind(ForwardedHeaders::XForwarded);
    let own = OriginPolicy::default();

    assert_eq!(own.client_ip(&request), Some(ip("10.0.0.1")));
    assert_eq!(origin_of(&request, &own), own.resolve(&request));

    let origin = outer.resolve(&request);
    request.extensions_mut().insert(origin.clone());
    assert_eq!(own.client_ip(&request), Some(ip("192.0.2.1")));
    assert_eq!(own.scheme(&request), origin.scheme);
    assert_eq!(own.authority(&request).as_deref(), Some("shop.example"));
    assert_eq!(origin_of(&request, &own), origin);
    let (parts, ()) = request.into_parts();
    assert_eq!(origin_of(&parts, &own), origin);
    assert_eq!(own.resolve(&parts).client_ip, Some(ip("10.0.0.1")));
}

#[tokio::test]
async fn works_for_http_2_and_without_a_peer() {
    let request = Request::get("https://shop.example:8443/")
        .version(Version::HTTP_2)
        .body(())
        .unwrap();
    let origin = origin_behind(OriginLayer::default(), request).await;
    assert_eq!(origin.peer, None);
    assert_eq!(origin.client_ip, None);
    assert_eq!(origin.authority.unwrap(), "shop.example:8443");
}

#[cfg(feature = "axum")]
#[test]
fn axum_tells_the_peer() {
    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let policy = OriginPolicy::default();
    let peer: SocketAddr = "[::ffff:192.0.2.1]:9".parse().unwrap();
    let request = Request::get("/")
        .extension(MockConnectInfo(peer))
        .body(())
        .unwrap();
    assert_eq!(policy.client_ip(&request), Some(ip("192.0.2.1")));

    let mut request = Request::get("/")
        .extension(ConnectInfo(peer))
        .body(())
        .unwrap();
    assert_eq!(policy.client_ip(&request), Some(ip("192.0.2.1")));

    // An address that was put in on purpose comes first.
    let announced = crate::origin::PeerAddr("198.51.100.1:9".parse().unwrap());
    request.extensions_mut().insert(announced);
    assert_eq!(policy.client_ip(&request), Some(ip("198.51.100.1")));
}

#[cfg(feature = "tonic")]
#[test]
fn tonic_tells_the_peer() {
    use tonic::transport::server::TcpConnectInfo;

    let policy = OriginPolicy::default();
    let info = |remote_addr| TcpConnectInfo {
        local_addr: None,
        remote_addr,
    };
    let peer: SocketAddr = "192.0.2.1:9".parse().unwrap();
    let request = Request::get("/")
        .extension(info(Some(peer)))
        .body(())
        .unwrap();
    assert_eq!(policy.client_ip(&request), Some(ip("192.0.2.1")));
    let request = Request::get("/").extension(info(None)).body(()).unwrap();
    assert_eq!(policy.client_ip(&request), None);
}

#[test]
fn the_service_shows_its_inner_service() {
    let service: Origin<&str> = layer().layer("inner");
    assert!(format!("{service:?}").contains("inner"));
}
