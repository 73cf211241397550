//! Adds security headers to every response, and takes away those that tell which software answered.
//!
//! ```
//! use http::{Request, Response};
//! use portcullis_layer_core::origin::{ConnectionScheme, Scheme};
//! use portcullis_security_layers::headers::SecurityHeadersLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(SecurityHeadersLayer::classic())
//!     .service(service_fn(|_: Request<()>| async {
//!         Response::builder()
//!             .header("x-frame-options", "SAMEORIGIN")
//!             .header("server", "Example/1.0")
//!             .body(())
//!     }));
//!
//! let response = service.clone().oneshot(Request::new(())).await?;
//! assert_eq!(response.headers()["content-security-policy"], "default-src 'self'");
//! // What the handler says about itself stays, unless `force` is set; what it says about its software does not.
//! assert_eq!(response.headers()["x-frame-options"], "SAMEORIGIN");
//! assert!(!response.headers().contains_key("server"));
//! // Over plain http HSTS means nothing, and is not sent.
//! assert!(!response.headers().contains_key("strict-transport-security"));
//!
//! let request = Request::builder().extension(ConnectionScheme(Scheme::Https)).body(())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000; includeSubDomains");
//! # Ok::<_, http::Error>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which preset
//!
//! | for | preset |
//! |---|---|
//! | an API | [`strict`](SecurityHeadersLayer::strict) |
//! | pages | [`web`](SecurityHeadersLayer::web), with a nonce for each response |
//! | pages that use `SharedArrayBuffer` | [`isolated`](SecurityHeadersLayer::isolated) |
//! | whoever has to show the list that was followed | [`owasp`](SecurityHeadersLayer::owasp) |
//! | the seven headers that most guides name | [`classic`](SecurityHeadersLayer::classic) |
//! | a list of one's own | [`none`](SecurityHeadersLayer::none) and the setters |
//!
//! # Scripts with a nonce
//!
//! A policy with [`Source::NONCE`] gets 128 fresh random bits for each response. The handler finds them as the extension
//! [`CspNonce`] of its request and writes them into its page:
//!
//! ```
//! use http::{Request, Response};
//! use portcullis_security_layers::headers::{CspNonce, SecurityHeadersLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(SecurityHeadersLayer::web())
//!     .service(service_fn(|request: Request<()>| async move {
//!         let nonce = CspNonce::of(&request).map_or("", CspNonce::as_str);
//!         Ok::<_, http::Error>(Response::new(format!(r#"<script nonce="{nonce}">start()</script>"#)))
//!     }));
//!
//! let response = service.oneshot(Request::new(())).await?;
//! let policy = response.headers()["content-security-policy"].to_str().unwrap();
//! let nonce = response.body().split('"').nth(1).unwrap();
//! assert!(policy.contains(&format!("script-src 'nonce-{nonce}' 'strict-dynamic';")));
//! # Ok::<_, http::Error>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A policy that a handler writes itself is not touched, nor is a nonce added to it: it can use the same extension. For
//! a policy of its own, a route can also be wrapped in a second layer, which finds the nonce of the first and uses it
//! too. A `304 Not Modified` gets no policy with a nonce, because the page that the browser kept has another one.
//!
//! # What it does not do
//!
//! Headers ask a browser for help. They stop no request, and other clients ignore them. An error of the inner service
//! (`Err`, not a response with an error status) has no headers to add to. Cookies, CORS and `Clear-Site-Data` are the
//! handler's, the last with the help of [`ClearSiteData`].
//!
//! # What it costs
//!
//! All values are made when the layer is. A response costs the clone of a prepared header map (two allocations) with
//! what the handler set put over it; a nonce costs its header's value and its place in the extensions beside. The
//! workspace's benches measure it against the same service without the layer.
//!
//! # In a stack
//!
//! Outside of every layer that may answer in the handler's place (limits, authentication, redirects), so that
//! their refusals carry the headers too; inside of
//! [`OriginLayer`](portcullis_layer_core::origin::OriginLayer), whose scheme it reads.
//!
//! Behind a proxy that ends TLS the service sees plain http: name the proxy in an
//! [`origin`](SecurityHeadersLayer::origin), or HSTS is never sent. If the proxy adds some of these
//! headers itself, let only one of the two do it: a browser takes two `Content-Security-Policy` headers for two policies
//! to obey, and ignores an `X-Frame-Options` that says two things.

mod clear_site_data;
mod csp;
mod directive;
mod error;
mod future;
mod hsts;
mod layer;
mod leaks;
mod names;
mod nonce;
mod permissions;
mod policy;
mod presets;
mod reporting;
mod service;
mod source;
mod tokens;
mod values;

#[cfg(test)]
mod tests;

pub use self::clear_site_data::{ClearSiteData, SiteData};
pub use self::csp::Csp;
pub use self::directive::{Directive, SandboxAllow};
pub use self::error::InvalidHeader;
pub use self::future::ResponseFuture;
pub use self::hsts::Hsts;
pub use self::layer::SecurityHeadersLayer;
pub use self::nonce::CspNonce;
pub use self::permissions::{Allowlist, Feature, PermissionsPolicy};
pub use self::reporting::ReportingEndpoints;
pub use self::service::SecurityHeaders;
pub use self::source::Source;
pub use self::values::{
    EmbedderPolicy, FrameOptions, OpenerPolicy, ReferrerPolicy, ResourcePolicy,
};
