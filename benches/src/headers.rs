//! The seven headers of the `classic` preset.

use http::header::{InvalidHeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_security_layers::headers::SecurityHeadersLayer;
use tower::ServiceBuilder;
use tower_helmet::{HelmetLayer, IntoHeader};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{BARE, Body, Case, Drive, Handler, OURS, answer, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "headers";
    const EMPTY: &str = "none set";
    const TWO: &str = "two set";
    vec![
        Case::new(LAYER, EMPTY, BARE, || bare(none())),
        Case::new(LAYER, EMPTY, OURS, || ours(none())),
        Case::new(LAYER, EMPTY, "tower-helmet", || helmet(none())),
        Case::new(LAYER, EMPTY, "tower-http", || tower_http(none())),
        Case::new(LAYER, TWO, BARE, || bare(two())),
        Case::new(LAYER, TWO, OURS, || ours(two())),
        Case::new(LAYER, TWO, "tower-helmet", || helmet(two())),
        Case::new(LAYER, TWO, "tower-http", || tower_http(two())),
    ]
}

fn none() -> Handler<Body> {
    handler()
}

fn two() -> Handler<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Handler::new(headers)
}

fn bare(handler: Handler<Body>) -> Drive {
    drive(handler, request)
}

fn ours(handler: Handler<Body>) -> Drive {
    let layer = SecurityHeadersLayer::classic();
    drive(ServiceBuilder::new().layer(layer).service(handler), request)
}

/// What the preset sends, for the peers to send as well.
fn seven() -> [(HeaderName, HeaderValue); 7] {
    let layer = SecurityHeadersLayer::classic();
    let mut service = ServiceBuilder::new().layer(layer).service(none());
    let response = answer(&mut service, request());
    let headers = response.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    headers.try_into().expect("the preset has seven headers")
}

pub(crate) fn peer() -> HelmetLayer {
    struct Header(HeaderName, HeaderValue);

    impl IntoHeader for Header {
        fn header_name(&self) -> HeaderName {
            self.0.clone()
        }

        fn header_value(&self) -> Result<HeaderValue, InvalidHeaderValue> {
            Ok(self.1.clone())
        }
    }

    let mut layer = HelmetLayer::blank();
    for (name, value) in seven() {
        layer.enable(Header(name, value));
    }
    layer
}

fn helmet(handler: Handler<Body>) -> Drive {
    drive(
        ServiceBuilder::new().layer(peer()).service(handler),
        request,
    )
}

fn tower_http(handler: Handler<Body>) -> Drive {
    let [a, b, c, d, e, f, g] =
        seven().map(|(name, value)| SetResponseHeaderLayer::if_not_present(name, value));
    let layers = ServiceBuilder::new()
        .layer(a)
        .layer(b)
        .layer(c)
        .layer(d)
        .layer(e)
        .layer(f)
        .layer(g);
    drive(layers.service(handler), request)
}
