//! One allowed and one denied range. No peer has such a layer.

use portcullis_layer_core::origin::IpRanges;
use portcullis_security_layers::ip_filter::IpFilterLayer;
use tower::ServiceBuilder;

use crate::{BARE, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "ip_filter";
    const ACCEPTED: &str = "accepted";
    const REFUSED: &str = "refused";
    vec![
        Case::new(LAYER, ACCEPTED, BARE, || drive(handler(), request)),
        Case::new(LAYER, ACCEPTED, OURS, || ours("203.0.113.0/24")),
        Case::new(LAYER, REFUSED, BARE, || drive(handler(), request)),
        Case::new(LAYER, REFUSED, OURS, || ours("198.51.100.0/24")),
    ]
}

fn ours(allowed: &str) -> Drive {
    let ranges = |text: &str| -> IpRanges { text.parse().expect("the ranges are well-formed") };
    let layer = IpFilterLayer::new()
        .allow(ranges(allowed))
        .deny(ranges("203.0.113.128/25"));
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}
