use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use portcullis_layer_core::origin::{PeerAddr, TrustedProxies};
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use proptest::prelude::*;
use tower_layer::Layer as _;
use uuid::Uuid;

use super::{Policy, RequestId, RequestIdLayer};

const PROXY: ([u8; 4], u16) = ([127, 0, 0, 1], 40_000);
const STRANGER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);

fn request(peer: impl Into<SocketAddr>, ids: &[&str]) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    request.extensions_mut().insert(PeerAddr(peer.into()));
    for id in ids {
        let value = HeaderValue::from_str(id).unwrap();
        request.headers_mut().append("x-request-id", value);
    }
    request
}

fn layer() -> RequestIdLayer {
    RequestIdLayer::new().trusted_proxies(TrustedProxies::loopback())
}

/// Answers with what reached the handler: its headers, and the extension's id.
fn echo() -> Mock {
    Mock::answering(|parts| {
        let mut response = Response::new(TestBody::empty());
        for value in parts.headers.get_all("x-request-id") {
            response.headers_mut().append("x-seen", value.clone());
        }
        let extension = parts.extensions.get::<RequestId>().unwrap();
        let value = extension.header_value().clone();
        response.headers_mut().insert("x-extension", value);
        response
    })
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

/// Sends a request and returns its id, after making sure that there is only one and that all agree.
async fn id_of(layer: &RequestIdLayer, request: Request<TestBody>) -> String {
    let mut service = layer.layer(echo());
    let response = contract::send(&mut service, request).await.unwrap();
    let headers = response.headers();
    let [id] = all(headers, "x-request-id")[..] else {
        panic!("not one id: {headers:?}");
    };
    assert_eq!(all(headers, "x-seen"), [id], "what the handler saw");
    assert_eq!(all(headers, "x-extension"), [id], "the extension");
    id.to_owned()
}

fn is_fresh(id: &str) -> bool {
    Uuid::try_parse(id).is_ok_and(|id| id.get_version() == Some(uuid::Version::SortRand))
}

#[tokio::test]
async fn layer_keeps_the_contract() {
    contract::is_a_layer::<RequestIdLayer, Mock>();
    contract::keeps(&layer(), || request(PROXY, &["known"])).await;
    contract::keeps(&layer(), || request(STRANGER, &[])).await;
}

#[tokio::test]
async fn inbound_ids_are_taken_over_from_trusted_proxies_only() {
    let longest = "a".repeat(RequestId::MAX_LEN);
    let too_long = "a".repeat(RequestId::MAX_LEN + 1);
    for (peer, ids, kept) in [
        (PROXY, &["018f-A_b.~9"][..], true),
        (PROXY, &[&longest], true),
        (PROXY, &[&too_long], false),
        (PROXY, &[""], false),
        (PROXY, &["two words"], false),
        (PROXY, &["a\"}{\"level\":\"error"], false),
        (PROXY, &["one", "two"], false),
        (PROXY, &["same", "same"], false),
        (PROXY, &[], false),
        (STRANGER, &["well-formed"], false),
    ] {
        let id = id_of(&layer(), request(peer, ids)).await;
        if kept {
            assert_eq!(id, ids[0]);
        } else {
            assert!(is_fresh(&id), "{ids:?} from {peer:?} became {id}");
        }
    }
}

#[tokio::test]
async fn nobody_is_trusted_by_default_and_a_request_without_a_peer_never() {
    let id = id_of(&RequestIdLayer::new(), request(PROXY, &["chosen"])).await;
    assert!(is_fresh(&id), "{id}");
    let mut request = request(PROXY, &["chosen"]);
    request.extensions_mut().clear();
    let id = id_of(&layer(), request).await;
    assert!(is_fresh(&id), "{id}");
}

#[tokio::test]
async fn answer_has_exactly_one_id_whatever_the_handler_set() {
    let mock = Mock::answering(|_| {
        let mut response = Response::new(TestBody::empty());
        for id in ["of-the-handler", "and-another"] {
            let value = HeaderValue::from_static(id);
            response.headers_mut().append("x-request-id", value);
        }
        response
    });
    let mut service = layer().layer(mock);
    let request = request(PROXY, &["known"]);
    let response = contract::send(&mut service, request).await.unwrap();
    assert_eq!(all(response.headers(), "x-request-id"), ["known"]);
}

#[tokio::test]
async fn layer_further_in_keeps_the_id_of_the_outer_one() {
    let mut service = layer().layer(RequestIdLayer::new().layer(echo()));
    let request = request(PROXY, &["outer"]);
    let response = contract::send(&mut service, request).await.unwrap();
    assert_eq!(all(response.headers(), "x-seen"), ["outer"]);
    assert_eq!(all(response.headers(), "x-request-id"), ["outer"]);
}

#[tokio::test]
async fn header_name_is_configurable_and_the_default_one_then_means_nothing() {
    let name = HeaderName::from_static("x-correlation-id");
    let mut service = layer().header(name.clone()).layer(echo());
    let mut request = request(PROXY, &["other"]);
    let value = HeaderValue::from_static("wanted");
    request.headers_mut().insert(&name, value);
    let response = contract::send(&mut service, request).await.unwrap();
    assert_eq!(response.headers()[&name], "wanted");
    assert_eq!(response.headers()["x-extension"], "wanted");
    assert_eq!(response.headers().get("x-request-id"), None);
}

proptest! {
    #[test]
    fn whatever_comes_in_the_id_is_harmless(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[A-Za-z0-9._~-]{0,140}[ -~]?".prop_map(String::into_bytes),
        ],
    ) {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else {
            return Ok(());
        };
        let mut request = request(PROXY, &[]);
        request.headers_mut().insert("x-request-id", value.clone());
        let policy = Policy {
            header: HeaderName::from_static("x-request-id"),
            trusted: TrustedProxies::loopback(),
        };
        let id = policy.identify(&request);
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        prop_assert!((1..=128).contains(&id.as_str().len()));
        prop_assert!(id.as_str().bytes().all(harmless));
        prop_assert!(is_fresh(id.as_str()) || id.header_value() == value);
    }
}
