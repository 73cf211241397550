//! A fresh id for each request, which the answer carries too.

use portcullis_observability_layers::request_id::RequestIdLayer;
use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::{BARE, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "request_id";
    const FRESH: &str = "fresh id";
    vec![
        Case::new(LAYER, FRESH, BARE, || drive(handler(), request)),
        Case::new(LAYER, FRESH, OURS, ours),
        Case::new(LAYER, FRESH, "tower-http", tower_http),
    ]
}

fn ours() -> Drive {
    let service = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .service(handler());
    drive(service, request)
}

fn tower_http() -> Drive {
    let service = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .service(handler());
    drive(service, request)
}
