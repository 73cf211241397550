//! Stops a service in order, so that no request that it accepted is lost; and serves it until then.
//!
//! ```
//! # use std::convert::Infallible;
//! # use std::time::Duration;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # use hyper::body::{Bytes, Incoming};
//! # use portcullis_observability_layers::shutdown::{Shutdown, serve};
//! # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! # use tokio::net::{TcpListener, TcpStream};
//! # use tower::service_fn;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let handler = async |_: Request<Incoming>| {
//! #     Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
//! # };
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! // In a service: `Shutdown::on_signals()?`, and `readiness(health.drain_switch())`.
//! let shutdown = Shutdown::manual().delay(Duration::ZERO).deadline(Duration::from_secs(10));
//! let trigger = shutdown.trigger();
//! let server = tokio::spawn(serve(listener, service_fn(handler), shutdown));
//!
//! // Accepted before the stop: answered.
//! let mut client = TcpStream::connect(address).await?;
//! client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
//! trigger.stop();
//! let mut answer = String::new();
//! client.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK"));
//! assert!(answer.contains("connection: close"));
//!
//! let report = server.await?;
//! assert_eq!(report.to_string(), "stopped by a trigger: all requests were answered");
//!
//! // Afterwards: refused.
//! assert!(TcpStream::connect(address).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! On SIGTERM or SIGINT, or when the [`Trigger`] is pulled,
//!
//! 1. readiness goes off (`Shutdown::readiness`, with feature `health`), while requests are served as before for the
//!    [`delay`](Shutdown::delay): until it is over, balancers send more;
//! 2. nothing more is accepted. HTTP/1 connections end with their next answer, or when none is asked
//!    for; HTTP/2 connections say goodbye (GOAWAY) and end with their last answer;
//! 3. what is not answered at the [`deadline`](Shutdown::deadline) is cut off;
//! 4. the [flushes](Shutdown::flush_with) run, and a [`Report`] says how it went.
//!
//! A second signal goes on to the flushes at once, and one more ends those.
//!
//! [`serve`] and [`Server`] are for any tower service on hyper, an axum `Router` included. axum's and
//! tonic's own servers stop by the same sign:
//!
//! ```
//! # async fn example(
//! #     shutdown: portcullis_observability_layers::shutdown::Shutdown,
//! #     listener: tokio::net::TcpListener,
//! #     router: axum::Router,
//! # ) {
//! // tonic: `server.serve_with_shutdown(address, stopping.closing())`
//! let report = shutdown
//!     .run(|stopping| axum::serve(listener, router).with_graceful_shutdown(stopping.closing()))
//!     .await;
//! # drop(report);
//! # }
//! ```
//!
//! This is no layer, and stands around the whole stack. It does not follow connections that were
//! upgraded (their handlers wait for [`Stopping::closing`]) or tasks that handlers left behind. Behind a proxy that keeps connections, choose the
//! delay longer than the proxy's interval between probes. Where several servers run in one process,
//! `run` them together, each with a clone of the [`Stopping`].

mod accept;
mod connection;
mod handshake;
mod run;
mod server;
mod signals;
mod stall;
mod stopping;
#[cfg(test)]
mod tests;

pub use self::handshake::{Handshake, HandshakeFn, PlainText};
pub use self::run::{Outcome, Report, Shutdown};
pub use self::server::{Server, serve};
pub use self::signals::{Cause, Trigger};
pub use self::stopping::Stopping;
