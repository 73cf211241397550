//! A fresh id for each request, which the answer carries too.

use tower::ServiceBuilder;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::{BARE, Case, Drive, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "request_id";
    const FRESH: &str = "fresh id";
    vec![
        Case::new(LAYER, FRESH, BARE, || drive(handler(), request)),
        Case::new(LAYER, FRESH, "tower-http", tower_http),
    ]
}

fn tower_http() -> Drive {
    let service = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .service(handler());
    drive(service, request)
}
