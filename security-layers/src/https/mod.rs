//! Lets nothing but https through: redirects plain http, or refuses it.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, header::LOCATION};
//! use http_body_util::Empty;
//! use portcullis_layer_core::origin::{ConnectionScheme, Scheme};
//! use portcullis_security_layers::https::{HttpsLayer, Redirect};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let pages = Redirect::to_same_host("shop.example, *.shop.example".parse()?);
//! let service = ServiceBuilder::new()
//!     .layer(HttpsLayer::redirect(pages))
//!     .service(service_fn(async |_: Request<Empty<Bytes>>| {
//!         Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
//!     }));
//! let get = |uri: &str| Request::get(uri).body(Empty::<Bytes>::new());
//!
//! let mut encrypted = get("https://shop.example/cart?id=7")?;
//! // Put in by whoever accepts TLS connections.
//! encrypted.extensions_mut().insert(ConnectionScheme(Scheme::Https));
//! assert_eq!(service.clone().oneshot(encrypted).await?.status(), StatusCode::OK);
//!
//! let plain = service.clone().oneshot(get("http://eu.shop.example:8080/cart?id=7")?).await?;
//! assert_eq!(plain.status(), StatusCode::PERMANENT_REDIRECT);
//! assert_eq!(plain.headers()[LOCATION], "https://eu.shop.example/cart?id=7");
//!
//! let astray = service.oneshot(get("http://evil.example/cart?id=7")?).await?;
//! assert_eq!(astray.status(), StatusCode::MISDIRECTED_REQUEST);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Redirect or refuse
//!
//! A browser is redirected ([`HttpsLayer::redirect`]). An API refuses ([`HttpsLayer::refuse`], 403): its client has
//! already sent its token and data in the clear, and a redirect would hide that from whoever wrote the client (OWASP
//! ASVS 5.0, 4.1.2). A gRPC caller is refused in either mode, because gRPC follows no redirects, and so is a request
//! with nothing to redirect to: `CONNECT`, and `OPTIONS *`.
//!
//! A redirect keeps path and query. It names the https port only if that is not 443, and never the port that
//! the request came to. Characters that no URI may have are percent-encoded, all others stay as they
//! were sent. The host is a fixed one ([`Redirect::to_host`]) or the one that was asked for, if it is on a list
//! ([`Redirect::to_same_host`]): there is no redirect to a host that nobody named at build time. A request without a
//! usable host is answered 400 and one for an unknown host 421.
//!
//! Probes, metrics and ACME challenges are answered over plain http too: [`HttpsLayer::exempt`] lists the paths.
//!
//! # What this layer does not do
//!
//! It does not send `Strict-Transport-Security`, without which a browser's next visit begins in the clear again: the
//! module `headers` does, on https only. It does not redirect one https host to another, and does not speak TLS.
//!
//! # In a stack
//!
//! Inside whatever counts and logs requests, outside everything that reads credentials or content.
//!
//! The scheme is the connection's ([`ConnectionScheme`]) unless a trusted proxy reports
//! another. Behind a proxy that ends TLS, every request is plain http to this layer until that
//! proxy is named: through an [`OriginLayer`](portcullis_layer_core::origin::OriginLayer) further out, or by
//! [`HttpsLayer::origin`]. Without it the redirect never ends. The same header from anybody else is not believed.
//!
//! [`ConnectionScheme`]: portcullis_layer_core::origin::ConnectionScheme

mod error;
mod layer;
mod location;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use self::error::HttpsRequired;
pub use self::layer::HttpsLayer;
pub use self::location::{CanonicalHost, InvalidCanonicalHost, Redirect, RedirectStatus};
pub use self::service::Https;
