//! One quota by client address.

use std::net::IpAddr;

use governor::middleware::NoOpMiddleware;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use portcullis_layer_core::origin::PeerAddr;
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
use tower::ServiceBuilder;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::{BARE, Case, Drive, Handler, OURS, drive, request};

/// The peer's refusals are made for this body.
type Body = axum::body::Body;

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "rate_limit";
    const ALLOWED: &str = "allowed";
    const FIELDS: &str = "allowed, with fields";
    const PLAIN: &str = "refused, plain";
    const PROBLEM: &str = "refused, problem with fields";
    vec![
        Case::new(LAYER, ALLOWED, BARE, bare),
        Case::new(LAYER, ALLOWED, OURS, || ours(WIDE, false)),
        Case::new(LAYER, ALLOWED, "tower_governor", || governor(1, u32::MAX)),
        Case::new(LAYER, FIELDS, BARE, bare),
        Case::new(LAYER, FIELDS, OURS, || ours(WIDE, true)),
        Case::new(LAYER, FIELDS, "tower_governor", governor_with_fields),
        Case::new(LAYER, PLAIN, BARE, bare),
        Case::new(LAYER, PLAIN, OURS, plain),
        Case::new(LAYER, PLAIN, "tower_governor", || governor(HOUR, 1)),
        Case::new(LAYER, PROBLEM, BARE, bare),
        Case::new(LAYER, PROBLEM, OURS, || ours(NARROW, true)),
    ]
}

/// Never used up.
pub(crate) const WIDE: &str = "1000000000/s,burst=4294967295";
/// Used up by the first request.
const NARROW: &str = "1/h";
/// In nanoseconds, as the peer counts.
const HOUR: u64 = 3_600_000_000_000;

fn handler() -> Handler<Body> {
    Handler::new(HeaderMap::new())
}

fn bare() -> Drive {
    drive(handler(), request)
}

pub(crate) fn layer(quota: &str) -> RateLimitLayer {
    let quota: Quota = quota.parse().expect("the quota is well-formed");
    RateLimitLayer::new(Rule::new(quota, Key::client_ip()))
}

fn ours(quota: &str, fields: bool) -> Drive {
    let layer = layer(quota).rate_limit_fields(fields);
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}

fn plain() -> Drive {
    let layer = layer(NARROW).rate_limit_fields(false);
    let layer = layer.reject_with(|limited, _| {
        let mut response = Response::new("Too Many Requests!");
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        if let Some(seconds) = limited.retry_after() {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    });
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}

#[derive(Clone)]
pub(crate) struct Peer;

impl KeyExtractor for Peer {
    type Key = IpAddr;

    fn extract<B>(&self, request: &Request<B>) -> Result<IpAddr, GovernorError> {
        let peer = request.extensions().get::<PeerAddr>();
        peer.map(|peer| peer.0.ip())
            .ok_or(GovernorError::UnableToExtractKey)
    }
}

/// One unit per `period` nanoseconds.
pub(crate) fn peer(period: u64, burst: u32) -> GovernorLayer<Peer, NoOpMiddleware, Body> {
    let config = GovernorConfigBuilder::default()
        .per_nanosecond(period)
        .burst_size(burst)
        .key_extractor(Peer)
        .finish()
        .expect("neither number is zero");
    GovernorLayer::new(config)
}

fn governor(period: u64, burst: u32) -> Drive {
    let layer = peer(period, burst);
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}

fn governor_with_fields() -> Drive {
    let config = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(Peer)
        .use_headers()
        .finish()
        .expect("neither number is zero");
    let service = ServiceBuilder::new()
        .layer(GovernorLayer::new(config))
        .service(handler());
    drive(service, request)
}
