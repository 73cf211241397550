//! Writes one line of JSON for each request, without making the request wait for it.
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use http::{Request, Response};
//! # use http_body_util::{BodyExt as _, Full};
//! # use portcullis_observability_layers::access_log::AccessLog;
//! # use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let handler = async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(Full::from("hello")));
//! # let lines = Arc::new(Mutex::new(Vec::new()));
//! # let output = Arc::clone(&lines);
//! let (log, guard) = AccessLog::builder("shop").start_with(move |batch| {
//!     output.lock().unwrap().extend_from_slice(batch);
//!     Ok(())
//! })?;
//! let service = ServiceBuilder::new()
//!     .layer(log.layer().routes(["/"]))
//!     .service(service_fn(handler));
//!
//! let request = Request::get("/?token=secret").header("user-agent", r#"x","level":"ERROR"#).body(())?;
//! service.oneshot(request).await?.into_body().collect().await?;
//! drop(guard); // Writes what is left.
//!
//! let lines = String::from_utf8(lines.lock().unwrap().clone())?;
//! let line: serde_json::Value = serde_json::from_str(&lines)?;
//! assert_eq!(line["route"], "/");
//! assert_eq!(line["status"], 200);
//! assert_eq!(line["bytes"], 5);
//! assert_eq!(line["outcome"], "finished");
//! // What the client sent stays inside of its string, and the query stays outside of the log.
//! assert_eq!(line["level"], "INFO");
//! assert_eq!(line["user_agent"], r#"x","level":"ERROR"#);
//! assert!(!lines.contains("secret"));
//! # Ok(())
//! # }
//! ```
//!
//! # The line
//!
//! | Field | |
//! |---|---|
//! | `timestamp` | when the response was complete; RFC 3339, UTC, milliseconds |
//! | `level` | `ERROR` if the server is [to blame](crate::observe::Record::is_server_error), `WARN` if it was slow or timed out, else `INFO` |
//! | `service` | the name that you gave |
//! | `request_id` | the [`RequestId`](portcullis_layer_core::request_id::RequestId) |
//! | `trace_id`, `span_id` | the [`TraceContext`](crate::observe::TraceContext) |
//! | `client_ip` | the client behind all trusted proxies |
//! | `user`, `tenant` | the [`Subject`](crate::observe::Subject) |
//! | `method` | as sent |
//! | `route` | the template, see [`observe`](crate::observe#routes) |
//! | `path` | only if you [ask for it](AccessLogBuilder::path); never the query |
//! | `status`, `grpc_status` | numbers |
//! | `duration_ms` | from the arrival of the request to the end of the response, to the microsecond |
//! | `bytes` | of the response's body, as far as they were sent |
//! | `outcome` | `finished`, `failed`, `cancelled`, `timed_out`, `panicked` |
//! | `user_agent` | as sent |
//!
//! They come in this order, and what is not known is left out. A line is printable ASCII: every
//! control character, and everything beyond ASCII, is escaped, so that nobody can start a line of
//! their own or talk to a terminal. Text is cut at a bound (128 bytes, 256 for `route`, `path` and `user_agent`).
//!
//! # When the output is slow
//!
//! Lines go to a thread of their own through a buffer of a fixed size. When it is full, lines
//! are dropped and [counted](AccessLog::dropped), and requests go on. Under load the thread
//! writes a batch every ten milliseconds.
//!
//! # What it does not do
//!
//! It does not rotate files, and knows no secrets: what [`AccessLogBuilder::redact_with`] is given does, or with
//! feature `redact` a `Redactor` of portcullis-secrets, which finds what looks like a secret and what it was told.
//! A secret that looks like nothing, in a user agent for instance, is found by neither. Of a process that is
//! killed the last lines are lost.
//!
//! # In a stack
//!
//! The layer is an [`ObserveLayer`]: what its page says of its place and of
//! proxies goes for this one. Together with metrics, put both sinks into one layer.

mod builder;
#[cfg(feature = "metrics")]
mod collector;
mod json;
mod line;
mod queue;
mod sink;
#[cfg(test)]
mod tests;
mod timestamp;

use portcullis_layer_core::clock::SystemClock;

pub use self::builder::AccessLogBuilder;
pub use self::queue::FlushGuard;
pub use self::sink::AccessLog;
use crate::observe::ObserveLayer;

/// Logs requests. Made by [`AccessLog::layer`]; all its settings are those of [`ObserveLayer`].
pub type AccessLogLayer<C = SystemClock> = ObserveLayer<((), AccessLog), C>;
