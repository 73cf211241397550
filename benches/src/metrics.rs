//! Count, duration and number in flight, by method, route and status.

use std::sync::Once;

use axum_prometheus::metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use axum_prometheus::utils::SECONDS_DURATION_BUCKETS;
use axum_prometheus::{AXUM_HTTP_REQUESTS_DURATION_SECONDS, PrometheusMetricLayer};
use portcullis_observability_layers::metrics::Metrics;
use tower::ServiceBuilder;

use crate::{BARE, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "metrics";
    const SERIES: &str = "known series";
    vec![
        Case::new(LAYER, SERIES, BARE, || drive(handler(), request)),
        Case::new(LAYER, SERIES, OURS, ours),
        Case::new(LAYER, SERIES, "axum-prometheus", axum_prometheus),
    ]
}

fn ours() -> Drive {
    let layer = Metrics::new().layer().routes(["/users/42"]);
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}

/// Outside of axum's router, whose own costs are not the layer's, the peer takes the path for the
/// route.
fn axum_prometheus() -> Drive {
    let layer = peer();
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    )
}

/// As `PrometheusMetricLayer::pair`, but for its task, which needs a runtime.
pub(crate) fn peer() -> PrometheusMetricLayer<'static> {
    static RECORDER: Once = Once::new();
    RECORDER.call_once(|| {
        PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full(AXUM_HTTP_REQUESTS_DURATION_SECONDS.to_owned()),
                SECONDS_DURATION_BUCKETS,
            )
            .and_then(PrometheusBuilder::install_recorder)
            .expect("the process has no other recorder");
    });
    PrometheusMetricLayer::new()
}
