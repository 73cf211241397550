//! One quota by client address.

use std::net::IpAddr;

use http::{HeaderMap, Request};
use portcullis_layer_core::origin::PeerAddr;
use tower::ServiceBuilder;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

use crate::{BARE, Case, Drive, Handler, drive, request};

/// The peer's refusals are made for this body.
type Body = axum::body::Body;

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "rate_limit";
    const ALLOWED: &str = "allowed";
    const REFUSED: &str = "refused, plain";
    vec![
        Case::new(LAYER, ALLOWED, BARE, bare),
        Case::new(LAYER, ALLOWED, "tower_governor", || governor(1, u32::MAX)),
        Case::new(LAYER, REFUSED, BARE, bare),
        Case::new(LAYER, REFUSED, "tower_governor", || governor(HOUR, 1)),
    ]
}

/// In nanoseconds: the time until the one request that a quota allows is allowed again.
const HOUR: u64 = 3_600_000_000_000;

fn handler() -> Handler<Body> {
    Handler::new(HeaderMap::new())
}

fn bare() -> Drive {
    drive(handler(), request)
}

fn governor(period: u64, burst: u32) -> Drive {
    #[derive(Clone)]
    struct Peer;

    impl KeyExtractor for Peer {
        type Key = IpAddr;

        fn extract<B>(&self, request: &Request<B>) -> Result<IpAddr, GovernorError> {
            let peer = request.extensions().get::<PeerAddr>();
            peer.map(|peer| peer.0.ip())
                .ok_or(GovernorError::UnableToExtractKey)
        }
    }

    let config = GovernorConfigBuilder::default()
        .per_nanosecond(period)
        .burst_size(burst)
        .key_extractor(Peer)
        .finish()
        .expect("neither number is zero");
    let service = ServiceBuilder::new()
        .layer(GovernorLayer::new(config))
        .service(handler());
    drive(service, request)
}
