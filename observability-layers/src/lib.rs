//! Tower layers that watch a service and answer for its health, for any hyper, axum or tonic service.
//!
//! Each layer is a module behind a feature of its own, and works alone.
//!
//! # A stack
//!
#![cfg_attr(
    all(
        feature = "health",
        feature = "metrics",
        feature = "panic",
        feature = "request-id"
    ),
    doc = "```"
)]
#![cfg_attr(
    not(all(
        feature = "health",
        feature = "metrics",
        feature = "panic",
        feature = "request-id"
    )),
    doc = "```ignore"
)]
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use portcullis_layer_core::endpoint::EndpointLayer;
//! use portcullis_observability_layers::health::Health;
//! use portcullis_observability_layers::metrics::Metrics;
//! use portcullis_observability_layers::panic::CatchPanicLayer;
//! use portcullis_observability_layers::request_id::RequestIdLayer;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! # type Body = Full<bytes::Bytes>;
//! let metrics = Metrics::new();
//! let (health, _guard) = Health::start([])?;
//! let service = ServiceBuilder::new()
//!     .layer(RequestIdLayer::new())
//!     .layer(metrics.layer())
//!     .layer(CatchPanicLayer::new())
//!     .layer(health.layer())
//!     .layer(EndpointLayer::new(metrics.endpoint()))
//!     .service_fn(async |request: Request<Body>| {
//!         assert_ne!(request.uri().path(), "/bug", "a handler's bug");
//!         Ok::<_, std::convert::Infallible>(Response::new(Body::from("hello")))
//!     });
//! let get = |path: &str| service.clone().oneshot(Request::get(path).body(Body::default()).unwrap());
//!
//! let answer = get("/").await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! assert!(answer.headers().contains_key("x-request-id"));
//! drop(answer.into_body().collect().await?);
//! assert_eq!(get("/ready").await?.status(), StatusCode::OK);
//! # let hook = std::panic::take_hook();
//! # std::panic::set_hook(Box::new(|_| {}));
//! assert_eq!(get("/bug").await?.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # std::panic::set_hook(hook);
//!
//! let scrape = get("/metrics").await?.into_body().collect().await?.to_bytes();
//! assert!(String::from_utf8_lossy(&scrape).contains("http_requests_total"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # The order, and why
//!
//! From the outside in, as `ServiceBuilder` reads; a chain of axum's `.layer` calls reads the other way.
//!
//! 1. `portcullis_layer_core::origin`, so that all layers agree on who the client is.
//! 2. `request_id`: every answer carries one, refusals too, and so does every log line.
//! 3. `observe`, with metrics and access log as its sinks: it sees each request once, refused or not, and
//!    its body to the end.
//! 4. Security headers, then `panic`: a panic is an answer by the time it gets its headers and is counted.
//! 5. The endpoints of `health` and `metrics`, before any layer that could turn a probe away; then the
//!    layers that refuse, then the handler.
//!
//! `shutdown` and `admin` stand beside the stack: one ends the server, the other is a service for a listener of
//! its own.
//!
//! # Features
//!
//! | feature | adds | brings in |
//! |---|---|---|
//! | `access-log` | `access_log`: one JSON line per request; turns `observe` on | nothing |
//! | `admin` | `admin`: health detail, metrics and switches for a second listener; turns `health` on | nothing |
//! | `axum` | route templates from axum's `MatchedPath` | axum |
//! | `health` | `health`: cached checks behind liveness, readiness and startup | tokio |
//! | `metrics` | `metrics`: Prometheus and OpenMetrics, capped; turns `observe` on | ahash, prometheus-client, rustix |
//! | `observe` | `observe`: one record of each request, for any sink | nothing |
//! | `panic` | `panic`: an answer instead of a broken connection | nothing |
//! | `redact` | `access_log` without secrets; turns `access-log` on | portcullis-secrets with `redact` |
//! | `request-id` | `request_id`: one identity per request | rand, uuid |
//! | `shutdown` | `shutdown`: an orderly end, and a server that knows it | tokio, hyper, hyper-util |
//! | `full` | all of these | all of these |
//!
//! None is on by default. A feature adds items; it never changes what others do.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "access-log")]
pub mod access_log;
#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "observe")]
pub mod observe;
#[cfg(feature = "panic")]
pub mod panic;
#[cfg(feature = "request-id")]
pub mod request_id;
#[cfg(feature = "shutdown")]
pub mod shutdown;

#[cfg(any(feature = "health", feature = "metrics"))]
mod path;
#[cfg(any(feature = "health", feature = "panic"))]
mod unwind;
