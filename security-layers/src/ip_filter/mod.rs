//! Lets requests through by the address of their client.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use portcullis_layer_core::origin::PeerAddr;
//! use portcullis_security_layers::ip_filter::IpFilterLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let admin = ServiceBuilder::new()
//!     .layer(IpFilterLayer::new().allow("192.0.2.0/24".parse()?).deny("192.0.2.66".parse()?))
//!     .service(service_fn(async |_: Request<()>| {
//!         Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
//!     }));
//! let from = |peer: &str| -> Result<_, Box<dyn std::error::Error>> {
//!     Ok(Request::get("/admin").extension(PeerAddr(peer.parse()?)).body(())?)
//! };
//!
//! assert_eq!(admin.clone().oneshot(from("192.0.2.7:40000")?).await?.status(), StatusCode::OK);
//! assert_eq!(admin.clone().oneshot(from("192.0.2.66:40000")?).await?.status(), StatusCode::FORBIDDEN);
//! assert_eq!(admin.clone().oneshot(from("198.51.100.1:40000")?).await?.status(), StatusCode::FORBIDDEN);
//! // Nobody recorded where this one came from.
//! assert_eq!(admin.oneshot(Request::get("/admin").body(())?).await?.status(), StatusCode::FORBIDDEN);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A client is refused, with 403 (gRPC `PERMISSION_DENIED`), if
//! 1. its address is not known, unless [`allow_unknown`](IpFilterLayer::allow_unknown) is set;
//! 2. its address is denied;
//! 3. addresses are allowed, and its own is not among them.
//!
//! An address says which network a request came from, not who sent it. This layer keeps strangers away from endpoints that
//! are none of their business; it does not replace authentication, and it does not limit how often somebody knocks.
//!
//! # In a stack
//!
//! Around the routes that it guards (on axum: `route_layer`), inside the layers that log and count, outside of authentication:
//! who is not let in needs no password check. Each refusal is an `authz_fail` event of the target `portcullis::audit`.
//!
//! Without a setting the client is the peer, so behind a proxy *every* client has the proxy's address. Name the proxy in an
//! [`OriginPolicy`](portcullis_layer_core::origin::OriginPolicy). Its own address then stands for the clients that it does
//! not report (`Forwarded: for=unknown`, or no header at all): a proxy that may do so must not be in an allowed range, or
//! belongs into [`deny`](IpFilterLayer::deny).

mod layer;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use self::layer::IpFilterLayer;
pub use self::policy::IpRefused;
pub use self::service::IpFilter;
