//! All at once on axum: request id, JSON log, metrics, seven headers and a rate limit, on each side
//! in one `ServiceBuilder`; and the same with signed tokens, which the handler is given the claims of.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use portcullis_auth_core::jwt::Algorithm;
use portcullis_observability_layers::metrics::Metrics;
use portcullis_observability_layers::observe::ObserveLayer;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_security_layers::headers::SecurityHeadersLayer;
use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::auth::{self, TOKENS, Tokens};
use crate::{BARE, Case, Drive, OURS, access_log, drive, headers, metrics, rate_limit};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "stack";
    const ACCEPTED: &str = "accepted";
    const FIRST: &str = "accepted, HS256 at first sight";
    const SEEN: &str = "accepted, HS256 seen before";
    const PEERS: &str = "the peers together";
    vec![
        Case::new(LAYER, ACCEPTED, BARE, || drive(router(), request)),
        Case::new(LAYER, ACCEPTED, OURS, ours),
        Case::new(LAYER, ACCEPTED, PEERS, peers),
        Case::new(LAYER, FIRST, BARE, || bare_with(tokens(TOKENS))),
        Case::new(LAYER, FIRST, OURS, || ours_with(tokens(TOKENS))),
        Case::new(LAYER, FIRST, PEERS, || peers_with(tokens(TOKENS))),
        Case::new(LAYER, SEEN, BARE, || bare_with(tokens(1))),
        Case::new(LAYER, SEEN, OURS, || ours_with(tokens(1))),
    ]
}

fn tokens(count: usize) -> Tokens {
    Tokens::new(Algorithm::Hs256, count)
}

fn router() -> Router {
    Router::new().route("/users/{id}", get(async || "ok"))
}

fn request() -> Request<Body> {
    crate::request().map(Body::new)
}

/// The layers of each side, from the outermost to the limit.
macro_rules! ours {
    ($log:expr) => {
        ServiceBuilder::new()
            .layer(RequestIdLayer::new())
            .layer(
                ObserveLayer::new()
                    .sink(Metrics::new().http())
                    .sink($log.clone()),
            )
            .layer(SecurityHeadersLayer::classic())
            .layer(rate_limit::layer(rate_limit::WIDE).rate_limit_fields(false))
    };
}

macro_rules! peers {
    () => {
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(access_log::peer())
            .layer(metrics::peer())
            .layer(headers::peer())
            .layer(rate_limit::peer(1, u32::MAX))
    };
}

fn ours() -> Drive {
    let (log, writer) = access_log::log();
    let gate = ours!(log);
    access_log::written(drive(router().layer(gate), request), log, writer)
}

fn peers() -> Drive {
    access_log::subscribed(drive(router().layer(peers!()), request))
}

fn bare_with(tokens: Tokens) -> Drive {
    let requests = tokens.requests();
    auth::warm(drive(router(), move || requests().map(Body::new)))
}

fn ours_with(tokens: Tokens) -> Drive {
    let (log, writer) = access_log::log();
    let gate = ours!(log).layer(tokens.layer());
    let requests = tokens.requests();
    let drive = drive(router().layer(gate), move || requests().map(Body::new));
    auth::warm(access_log::written(drive, log, writer))
}

fn peers_with(tokens: Tokens) -> Drive {
    let gate = peers!().layer(tokens.resource_server().into_layer());
    let requests = tokens.requests();
    let drive = drive(router().layer(gate), move || requests().map(Body::new));
    access_log::subscribed(drive)
}
