//! The time that a request body may take to arrive.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reason, Refusal, Reject, RejectFn};
use tower_http::timeout::{self, TimeoutError};
use tower_layer::Layer;
use tower_service::Service;

use super::BoxError;
use super::upload::{Strike, UploadFuture, Watch};
use crate::refusals::{Counted, Counters, Refusals};

/// Gives up on request bodies that are still arriving when their time is over, with 408.
///
/// The time starts with the request's head and does not start again with each chunk: a client that
/// sends a byte a second gets no more of it. See the [module docs](super), also for an example.
///
/// The timer is tokio's: a request with a body has to be handled on a tokio runtime whose time is enabled.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct BodyDeadlineLayer<R = Negotiated> {
    max: Duration,
    counters: Counters,
    reject: R,
}

impl BodyDeadlineLayer {
    /// Gives each body `max` to arrive, beginning with the request's head.
    ///
    /// # Errors
    ///
    /// If `max` is zero, by which no body could arrive.
    pub fn new(max: Duration) -> Result<Self, ZeroDeadline> {
        if max.is_zero() {
            return Err(ZeroDeadline);
        }
        Ok(Self::within(max))
    }

    const fn within(max: Duration) -> Self {
        Self {
            max,
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl Default for BodyDeadlineLayer {
    /// Gives each body 30 seconds.
    fn default() -> Self {
        Self::within(Duration::from_secs(30))
    }
}

impl<R> BodyDeadlineLayer<R> {
    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> BodyDeadlineLayer<RejectFn<F>>
    where
        F: Fn(&BodyTooSlow, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        BodyDeadlineLayer {
            max: self.max,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `body_deadline`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<BodyTooSlow>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for BodyDeadlineLayer<R> {
    type Service = BodyDeadline<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        BodyDeadline { inner, layer }
    }
}

/// Middleware that bounds the time of request bodies. Built by [`BodyDeadlineLayer`].
#[derive(Clone, Debug)]
pub struct BodyDeadline<S, R = Negotiated> {
    inner: S,
    layer: BodyDeadlineLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for BodyDeadline<S, R>
where
    S: Service<Request<DeadlineBody<ReqBody>>, Response = Response<ResBody>>,
    R: Reject<BodyTooSlow> + Clone,
    ReqBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = UploadFuture<S::Future, BodyTooSlow, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let BodyDeadlineLayer {
            max,
            counters,
            reject,
        } = &self.layer;
        if request.body().is_end_stream() {
            let request = request.map(|body| DeadlineBody {
                kind: Kind::Ended { body },
            });
            return UploadFuture::inner(self.inner.call(request), None);
        }
        let reason = BodyTooSlow { max: *max };
        let watch = Watch::new(&request, reason, counters.clone(), reject.clone());
        let strike = watch.strike();
        let request = request.map(|body| DeadlineBody {
            kind: Kind::Arriving {
                body: timeout::DeadlineBody::new(*max, body),
                strike,
            },
        });
        UploadFuture::inner(self.inner.call(request), Some(watch))
    }
}

pin_project! {
    /// A request body that fails with a time-out at its deadline.
    pub struct DeadlineBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        // Nothing to wait for, so no timer either.
        Ended { #[pin] body: B },
        Arriving { #[pin] body: timeout::DeadlineBody<B>, strike: Strike },
    }
}

impl<B> fmt::Debug for DeadlineBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = matches!(self.kind, Kind::Ended { .. });
        f.debug_struct("DeadlineBody")
            .field("ended", &ended)
            .finish_non_exhaustive()
    }
}

impl<B> Body for DeadlineBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Ended { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::Arriving { body, strike } => {
                let frame = ready!(body.poll_frame(cx));
                if let Some(Err(error)) = &frame
                    && error.is::<TimeoutError>()
                {
                    strike.set();
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Ended { body } => body.is_end_stream(),
            Kind::Arriving { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Ended { body } => body.size_hint(),
            Kind::Arriving { body, .. } => body.size_hint(),
        }
    }
}

/// A deadline of no time at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZeroDeadline;

impl fmt::Display for ZeroDeadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a body cannot arrive in no time; the deadline has to be above zero")
    }
}

impl std::error::Error for ZeroDeadline {}

/// Why a request was refused: its body was still arriving at the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooSlow {
    max: Duration,
}

impl BodyTooSlow {
    /// The time that the body had.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.max
    }
}

impl Reason for BodyTooSlow {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "urn:problem-type:portcullis:body-too-slow",
            "the body took too long to arrive",
        )
    }
}

impl Counted for BodyTooSlow {
    const LAYER: &'static str = "body_deadline";
    const REASONS: &'static [&'static str] = &["body_too_slow"];
}
