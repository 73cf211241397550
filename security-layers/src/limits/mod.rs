//! Bounds on what a request may cost before a handler looks at it: five independent layers.
//!
//! | layer | bounds | default | refusal |
//! |---|---|---|---|
//! | [`UriLimitLayer`] | path and query | 8 KiB | 414 |
//! | [`HeaderLimitLayer`] | header fields and their bytes | 100 fields, 16 KiB | 431 |
//! | [`ContentTypeLayer`] | the media type of content | none: the list is yours | 415 |
//! | [`BodyLimitLayer`] | the request body's bytes | 10 MiB | 413 |
//! | [`BodyDeadlineLayer`] | the time that the request body may take | 30 s | 408 |
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
//! use http_body_util::{BodyExt, Full};
//! use portcullis_security_layers::limits::{
//!     BodyDeadlineLayer, BodyLimitLayer, ContentTypeLayer, HeaderLimitLayer, UriLimitLayer,
//! };
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(UriLimitLayer::default())
//!     .layer(HeaderLimitLayer::default())
//!     .layer(ContentTypeLayer::new("application/json".parse()?))
//!     .layer(BodyLimitLayer::new(16.try_into()?))
//!     .layer(BodyDeadlineLayer::default())
//!     .service(service_fn(async |request: Request<_>| {
//!         let body: Bytes = BodyExt::collect(request.into_body()).await?.to_bytes();
//!         Ok::<_, BoxError>(Response::new(Full::new(body)))
//!     }));
//! let post = |content_type: &str, body: &'static str| {
//!     Request::post("/").header(CONTENT_TYPE, content_type).body(Full::<Bytes>::from(body))
//! };
//!
//! let accepted = service.clone().oneshot(post("application/json; charset=utf-8", "{}")?).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//!
//! let refused = service.clone().oneshot(post("text/xml", "<a/>")?).await?;
//! assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
//! assert_eq!(refused.headers()["accept-post"], "application/json");
//!
//! let refused = service.oneshot(post("application/json", r#"{"more":"than 16"}"#)?).await?;
//! assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
//! # Ok::<_, BoxError>(())
//! # })?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! # A body that breaks its bound while it is being read
//!
//! A body whose announced length is too great is refused before the inner service is called. Of any
//! other the inner service reads up to the bound and then an error: a
//! [`LengthLimitError`](http_body_util::LengthLimitError) or a time-out. What it answers after that
//! tells of the error and not of the request, so a failure (an `Err`, a status of 400 or above, a
//! gRPC status in the headers) is replaced by the layer's 413 or 408. A success stands, and so does
//! an answer that began before the bound was broken; the latter's service learns of the cut as a
//! read error.
//!
//! # What becomes of the connection
//!
//! On HTTP/2 the refused stream ends and the others go on. On HTTP/1 the unread body stands between the answer and the
//! next request: 413 and 408 say `Connection: close`. The refusals by the head (414, 431, 415) do
//! not; hyper keeps the connection if there is no body or it came along with the head, and closes it otherwise.
//!
//! # What these layers do not do
//!
//! They see a request that the server has parsed, so the server's own bounds come first: a head that is too large
//! for it, or that does not arrive, never gets here. Response bodies and the handler's own running
//! time are not bounded. Messages of one gRPC stream are counted and timed together: leave [`BodyLimitLayer`] and
//! [`BodyDeadlineLayer`] off routes with long-lived client streams, where tonic's limit per message and the
//! call's own deadline belong.
//!
//! # In a stack
//!
//! Inside the layers that count, log and limit the rate of requests, outside all that read a body,
//! in the order of the example: what is cheapest to see is refused first. A proxy in front has bounds of its own; let
//! them be a little higher than these, so that clients get these answers, which name the limit. A proxy that buffers
//! bodies makes [`BodyDeadlineLayer`] measure the proxy and not the client.

mod content_type;
mod deadline;
mod headers;
mod size;
#[cfg(test)]
mod tests;
mod upload;
mod uri;

pub use self::content_type::{
    ContentType, ContentTypeLayer, ContentTypes, InvalidContentTypes, UnsupportedContentType,
};
pub use self::deadline::{
    BodyDeadline, BodyDeadlineLayer, BodyTooSlow, DeadlineBody, ZeroDeadline,
};
pub use self::headers::{HeaderLimit, HeaderLimitLayer, HeadersTooLarge};
pub use self::size::{BodyLimit, BodyLimitLayer, BodyTooLarge, LimitedBody};
pub use self::upload::UploadFuture;
pub use self::uri::{UriLimit, UriLimitLayer, UriTooLong};

/// What a body that these layers wrap fails with: its own error, or the bound's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
