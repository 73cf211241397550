//! How a layer says no, in the language that its caller speaks.
//!
//! A layer that refuses a request builds its own *reason*, a small type that implements [`Reason`].
//! A [`Reject`] turns the reason into a response: [`Negotiated`], the default, answers
//!
//! - plain HTTP with `application/problem+json` (RFC 9457),
//! - gRPC (`application/grpc*`) with HTTP 200 and a trailers-only `grpc-status`, because a gRPC
//!   client reads nothing else,
//! - grpc-web with the same status in a trailer frame of the body, base64 for the `-text` form (both with
//!   `Cache-Control: no-store`, since to a cache they look like a success);
//!
//! and a closure given to a layer's `reject_with` ([`RejectFn`]) answers whatever it likes.
//! [`refuse`] also leaves the reason in the response's extensions, for the layers outside.
//!
//! ```
//! use http::{HeaderValue, Request, StatusCode, header::CONTENT_TYPE};
//! use portcullis_layer_core::refusal::{Caller, Negotiated, Reason, Refusal, refuse};
//!
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct Closed;
//!
//! impl Reason for Closed {
//!     fn refusal(&self) -> Refusal {
//!         Refusal::new(
//!             StatusCode::SERVICE_UNAVAILABLE,
//!             "urn:problem-type:portcullis:closed",
//!             "the gate is closed",
//!         )
//!     }
//! }
//!
//! let over_http = refuse(&Negotiated, Closed, &Caller::of(&Request::new(())));
//! assert_eq!(over_http.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(over_http.headers()[CONTENT_TYPE], "application/problem+json");
//! assert_eq!(over_http.extensions().get::<Closed>(), Some(&Closed));
//!
//! let mut request = Request::post("/").body(())?;
//! request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
//! let over_grpc = refuse(&Negotiated, Closed, &Caller::of(&request));
//! assert_eq!(over_grpc.status(), StatusCode::OK);
//! assert_eq!(over_grpc.headers()["grpc-status"], "14");
//! # Ok::<_, http::Error>(())
//! ```

mod caller;
mod grpc;
mod problem;
mod reject;
#[cfg(test)]
mod tests;

pub use self::caller::{Caller, Protocol};
pub use self::grpc::GrpcCode;
pub use self::problem::Refusal;
pub use self::reject::{Negotiated, Reason, Reject, RejectFn, refuse};
