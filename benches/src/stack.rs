//! All at once on axum: request id, JSON log, metrics, seven headers and a rate limit, on each side
//! in one `ServiceBuilder`.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use portcullis_observability_layers::metrics::Metrics;
use portcullis_observability_layers::observe::ObserveLayer;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_security_layers::headers::SecurityHeadersLayer;
use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::{BARE, Case, Drive, OURS, access_log, drive, headers, metrics, rate_limit};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "stack";
    const ACCEPTED: &str = "accepted";
    vec![
        Case::new(LAYER, ACCEPTED, BARE, || drive(router(), request)),
        Case::new(LAYER, ACCEPTED, OURS, ours),
        Case::new(LAYER, ACCEPTED, "the peers together", peers),
    ]
}

fn router() -> Router {
    Router::new().route("/users/{id}", get(async || "ok"))
}

fn request() -> Request<Body> {
    crate::request().map(Body::new)
}

fn ours() -> Drive {
    let (log, writer) = access_log::log();
    let gate = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(
            ObserveLayer::new()
                .sink(Metrics::new().http())
                .sink(log.clone()),
        )
        .layer(SecurityHeadersLayer::classic())
        .layer(rate_limit::layer(rate_limit::WIDE).rate_limit_fields(false));
    access_log::written(drive(router().layer(gate), request), log, writer)
}

fn peers() -> Drive {
    let gate = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(access_log::peer())
        .layer(metrics::peer())
        .layer(headers::peer())
        .layer(rate_limit::peer(1, u32::MAX));
    access_log::subscribed(drive(router().layer(gate), request))
}
