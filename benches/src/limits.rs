//! Body size, as far as it shows before the body is read.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use portcullis_security_layers::limits::BodyLimitLayer;
use tower::ServiceBuilder;
use tower_http::limit::RequestBodyLimitLayer;

use crate::{BARE, Body, Case, Drive, OURS, drive, handler};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "limits";
    const ACCEPTED: &str = "accepted";
    const PLAIN: &str = "refused, plain";
    const PROBLEM: &str = "refused, problem";
    vec![
        Case::new(LAYER, ACCEPTED, BARE, || drive(handler(), small)),
        Case::new(LAYER, ACCEPTED, OURS, || ours(small)),
        Case::new(LAYER, ACCEPTED, "tower-http", || tower_http(small)),
        Case::new(LAYER, PLAIN, BARE, || drive(handler(), large)),
        Case::new(LAYER, PLAIN, OURS, plain),
        Case::new(LAYER, PLAIN, "tower-http", || tower_http(large)),
        Case::new(LAYER, PROBLEM, BARE, || drive(handler(), large)),
        Case::new(LAYER, PROBLEM, OURS, || ours(large)),
    ]
}

/// The default of ours.
const MAX: usize = 10 * 1024 * 1024;

fn small() -> Request<Body> {
    post(HeaderValue::from_static("14"))
}

fn large() -> Request<Body> {
    post(HeaderValue::from_static("10485761"))
}

fn post(length: HeaderValue) -> Request<Body> {
    let mut request = crate::request();
    *request.method_mut() = http::Method::POST;
    *request.body_mut() = Full::new(Bytes::from_static(br#"{"name":"ada"}"#));
    request.headers_mut().insert(CONTENT_LENGTH, length);
    request
}

fn ours(request: fn() -> Request<Body>) -> Drive {
    let service = ServiceBuilder::new()
        .layer(BodyLimitLayer::default())
        .service(handler());
    drive(service, request)
}

fn plain() -> Drive {
    let layer = BodyLimitLayer::default().reject_with(|_, _| {
        let mut response = Response::new("length limit exceeded");
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        response
    });
    drive(ServiceBuilder::new().layer(layer).service(handler()), large)
}

fn tower_http(request: fn() -> Request<Body>) -> Drive {
    let service = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(MAX))
        .service(handler());
    drive(service, request)
}
