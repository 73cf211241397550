//! Counts and times requests by method, route and status, and exposes that to Prometheus.
//!
//! ```
//! # use http::{Request, Response, StatusCode};
//! # use http_body_util::{BodyExt as _, Full};
//! # use portcullis_layer_core::endpoint::{EndpointLayer, EndpointService};
//! # use portcullis_observability_layers::metrics::Metrics;
//! # use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let handler = async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(Full::from("hello")));
//! # let get = |path: &str| Request::get(path).body(());
//! let metrics = Metrics::new();
//! metrics.build_info([("version", env!("CARGO_PKG_VERSION"))])?;
//! let service = ServiceBuilder::new()
//!     .layer(EndpointLayer::new(metrics.endpoint()))
//!     .layer(metrics.layer().routes(["/"]))
//!     .service(service_fn(handler));
//!
//! for path in ["/", "/wp-login.php", "/.env"] {
//!     service.clone().oneshot(get(path)?).await?.into_body().collect().await?;
//! }
//! let response = service.oneshot(get("/metrics")?).await?;
//! let text = response.into_body().collect().await?.to_bytes();
//! let text = str::from_utf8(&text)?;
//! assert!(text.contains(r#"http_requests_total{method="GET",route="/",status="200"} 1"#));
//! // What a scanner makes up is one series, not one for each path.
//! assert!(text.contains(r#"http_requests_total{method="GET",route="_unmatched",status="200"} 2"#));
//!
//! // On a listener of its own, the endpoint answers nothing else.
//! let admin = EndpointService::new(metrics.endpoint());
//! assert_eq!(admin.oneshot(get("/")?).await?.status(), StatusCode::NOT_FOUND);
//! # Ok(())
//! # }
//! ```
//!
//! # What is exposed
//!
//! | Name | |
//! |---|---|
//! | `http_requests_total` | counter of requests that are over |
//! | `http_request_duration_seconds` | histogram, to the end of the response's body |
//! | `http_request_size_bytes` | histogram, of the requests that announced a length |
//! | `http_response_size_bytes` | histogram of what was sent |
//! | `http_requests_in_flight` | gauge, no labels; back to zero also when clients go away |
//! | `http_requests_unfinished_total` | counter, label `outcome`: `failed`, `cancelled`, `timed_out`, `panicked` |
//! | `http_metrics_overflow_total` | counter of requests that found no series |
//! | `process_*` | processor time, memory, file descriptors, start time (Linux) |
//! | `build_info` | what you say of the build |
//!
//! The first four have the labels
//! - `method`: one of the nine of RFC 9110 and RFC 5789, else `_OTHER`;
//! - `route`: the template, `_unmatched` where there is none, see [`observe`](crate::observe#routes);
//! - `status`: the status, or the outcome of a request that got none (`cancelled`, `failed`, `panicked`);
//! - `grpc_status`, on gRPC calls only: the number, `0` for success.
//!
//! A sampled [`TraceContext`](crate::observe::TraceContext) becomes an exemplar of its bucket, in
//! OpenMetrics only.
//!
//! # Bounds
//!
//! No label takes a value from the request, but a closure that names routes could. So the number of
//! series is capped ([`HttpMetrics::with_max_series`]); what comes after counts under the route `_other`, with
//! method and status kept as long as there are not too many of these, and in
//! `http_metrics_overflow_total`: alert on it. Series are never removed.
//!
//! # In a stack
//!
//! The layer is an [`ObserveLayer`]: what its page says of its place goes
//! for this one. The endpoint is not for the public: it tells which routes there are and how much they are used.
//! Put it on an admin listener, or let a proxy keep its path to itself.

mod classic;
mod collector;
mod endpoint;
mod exemplar;
mod format;
mod histogram;

mod process;
mod registry;
mod series;
mod sink;
mod stripes;
#[cfg(test)]
mod tests;
mod text;

use portcullis_layer_core::clock::SystemClock;

pub use self::endpoint::MetricsEndpoint;
pub use self::format::Format;
pub use self::process::ProcessMetrics;
pub use self::registry::{BuildInfoError, Metrics};
pub use self::sink::HttpMetrics;
use crate::observe::ObserveLayer;
pub use crate::path::InvalidPath;

/// Counts requests. Made by [`Metrics::layer`]; all its settings are those of [`ObserveLayer`].
pub type MetricsLayer<C = SystemClock> = ObserveLayer<((), HttpMetrics), C>;
