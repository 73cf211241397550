//! A list of two hosts. No peer has such a layer.

use http::{Request, Uri};
use portcullis_security_layers::host::HostLayer;
use tower::ServiceBuilder;

use crate::{BARE, Body, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "host";
    const ACCEPTED: &str = "accepted";
    const REFUSED: &str = "refused";
    vec![
        Case::new(LAYER, ACCEPTED, BARE, || drive(handler(), request)),
        Case::new(LAYER, ACCEPTED, OURS, || ours(request)),
        Case::new(LAYER, REFUSED, BARE, || drive(handler(), elsewhere)),
        Case::new(LAYER, REFUSED, OURS, || ours(elsewhere)),
    ]
}

fn elsewhere() -> Request<Body> {
    let mut request = request();
    *request.uri_mut() = Uri::from_static("https://evil.example.net/users/42");
    request
}

fn ours(request: fn() -> Request<Body>) -> Drive {
    let hosts = "www.example.com, api.example.com".parse();
    let layer = HostLayer::new(hosts.expect("the list is well-formed"));
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}
