//! Refuses requests over a limit, counted per client address or any other key.
//!
//! ```
//! use std::convert::Infallible;
//! use http::{Request, Response, StatusCode};
//! use portcullis_layer_core::origin::PeerAddr;
//! use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # async fn handler(_: Request<String>) -> Result<Response<String>, Infallible> { Ok(Response::default()) }
//! # let get = |ip: [u8; 4]| {
//! #     let mut request = Request::new(String::new());
//! #     request.extensions_mut().insert(PeerAddr((ip, 40_000).into()));
//! #     request
//! # };
//! let quota: Quota = "100/min,burst=2".parse()?;
//! let mut service = ServiceBuilder::new()
//!     .layer(RateLimitLayer::new(Rule::new(quota, Key::client_ip())))
//!     .service_fn(handler);
//!
//! for remaining in [1, 0] {
//!     let response = service.ready().await?.call(get([192, 0, 2, 1])).await?;
//!     assert_eq!(response.status(), StatusCode::OK);
//!     assert_eq!(response.headers()["ratelimit-policy"], r#""default";q=100;w=60;qu="requests""#);
//!     assert_eq!(response.headers()["ratelimit"], format!(r#""default";r={remaining};t=1"#));
//! }
//! let response = service.ready().await?.call(get([192, 0, 2, 1])).await?;
//! assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(response.headers()["retry-after"], "1");
//!
//! let response = service.ready().await?.call(get([192, 0, 2, 2])).await?;
//! assert_eq!(response.status(), StatusCode::OK, "another client has a bucket of its own");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! A [`Rule`] is a limit ([`Quota`] or [`SlidingWindow`]) and a [`Key`]. A [`RateLimiter`] enforces up
//! to eight of them: all are asked before any is charged, in one step, so a request that one rule
//! refuses costs nothing with the others. Exactly as many requests pass as there are units, however
//! many threads ask. A rule can charge more than one unit ([`cost_with`](Rule::cost_with)), or only
//! watch ([`shadow`](Rule::shadow)). What a request without the key gets is [`MissingKey`].
//!
//! [`ConcurrencyLimitLayer`] is for requests that are under way at the same moment.
//!
//! # What the client is told
//!
//! The fields of draft-ietf-httpapi-ratelimit-headers-10, on accepted and refused responses, unless the
//! handler has set them itself or they are [switched off](RateLimitLayer::rate_limit_fields).
//! - `RateLimit-Policy: "name";q=100;w=60;qu="requests"`: the rate, as it was set. A burst above the
//!   rate is told as itself and the seconds in which it fills.
//! - `RateLimit: "name";r=19;t=1`: `r` requests of one unit would pass at this moment; in `t` seconds,
//!   rounded up, there will be one more (0: the bucket is full).
//! - `Retry-After` on refusals: the seconds, rounded up and at least one, after which the same request
//!   passes if nothing else is spent meanwhile. It is never less than a `t` in the same response: there,
//!   rules that do not refuse tell no `t`.
//!
//! A refusal is `429` with the problem type `quota-exceeded` of the draft and the member
//! `violated-policies`, and for gRPC callers `RESOURCE_EXHAUSTED`.
//!
//! # Bounds
//!
//! Each rule remembers a fixed number of keys ([`capacity`](Rule::capacity)) in memory that is taken at
//! the start; a limiter with the defaults takes 2 MiB. A
//! [`SlidingWindow`] takes 16 bytes more for each request of the period, at most 1,024 per key: choose its
//! capacity by what `capacity` × `n` × 16 bytes may be. A key whose bucket is full again gives way to a
//! new one, without a sweep: no request does more than look at 32 neighbouring slots. When all of these
//! are busy, the one nearest to idle that is not limited is forgotten (`evicted`); when all of them
//! are *limited*, the new key shares a bucket with others in its place (`overflowed`). So a flood of
//! made-up keys neither grows the memory nor frees anybody who is limited; new clients may then be
//! refused together with the flood. Both numbers are in [`RateLimiter::stats`] and mean: take a larger
//! capacity.
//!
//! # What it does not do
//!
//! Limits are counted in this process: two instances allow twice as much. State is lost at a restart.
//! It does not slow requests down or queue them, and does not see bytes: for bodies see the `limits`
//! module.
//!
//! # In a stack
//!
//! Inside the request id and whatever observes refusals, outside of everything that is expensive:
//! authentication, body parsing. A rule by user goes inside authentication, in a second layer. Probes are
//! [exempted](RateLimitLayer::exempt) or routed past.
//!
//! Behind a proxy the peer is the proxy, and all clients share one bucket until it is named: see
//! [`origin`](RateLimitLayer::origin) and [`OriginPolicy`](portcullis_layer_core::origin::OriginPolicy).
//! The reverse mistake is worse: believing a forwarded header that the client can write lets it choose
//! its bucket. When no request at all has a peer address, a `layer_misconfigured` event says so, once.
//!
//! # Events
//!
//! Under the `tracing` target `portcullis::audit`: `excess_rate_limit_exceeded`, with the policy as
//! `reason`, `outcome` (`blocked`, or `observed` in shadow), the hash of the bucket, the client's address
//! and the request id, at most once per bucket and minute, and about 1,000 times per minute in all;
//! and `layer_misconfigured`.

mod audit;
mod callback;
mod concurrency;
mod error;
mod fields;
mod future;
mod gcra;
mod key;
mod layer;
mod limiter;
#[cfg(feature = "metrics")]
mod metrics;
mod policy;
mod quota;
mod scope;
mod service;
mod settle;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod text;
mod window;

pub use self::concurrency::{
    ConcurrencyLimit, ConcurrencyLimitLayer, ConcurrencyStats, PermitBody, PermitFuture,
    TooManyInFlight,
};
pub use self::error::{InvalidName, InvalidQuota, InvalidRules, RateLimited, RateLimitedKind};
pub use self::future::ResponseFuture;
pub use self::key::{Key, MissingKey};
pub use self::layer::RateLimitLayer;
pub use self::limiter::RateLimiter;
#[cfg(feature = "metrics")]
pub use self::metrics::RateLimitCollector;
pub use self::policy::{PolicyName, Rule};
pub use self::quota::{Limit, Quota, SlidingWindow};
pub use self::service::RateLimit;
pub use self::stats::{RateLimiterStats, RuleStats};
