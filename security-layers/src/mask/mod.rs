//! Marks sensitive headers, and masks known secrets and chosen JSON fields in the bodies of responses.
//!
//! ```
//! use std::time::Instant;
//! use http::{Request, Response};
//! use http::header::{AUTHORIZATION, CONTENT_TYPE};
//! use http_body_util::{BodyExt, Full};
//! use portcullis_secrets::redact::KnownSecrets;
//! use portcullis_security_layers::mask::{JsonFields, MaskLayer};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # type Body = Full<bytes::Bytes>;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let known = KnownSecrets::new();
//! known.insert("database", b"vK8#qd/Lm2x7Zp", Instant::now())?;
//! let layer = MaskLayer::new()
//!     .known_secrets(known)
//!     .fields(JsonFields::new(["password", "card.number"])?);
//!
//! let service = ServiceBuilder::new().layer(layer).service_fn(async |request: Request<Body>| {
//!     // Nobody inside prints it, and HTTP/2 does not keep it in its tables.
//!     assert!(request.headers()[AUTHORIZATION].is_sensitive());
//!     let body = match request.uri().path() {
//!         "/card" => r#"{"card":{"number":4111111111111111,"month":"12/26"}}"#,
//!         "/error" => r#"{"error":"cannot log in as app:vK8#qd/Lm2x7Zp"}"#,
//!         _ => r#"{"name":"Ada"}"#,
//!     };
//!     Response::builder().header(CONTENT_TYPE, "application/json").body(Body::from(body))
//! });
//!
//! for (path, sent) in [
//!     ("/", r#"{"name":"Ada"}"#),
//!     ("/card", r#"{"card":{"number":"[REDACTED]","month":"12/26"}}"#),
//!     ("/error", r#"{"error":"cannot log in as app:[REDACTED]"}"#),
//! ] {
//!     let request = Request::get(path).header(AUTHORIZATION, "Bearer abc").body(Body::default())?;
//!     let response = service.clone().oneshot(request).await?;
//!     assert_eq!(response.into_body().collect().await?.to_bytes(), sent);
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Headers
//!
//! All values of these, of requests and responses, are marked by `HeaderValue::set_sensitive`: their
//! `Debug` says `Sensitive`, and HPACK sends them without putting them into a table (RFC 7541, 7.1).
//! `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie`, `X-API-Key`, `API-Key`, `ApiKey`,
//! `X-Auth-Token`, `X-Access-Token`, `X-Refresh-Token`, `X-Session-Token`, `X-CSRF-Token`, `X-XSRF-Token`,
//! `X-Forwarded-Access-Token`, `X-Amz-Security-Token`, `X-Amzn-Oidc-Accesstoken`, `X-Amzn-Oidc-Data`,
//! `X-Goog-IAP-JWT-Assertion`, `Cf-Access-Jwt-Assertion`, `X-Vault-Token`, and
//! [those that you name](MaskLayer::sensitive_headers).
//!
//! # Bodies
//!
//! - **Known secrets** are replaced by `[REDACTED]` wherever they stand in a body of a
//!   [media type](MaskLayer::media_types) that is text, also in Base64, percent-encoded or as a part of a JSON
//!   string. In JSON, a number that contains one becomes a string, and no escape sequence is torn apart.
//! - **Fields** are found in JSON (`application/json`, everything that ends with `+json`, and JSON in lines or
//!   sequences). Their values become the string `"[REDACTED]"`, whatever they were and however large.
//!
//! What was valid JSON stays so. A body is passed on as it comes, in the very chunks that it came in as long as
//! there is nothing to mask. Only the end of a chunk waits for the next one if a secret may have begun there, so that
//! no more is held back than the longest form of a secret has, and the number or escape sequence that it
//! begins in: a few hundred bytes. Values of fields are left out without being kept; the names around a value are
//! followed down to 128 levels, and deeper a field is known by its last name alone. A body that fails ends without
//! what was held back. When the [`KnownSecrets`](portcullis_secrets::redact::KnownSecrets) change, a body that
//! has begun is still searched for those of its beginning.
//!
//! A searched response loses its `Content-Length` and its digests, because they would be those of another
//! text: HTTP/1.1 sends it in chunks. One of fewer than 12 bytes keeps them, if only secrets are searched
//! for, since it cannot contain one. The answer to a `HEAD` loses them too (RFC 9110, 8.6). Trailers stay.
//!
//! # Byte ranges
//!
//! Whoever may ask for bytes 0 to 9 and then for bytes 10 to 19 gets a secret in two pieces of which neither is
//! one. So `Range` is taken out of requests, which RFC 9110 (14.2) allows for any request, and
//! `Accept-Ranges` out of responses. Services for media need ranges:
//! [`byte_ranges(true)`](MaskLayer::byte_ranges) lets them through. A `206` is left as it is and counted, because
//! neither JSON nor the numbers of a `Content-Range` survive a mask in the middle of something.
//!
//! An `ETag` stays: as long as there are no ranges nobody puts pieces of different texts together by it, and a weak one
//! could not be used in an `If-Match` any more.
//!
//! # What it does not do
//!
//! It cannot see into what is compressed (`Content-Encoding`), which is left as it is, counted and told once in a
//! `layer_misconfigured` event; nor into gRPC messages, which are counted; nor into binary media. It does not find
//! secrets in UTF-16, nor in JSON strings that were escaped in an unusual way (`\u0061` for `a`), nor in response
//! headers, nor fields in events of `text/event-stream` or under names with more than 512 bytes. Request bodies
//! pass as they are: to keep secrets out of logs is the task of `portcullis_secrets::redact`. Above all it is a
//! net under a service, which should not send a secret in the first place: each one that it catches is a fault
//! to look for.
//!
//! # Numbers and events
//!
//! [`MaskLayer::stats`] counts what was searched, masked and left as it was; with the feature `metrics`,
//! `MaskCollector` shows it to Prometheus. Under the `tracing` target `portcullis::audit`: `secret_in_response`
//! when a known secret was masked, at most once a minute, and `layer_misconfigured`.
//!
//! # In a stack
//!
//! Inside of compression. Outside of the handlers and of everything else that may send a secret: error pages,
//! panics, proxied services. Layers outside of this one see the headers of responses marked, and those of
//! requests as they came: to have these marked before a trace or an access log sees them, put a second
//! `MaskLayer::new()` outermost, which does nothing else.
//!
//! A proxy in front changes nothing, except that it may compress what it gets; that is after the mask.

mod body;
mod error;
mod fields;
mod future;
mod headers;
mod json;
mod layer;
mod lexer;
#[cfg(feature = "metrics")]
mod metrics;
mod policy;
mod rewrite;
mod scan;
mod secrets;
mod service;
mod stats;
#[cfg(test)]
mod tests;
mod types;

pub use self::body::MaskBody;
pub use self::error::{InvalidFields, InvalidMediaTypes};
pub use self::fields::JsonFields;
pub use self::future::ResponseFuture;
pub use self::layer::MaskLayer;
#[cfg(feature = "metrics")]
pub use self::metrics::MaskCollector;
pub use self::service::Mask;
pub use self::stats::MaskStats;
pub use self::types::MediaTypes;
