//! Refuses requests for hosts that the service does not have.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use portcullis_security_layers::host::HostLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(HostLayer::new("shop.example, *.shop.example".parse()?))
//!     .service(service_fn(async |_: Request<()>| {
//!         Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
//!     }));
//! let get = |host: &str| Request::get("/reset-password").header("host", host).body(());
//!
//! assert_eq!(service.clone().oneshot(get("Shop.Example:8443")?).await?.status(), StatusCode::OK);
//! assert_eq!(service.clone().oneshot(get("evil.example")?).await?.status(), StatusCode::MISDIRECTED_REQUEST);
//! assert_eq!(service.oneshot(get("shop.example, evil.example")?).await?.status(), StatusCode::BAD_REQUEST);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The host is what a client writes, not where its packets went. A service that builds links from it (to reset a
//! password), keys a cache with it or chooses a tenant by it does what a stranger says; and a page on a name that its
//! owner points at 127.0.0.1 can talk to a service there with the visitor's browser (DNS rebinding). A list of
//! [`AllowedHosts`](crate::allowed_hosts::AllowedHosts) ends all of these.
//!
//! # What is refused
//!
//! - With 400: a request that names no host, several, or something that is not `host` or `host:port`; and one whose
//!   `Host` header differs from the authority of its target (`:authority` in HTTP/2, the absolute form in HTTP/1.1),
//!   which RFC 9112, section 3.2 and RFC 9113, section 8.3.1 want to be the same. So a handler that reads either reads
//!   a host that is allowed. HTTP/1.0 requests need a `Host` header here, too.
//! - With 421 Misdirected Request (RFC 9110, section 15.5.20): a request for a host that is not in the list. A browser that
//!   reused a connection for another name then tries again on one of its own.
//!
//! # What it does not do
//!
//! It does not redirect to a canonical host, and it does not compare the host with the name in the TLS handshake.
//! Headers that this layer does not believe (`X-Forwarded-Host` from a stranger) are left in the request: a handler that reads
//! them by itself is not protected.
//!
//! # In a stack
//!
//! Outside of everything that uses the host: redirects, CSRF and CORS checks, caches, routers. A
//! [`Paths`](crate::paths::Paths) exemption lets probes pass that call the service by its address.
//!
//! Behind a proxy the client's host comes in one of two ways. A proxy that keeps the `Host` header needs nothing. For one
//! that replaces it and reports the original, name the proxy in an
//! [`OriginPolicy`](portcullis_layer_core::origin::OriginPolicy): then the reported host counts, and the `Host` header,
//! by which the proxy calls *this* service, does not.

mod layer;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use self::layer::HostLayer;
pub use self::policy::HostRefused;
pub use self::service::Host;
