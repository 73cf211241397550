//! Answers a request whose handler panicked, in the caller's language and without the panic's words.
//!
//! ```
//! # use std::convert::Infallible;
//! # use std::sync::{Arc, Mutex};
//! # use http::{Request, Response, StatusCode};
//! # use http_body_util::{BodyExt as _, Full};
//! # use portcullis_observability_layers::panic::CatchPanicLayer;
//! # use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let handler = async |request: Request<()>| {
//! #     assert_ne!(request.uri(), "/bug", "the secret is 42");
//! #     Ok::<_, Infallible>(Response::new(Full::from("hello")))
//! # };
//! # let get = |path: &str| Request::get(path).body(());
//! # let seen = Arc::new(Mutex::new(String::new()));
//! # let tracker = Arc::clone(&seen);
//! let service = ServiceBuilder::new()
//!     .layer(CatchPanicLayer::new().on_panic(move |report| {
//!         *tracker.lock().unwrap() = report.message().to_owned();
//!     }))
//!     .service_fn(handler);
//!
//! let response = service.clone().oneshot(get("/")?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let response = service.oneshot(get("/bug")?).await?;
//! assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! let body = response.into_body().collect().await?.to_bytes();
//! assert!(!String::from_utf8(body.to_vec())?.contains("42"));
//! assert!(seen.lock().unwrap().contains("42"));
//! # Ok(())
//! # }
//! ```
//!
//! A gRPC caller gets `INTERNAL` instead of a broken transport. A body that panics while it is sent ends
//! with an error, [`BodyError::Panicked`]: its status has gone out already, so the server cuts the
//! answer short, which the client can see (HTTP/2: `RST_STREAM` with `INTERNAL_ERROR`).
//!
//! The service is used again after a panic, as the next request would find it in a server without
//! this layer as well; state that a panic can leave half-changed is the handler's own care.
//! Nothing is caught where panics abort the process (`panic = "abort"`), in `poll_ready`, where there is no
//! request to answer yet, or in tasks that a handler spawned. Where the panic happened is known to the
//! process's panic hook only, which runs before and as it would without this layer.
//!
//! It belongs inside of the layers that log, count, and set response headers, and outside of
//! everything that may panic. A proxy in front changes nothing.

mod body;
mod future;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::refusal::{
    Caller, GrpcCode, Negotiated, Reason, Refusal, Reject, RejectFn,
};
use portcullis_layer_core::request_id::RequestId;
use tower_layer::Layer;
use tower_service::Service;

pub use self::body::{BodyError, CatchPanicBody};
pub use self::future::ResponseFuture;
use crate::unwind;

/// Applies [`CatchPanic`]. See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct CatchPanicLayer<R = Negotiated> {
    reject: R,
    hook: Hook,
}

impl CatchPanicLayer {
    /// Answers 500 (`INTERNAL` to gRPC callers), and writes one `tracing` error event with the target
    /// `portcullis::panic` and the panic's message, of which it keeps 512 bytes.
    pub const fn new() -> Self {
        Self {
            reject: Negotiated,
            hook: Hook(None),
        }
    }
}

impl Default for CatchPanicLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> CatchPanicLayer<R> {
    /// Answers with the response that `f` builds.
    pub fn reject_with<F, B>(self, f: F) -> CatchPanicLayer<RejectFn<F>>
    where
        F: Fn(&Panicked, &Caller) -> Response<B>,
        B: Into<Bytes>,
    {
        CatchPanicLayer {
            reject: RejectFn::new(f),
            hook: self.hook,
        }
    }

    /// Calls `observe` for each panic, on the thread that it happened on: for an error tracker.
    ///
    /// The message may hold what the client sent. A panic in `observe` itself is swallowed.
    pub fn on_panic(mut self, observe: impl Fn(&PanicReport) + Send + Sync + 'static) -> Self {
        self.hook = Hook(Some(Arc::new(observe)));
        self
    }
}

impl<S, R: Clone> Layer<S> for CatchPanicLayer<R> {
    type Service = CatchPanic<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        CatchPanic { inner, layer }
    }
}

/// Middleware that answers where the inner service panics. Built by [`CatchPanicLayer`].
#[derive(Clone, Debug)]
pub struct CatchPanic<S, R = Negotiated> {
    inner: S,
    layer: CatchPanicLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for CatchPanic<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<Panicked> + Clone,
    ResBody: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<CatchPanicBody<ResBody>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let witness = Witness {
            caller: Caller::of(&request),
            hook: self.layer.hook.clone(),
        };
        let future = unwind::catch(|| self.inner.call(request));
        ResponseFuture::new(future, witness, self.layer.reject.clone())
    }
}

type Observe = dyn Fn(&PanicReport) + Send + Sync;

#[derive(Clone)]
struct Hook(Option<Arc<Observe>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "set" } else { "none" })
    }
}

/// What has to be known when a panic comes, and is kept of the request for it.
#[derive(Debug)]
struct Witness {
    caller: Caller,
    hook: Hook,
}

impl Witness {
    fn report(&self, stage: Stage, message: String) {
        let request_id = self.caller.request_id().cloned();
        tracing::error!(
            target: "portcullis::panic",
            ?stage,
            request_id = request_id.as_ref().map(RequestId::as_str),
            message,
            "panicked"
        );
        let report = PanicReport {
            stage,
            message,
            request_id,
        };
        if let Some(observe) = &self.hook.0
            && let Err(message) = unwind::catch(|| observe(&report))
        {
            tracing::error!(target: "portcullis::panic", message, "the panic hook panicked");
        }
    }
}

/// Drops what panicked, in place and where it did, as unwinding would have; it may panic once more.
fn clear<T>(mut place: Pin<&mut T>, empty: T) {
    if let Err(message) = unwind::catch(|| place.set(empty)) {
        tracing::error!(target: "portcullis::panic", message, "panicked in drop");
    }
}

/// One panic, as [`CatchPanicLayer::on_panic`] sees it.
#[derive(Clone, Debug)]
pub struct PanicReport {
    stage: Stage,
    message: String,
    request_id: Option<RequestId>,
}

impl PanicReport {
    /// What was going on.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// What the panic said, cut at 512 bytes. Not for the client.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request's identity, where a request id layer stands outside.
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }
}

/// What was going on when a panic came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The service made its response.
    Service,
    /// The response's body was sent.
    Body,
}

/// Why a request is answered by [`CatchPanic`]: its handler panicked. That is all a client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panicked;

impl Reason for Panicked {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:problem-type:portcullis:internal-error",
            "the service failed to answer this request",
        )
        .grpc_code(GrpcCode::Internal)
    }
}
