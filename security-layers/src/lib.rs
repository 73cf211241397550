//! Tower layers that refuse, redirect or harden, for any hyper, axum or tonic service.
//!
//! Each layer is a module behind a feature of its own, and works alone. All of them answer in the
//! language of their caller: an RFC 9457 problem for HTTP, a status for gRPC and grpc-web; and each
//! takes an answer of yours instead through its `reject_with`.
//!
//! # A stack
//!
#![cfg_attr(
    all(
        feature = "headers",
        feature = "host",
        feature = "limits",
        feature = "rate-limit"
    ),
    doc = "```"
)]
#![cfg_attr(
    not(all(
        feature = "headers",
        feature = "host",
        feature = "limits",
        feature = "rate-limit"
    )),
    doc = "```ignore"
)]
//! use http::{Request, Response, StatusCode, header::HOST};
//! use http_body_util::Full;
//! use portcullis_layer_core::origin::{OriginLayer, OriginPolicy, PeerAddr};
//! use portcullis_security_layers::headers::SecurityHeadersLayer;
//! use portcullis_security_layers::host::HostLayer;
//! use portcullis_security_layers::limits::BodyLimitLayer;
//! use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # type Body = Full<bytes::Bytes>;
//! let quota: Quota = "100/min,burst=1".parse()?;
//! let service = ServiceBuilder::new()
//!     .layer(OriginLayer::new(OriginPolicy::default()))
//!     .layer(SecurityHeadersLayer::strict())
//!     .layer(HostLayer::new("api.example.com".parse()?))
//!     .layer(RateLimitLayer::new(Rule::new(quota, Key::client_ip())))
//!     .layer(BodyLimitLayer::default())
//!     .service_fn(async |_| Ok::<_, std::convert::Infallible>(Response::new(Body::from("hello"))));
//!
//! let get = |host: &str| {
//!     // What the server knows of the connection; axum and tonic tell it by a feature of layer-core.
//!     let peer = PeerAddr(([192, 0, 2, 1], 40_000).into());
//!     Request::get("/").header(HOST, host).extension(peer).body(Body::default())
//! };
//! let accepted = service.clone().oneshot(get("api.example.com")?).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//! let elsewhere = service.clone().oneshot(get("evil.example")?).await?;
//! assert_eq!(elsewhere.status(), StatusCode::MISDIRECTED_REQUEST);
//! let too_many = service.oneshot(get("api.example.com")?).await?;
//! assert_eq!(too_many.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(too_many.headers()["x-content-type-options"], "nosniff");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # The order, and why
//!
//! From the outside in, as `ServiceBuilder` reads; a chain of axum's `.layer` calls reads the other way.
//!
//! 1. `portcullis_layer_core::origin`: all layers inside agree on who the client is and whom to believe.
//! 2. `headers`, outside of everything that can refuse: a refusal is an answer too, and needs its headers.
//! 3. `mask`, outside of everything that may tell a secret and inside of compression, into which it cannot see.
//! 4. Probes and metrics, before anything that could turn them away.
//! 5. `host`, then `https`: a redirect may only name a host that is known to be ours.
//! 6. `ip_filter`, then `rate_limit`: nobody spends a quota who is not let in.
//! 7. `auth`: whoever is refused here was cheap to refuse until now. What is limited by account stands inside of it.
//! 8. `limits`, next to the handler whose body they bound.
//!
//! # Features
//!
//! | feature | adds | brings in |
//! |---|---|---|
//! | `api-key` | `auth`: API keys as credentials | portcullis-auth-core with `api-key` |
//! | `auth` | `auth`: whom a request comes from, and what they may do | portcullis-auth-core |
//! | `bearer` | `auth`: signed access tokens as credentials | portcullis-auth-core with `jwt` and `revocation`, polyval, rand |
//! | `headers` | `headers`: presets, typed policies, a nonce per response | base64, rand |
//! | `host` | `host`: answers only for named hosts | nothing |
//! | `https` | `https`: redirects plain http or refuses it | nothing |
//! | `ip-filter` | `ip_filter`: lets clients in by address range | nothing |
//! | `limits` | `limits`: target, headers, content type, size and time of a body | tower-http |
//! | `mask` | `mask`: marks sensitive headers, masks secrets and JSON fields in responses | memchr, portcullis-secrets |
//! | `metrics` | the numbers of each layer as Prometheus collectors | prometheus-client |
//! | `rate-limit` | `rate_limit`: quotas, sliding windows, concurrency per key | ahash, governor, hashbrown |
//! | `token-endpoints` | `token_endpoints`: refresh, revocation, sessions, the key set | portcullis-auth-core with `refresh`, serde, time |
//! | `full` | all of these | all of these |
//!
//! None is on by default. A feature adds items; it never changes what others do.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "host", feature = "https"))]
pub mod allowed_hosts;
#[cfg(feature = "auth")]
pub mod auth;
#[cfg(feature = "headers")]
pub mod headers;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "https")]
pub mod https;
#[cfg(feature = "ip-filter")]
pub mod ip_filter;
#[cfg(feature = "limits")]
pub mod limits;
#[cfg(feature = "mask")]
pub mod mask;
#[cfg(any(
    feature = "auth",
    feature = "host",
    feature = "https",
    feature = "limits",
    feature = "rate-limit"
))]
pub mod paths;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
#[cfg(all(test, any(feature = "mask", feature = "rate-limit")))]
mod recorder;
#[cfg(any(
    feature = "auth",
    feature = "host",
    feature = "https",
    feature = "ip-filter",
    feature = "limits",
    feature = "rate-limit"
))]
pub mod refusals;
#[cfg(feature = "token-endpoints")]
pub mod token_endpoints;
