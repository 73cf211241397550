//! Watches each request to its very end and tells the sinks how it went, once.
//!
//! ```
//! # use std::convert::Infallible;
//! # use std::sync::{Arc, Mutex};
//! # use http::{Request, Response, StatusCode};
//! # use http_body_util::{BodyExt as _, Full};
//! # use portcullis_observability_layers::observe::{ObserveLayer, Outcome};
//! # use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let handler = async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::from("hello")));
//! # let get = |path: &str| Request::get(path).body(());
//! # let seen = Arc::new(Mutex::new(Vec::new()));
//! # let sink = Arc::clone(&seen);
//! # let next = || seen.lock().unwrap().remove(0);
//! let service = ServiceBuilder::new()
//!     .layer(ObserveLayer::new().sink_with(move |record| {
//!         sink.lock().unwrap().push((record.status, record.response_bytes, record.outcome));
//!     }))
//!     .service(service_fn(handler));
//!
//! // The record comes when the body has been read, not when the answer begins.
//! let response = service.clone().oneshot(get("/")?).await?;
//! response.into_body().collect().await?;
//! assert_eq!(next(), (Some(StatusCode::OK), 5, Outcome::Finished));
//!
//! // A client that goes away is counted as well, with what it got.
//! let response = service.oneshot(get("/")?).await?;
//! drop(response);
//! assert_eq!(next(), (Some(StatusCode::OK), 0, Outcome::Cancelled));
//! # Ok(())
//! # }
//! ```
//!
//! [`ObserveLayer`] wraps the service once, whatever the number of sinks: metrics, access log and
//! your own read the same [`Record`]. A sink says which [`Fields`] it reads, and what nobody reads
//! is not gathered. Where the server dropped the response before its end, the
//! record says [`Outcome::Cancelled`]; each request that came in gives exactly one record.
//!
//! # Outcomes
//!
//! | [`Outcome`] | when |
//! |---|---|
//! | `Finished` | the body came to its end, whatever the status; also when it has none (`HEAD`, 204, 304), and when all bytes that were announced were taken |
//! | `Failed` | the service or the body gave an error, or a gRPC call ended without a status (recorded as `UNKNOWN`) |
//! | `TimedOut` | the answer says so: 408, 504, gRPC `DEADLINE_EXCEEDED` |
//! | `Cancelled` | the response future or the body was dropped before its end |
//! | `Panicked` | a panic went through the service or the body |
//!
//! A layer or handler further in that knows better puts an [`Outcome`] into the extensions of its response.
//!
//! # Routes
//!
//! A record names the *template* of the route (`/users/{id}`), never the path that the client made up. In order of
//! preference it comes from
//!
//! 1. a [`RoutePattern`] in the extensions of the response: whoever routes can put it there,
//! 2. the closure given to [`ObserveLayer::route_with`],
//! 3. the list given to [`ObserveLayer::routes`]: paths that are their own template, such as gRPC methods,
//! 4. a [`RoutePattern`] in the extensions of the request,
//! 5. with feature `axum`, its `MatchedPath`, which axum's router has put there by the time that layers added with
//!    `Router::layer` run. Outside of the router it is not there yet: add a `MatchedRouteLayer` to the router,
//!    and it comes back with the response.
//!
//! What comes with the response is missing where none came out of the router: a request that was cancelled, or that
//! panicked in there, has no route then. Where that matters, add the layer to the router itself.
//!
//! Without any of them the request has no route; axum's fallback has none either. So has a gRPC call
//! whose method is not on the list: a client may ask for any method.
//!
//! # What it does not do
//!
//! Request bodies are not watched: `request_bytes` is what `Content-Length` announced. The status of a
//! grpc-web call stands in its body and is not looked for there. A record does not carry the query.
//!
//! # In a stack
//!
//! Inside of the layers that put the request id and the origin into the request, outside of all that
//! may refuse. Behind a proxy, tell the layer by [`ObserveLayer::origin`] which one to believe, unless
//! an `OriginLayer` has done so; and a request that the proxy gave up on looks cancelled.

mod body;
mod exchange;
mod future;
mod layer;
#[cfg(feature = "axum")]
mod matched;
mod policy;
mod record;
mod route;
mod service;
mod sink;
mod state;
#[cfg(test)]
mod tests;

pub use self::body::ObserveBody;
pub use self::future::ResponseFuture;
pub use self::layer::ObserveLayer;
#[cfg(feature = "axum")]
pub use self::matched::{MatchedRoute, MatchedRouteFuture, MatchedRouteLayer};
pub use self::record::{Outcome, Record, TraceContext};
pub use self::route::RoutePattern;
pub use self::service::Observe;
pub use self::sink::{Fields, Sink, SinkFn};
pub use portcullis_layer_core::subject::Subject;
