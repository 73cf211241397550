//! Count, duration and number in flight, by method, route and status, on axum for the route's sake.

use axum::Router;
use axum::routing::get;
use axum_prometheus::metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use axum_prometheus::utils::SECONDS_DURATION_BUCKETS;
use axum_prometheus::{AXUM_HTTP_REQUESTS_DURATION_SECONDS, PrometheusMetricLayer};

use crate::{BARE, Case, Drive, drive};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "metrics";
    const SERIES: &str = "known series";
    vec![
        Case::new(LAYER, SERIES, BARE, || drive(router(), request)),
        Case::new(LAYER, SERIES, "axum-prometheus", axum_prometheus),
    ]
}

pub(crate) fn router() -> Router {
    Router::new().route("/users/{id}", get(|| async { "ok" }))
}

pub(crate) fn request() -> http::Request<axum::body::Body> {
    crate::request().map(axum::body::Body::new)
}

fn axum_prometheus() -> Drive {
    // As `PrometheusMetricLayer::pair` does, but for its task, which needs a runtime.
    PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full(AXUM_HTTP_REQUESTS_DURATION_SECONDS.to_owned()),
            SECONDS_DURATION_BUCKETS,
        )
        .and_then(PrometheusBuilder::install_recorder)
        .expect("each process builds this stack once");
    drive(router().layer(PrometheusMetricLayer::new()), request)
}
