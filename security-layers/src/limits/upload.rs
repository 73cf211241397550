//! What the two layers share that watch a body while the inner service reads it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use pin_project_lite::pin_project;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{Caller, Reject, refuse};

use crate::refusals::{Counted, Counters};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Whether the body broke its bound: set by the body, read by the future.
#[derive(Clone, Debug, Default)]
pub(super) struct Strike(Arc<AtomicBool>);

impl Strike {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// All that it takes to refuse a request whose body is with the inner service already.
#[derive(Debug)]
pub(super) struct Watch<E, R> {
    strike: Strike,
    reason: E,
    caller: Caller,
    version: Version,
    counters: Counters,
    reject: R,
}

impl<E, R> Watch<E, R> {
    pub(super) fn new<B>(request: &Request<B>, reason: E, counters: Counters, reject: R) -> Self {
        Self {
            strike: Strike::default(),
            reason,
            caller: Caller::of(request),
            version: request.version(),
            counters,
            reject,
        }
    }

    /// The body's end of the wire.
    pub(super) fn strike(&self) -> Strike {
        self.strike.clone()
    }
}

impl<E, R> Watch<E, R>
where
    E: Counted + Clone + Send + Sync + 'static,
    R: Reject<E>,
{
    /// The refusal, if the answer of the inner service is to be replaced by it.
    fn overrules<B, F>(&self, answer: &Result<Response<B>, F>) -> Option<Response<Bytes>> {
        if !self.strike.is_set() || !answer.as_ref().map_or(true, is_failure) {
            return None;
        }
        self.counters.record(&self.reason);
        let response = refuse(&self.reject, self.reason.clone(), &self.caller);
        Some(closing(response, self.version))
    }
}

/// Says that the connection ends with this answer: on HTTP/1 the rest of the body stands between it and the next
/// request. HTTP/2 resets the one stream.
pub(super) fn closing(mut response: Response<Bytes>, version: Version) -> Response<Bytes> {
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

fn is_failure<B>(response: &Response<B>) -> bool {
    let grpc = response.headers().get(GRPC_STATUS);
    response.status() >= StatusCode::BAD_REQUEST || grpc.is_some_and(|status| status != "0")
}

pin_project! {
    /// Future of [`BodyLimit`](super::BodyLimit) and [`BodyDeadline`](super::BodyDeadline).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct UploadFuture<F, E, R> {
        #[pin]
        answer: ResponseFuture<F>,
        // `None` where the body cannot break its bound any more.
        watch: Option<Watch<E, R>>,
    }
}

impl<F, E, R> UploadFuture<F, E, R> {
    pub(super) const fn inner(future: F, watch: Option<Watch<E, R>>) -> Self {
        Self {
            answer: ResponseFuture::inner(future),
            watch,
        }
    }

    pub(super) fn early(response: Response<Bytes>) -> Self {
        Self {
            answer: ResponseFuture::early(response),
            watch: None,
        }
    }
}

impl<F, B, InnerError, E, R> Future for UploadFuture<F, E, R>
where
    F: Future<Output = Result<Response<B>, InnerError>>,
    E: Counted + Clone + Send + Sync + 'static,
    R: Reject<E>,
{
    type Output = Result<Response<ResponseBody<B>>, InnerError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        let refusal = this
            .watch
            .as_ref()
            .and_then(|watch| watch.overrules(&answer));
        Poll::Ready(match refusal {
            Some(refusal) => Ok(refusal.map(ResponseBody::early)),
            None => answer,
        })
    }
}
