//! Over https a look at the scheme, over http a redirect. No peer has such a layer.

use http::Request;
use portcullis_layer_core::origin::ConnectionScheme;
use portcullis_security_layers::https::{HttpsLayer, Redirect};
use tower::ServiceBuilder;

use crate::{BARE, Body, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "https";
    const ACCEPTED: &str = "accepted";
    const REDIRECTED: &str = "refused, redirect";
    vec![
        Case::new(LAYER, ACCEPTED, BARE, || drive(handler(), request)),
        Case::new(LAYER, ACCEPTED, OURS, || ours(request)),
        Case::new(LAYER, REDIRECTED, BARE, || drive(handler(), plain)),
        Case::new(LAYER, REDIRECTED, OURS, || ours(plain)),
    ]
}

fn plain() -> Request<Body> {
    let mut request = request();
    request.extensions_mut().remove::<ConnectionScheme>();
    request
}

fn ours(request: fn() -> Request<Body>) -> Drive {
    let hosts = "www.example.com, api.example.com".parse();
    let redirect = Redirect::to_same_host(hosts.expect("the list is well-formed"));
    let layer = HttpsLayer::redirect(redirect);
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}
