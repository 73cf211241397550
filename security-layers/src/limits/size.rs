//! The size of the request body.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{LengthLimitError, Limited};
use pin_project_lite::pin_project;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::refusal::{
    Caller, Negotiated, Reason, Refusal, Reject, RejectFn, refuse,
};
use tower_layer::Layer;
use tower_service::Service;

use super::BoxError;
use super::upload::{Strike, UploadFuture, Watch, closing};
use crate::refusals::{Counted, Counters, Refusals};

/// Refuses request bodies that are larger than the service wants to take, with 413.
///
/// A body that says so in advance (`Content-Length`, or the body type's own size hint) is refused unread.
/// Any other is cut: see the [module docs](super), also for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct BodyLimitLayer<R = Negotiated> {
    max: NonZeroUsize,
    counters: Counters,
    reject: R,
}

impl BodyLimitLayer {
    /// Allows bodies of up to `max` bytes of data, after the transfer coding; trailers do not count.
    pub const fn new(max: NonZeroUsize) -> Self {
        Self {
            max,
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl Default for BodyLimitLayer {
    /// Allows 10 MiB.
    fn default() -> Self {
        const MAX: NonZeroUsize = NonZeroUsize::new(10 * 1024 * 1024).expect("it is not zero");
        Self::new(MAX)
    }
}

impl<R> BodyLimitLayer<R> {
    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> BodyLimitLayer<RejectFn<F>>
    where
        F: Fn(&BodyTooLarge, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        BodyLimitLayer {
            max: self.max,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `body_limit`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<BodyTooLarge>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for BodyLimitLayer<R> {
    type Service = BodyLimit<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        BodyLimit { inner, layer }
    }
}

/// Middleware that bounds the size of request bodies. Built by [`BodyLimitLayer`].
#[derive(Clone, Debug)]
pub struct BodyLimit<S, R = Negotiated> {
    inner: S,
    layer: BodyLimitLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for BodyLimit<S, R>
where
    S: Service<Request<LimitedBody<ReqBody>>, Response = Response<ResBody>>,
    R: Reject<BodyTooLarge> + Clone,
    ReqBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = UploadFuture<S::Future, BodyTooLarge, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let BodyLimitLayer {
            max,
            counters,
            reject,
        } = &self.layer;
        let reason = BodyTooLarge { max: *max };
        let length = Length::announced(request.headers(), &request.body().size_hint());
        let watch = match length.against(*max) {
            Verdict::TooLong => {
                counters.record(&reason);
                let response = refuse(reject, reason, &Caller::of(&request));
                return UploadFuture::early(closing(response, request.version()));
            }
            Verdict::Fits => None,
            Verdict::Unknown => {
                let (counters, reject) = (counters.clone(), reject.clone());
                Some(Watch::new(&request, reason, counters, reject))
            }
        };
        let strike = watch.as_ref().map(Watch::strike);
        let request = request.map(|body| LimitedBody {
            body: Limited::new(body, max.get()),
            strike,
        });
        UploadFuture::inner(self.inner.call(request), watch)
    }
}

/// What is known of a body's length before it is read.
pub(super) struct Length {
    lower: u64,
    upper: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fits,
    Unknown,
    TooLong,
}

impl Length {
    pub(super) fn announced(headers: &HeaderMap, hint: &SizeHint) -> Self {
        let lines = headers.get_all(CONTENT_LENGTH).iter();
        // The greatest of several, which a server lets through only if they are equal.
        let header = lines.map(|line| parse_length(line.as_bytes())).max();
        Self {
            lower: hint.lower().max(header.unwrap_or(0)),
            // Not the header's: the server, not this layer, holds the body to it.
            upper: hint.upper(),
        }
    }

    pub(super) fn against(&self, max: NonZeroUsize) -> Verdict {
        let max = u64::try_from(max.get()).unwrap_or(u64::MAX);
        if self.lower > max {
            Verdict::TooLong
        } else if self.upper.is_some_and(|upper| upper <= max) {
            Verdict::Fits
        } else {
            Verdict::Unknown
        }
    }
}

// Digits without end mean more than any limit. Anything else than digits is for the server to refuse.
fn parse_length(value: &[u8]) -> u64 {
    if !value.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = value.iter().map(|digit| u64::from(digit - b'0'));
    digits.fold(0, |sum: u64, digit| {
        sum.saturating_mul(10).saturating_add(digit)
    })
}

pin_project! {
    /// A request body that fails with [`LengthLimitError`] once it exceeds its limit.
    #[derive(Debug)]
    pub struct LimitedBody<B> {
        #[pin]
        body: Limited<B>,
        // `None` if the body cannot exceed the limit without breaking its own size hint.
        strike: Option<Strike>,
    }
}

impl<B> Body for LimitedBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let (Some(Err(error)), Some(strike)) = (&frame, this.strike)
            && error.is::<LengthLimitError>()
        {
            strike.set();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a request was refused: its body is larger than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooLarge {
    max: NonZeroUsize,
}

impl BodyTooLarge {
    /// The limit, in bytes.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.max.get()
    }
}

impl Reason for BodyTooLarge {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "urn:problem-type:portcullis:body-too-large",
            "the body is too large",
        )
        .member("limit", self.limit())
    }
}

impl Counted for BodyTooLarge {
    const LAYER: &'static str = "body_limit";
    const REASONS: &'static [&'static str] = &["body_too_large"];
}
