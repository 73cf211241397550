//! The seven headers of the `classic` preset.

use http::header::{
    CONTENT_SECURITY_POLICY, InvalidHeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tower::ServiceBuilder;
use tower_helmet::{HelmetLayer, IntoHeader};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{BARE, Body, Case, Drive, Handler, drive, handler, request};

const SEVEN: [(HeaderName, &str); 7] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_XSS_PROTECTION, "1; mode=block"),
    (X_FRAME_OPTIONS, "DENY"),
    (CONTENT_SECURITY_POLICY, "default-src 'self'"),
    (REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "geolocation=(), camera=(), microphone=()",
    ),
    (
        STRICT_TRANSPORT_SECURITY,
        "max-age=31536000; includeSubDomains",
    ),
];

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "headers";
    const EMPTY: &str = "none set";
    const TWO: &str = "two set";
    vec![
        Case::new(LAYER, EMPTY, BARE, || bare(none())),
        Case::new(LAYER, EMPTY, "tower-helmet", || helmet(none())),
        Case::new(LAYER, EMPTY, "tower-http", || tower_http(none())),
        Case::new(LAYER, TWO, BARE, || bare(two())),
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

fn helmet(handler: Handler<Body>) -> Drive {
    struct Header(HeaderName, &'static str);

    impl IntoHeader for Header {
        fn header_name(&self) -> HeaderName {
            self.0.clone()
        }

        fn header_value(&self) -> Result<HeaderValue, InvalidHeaderValue> {
            Ok(HeaderValue::from_static(self.1))
        }
    }

    let mut layer = HelmetLayer::blank();
    for (name, value) in SEVEN {
        layer.enable(Header(name, value));
    }
    drive(ServiceBuilder::new().layer(layer).service(handler), request)
}

fn tower_http(handler: Handler<Body>) -> Drive {
    let [a, b, c, d, e, f, g] = SEVEN.map(|(name, value)| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    });
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
