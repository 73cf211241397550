//! The length of the request target.

use std::num::NonZeroUsize;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{
    Caller, Negotiated, Reason, Refusal, Reject, RejectFn, refuse,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::refusals::{Counted, Counters, Refusals};

/// Refuses requests whose path and query are longer than the service wants to parse, with 414.
///
/// Scheme and authority are not measured: HTTP/2 and most of HTTP/1.1 send them as a header, which is
/// [`HeaderLimitLayer`](super::HeaderLimitLayer)'s concern. See the [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct UriLimitLayer<R = Negotiated> {
    max: NonZeroUsize,
    counters: Counters,
    reject: R,
}

impl UriLimitLayer {
    /// Allows a path and query of up to `max` bytes together.
    pub const fn new(max: NonZeroUsize) -> Self {
        Self {
            max,
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl Default for UriLimitLayer {
    /// Allows 8192 bytes: RFC 9110, 4.1, asks every server for at least 8000.
    fn default() -> Self {
        const MAX: NonZeroUsize = NonZeroUsize::new(8192).expect("it is not zero");
        Self::new(MAX)
    }
}

impl<R> UriLimitLayer<R> {
    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> UriLimitLayer<RejectFn<F>>
    where
        F: Fn(&UriTooLong, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        UriLimitLayer {
            max: self.max,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `uri_limit`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<UriTooLong>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for UriLimitLayer<R> {
    type Service = UriLimit<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        UriLimit { inner, layer }
    }
}

/// Middleware that refuses long request targets. Built by [`UriLimitLayer`].
#[derive(Clone, Debug)]
pub struct UriLimit<S, R = Negotiated> {
    inner: S,
    layer: UriLimitLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for UriLimit<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<UriTooLong>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let UriLimitLayer {
            max,
            counters,
            reject,
        } = &self.layer;
        match check(request.uri(), *max) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(reason) => {
                counters.record(&reason);
                ResponseFuture::early(refuse(reject, reason, &Caller::of(&request)))
            }
        }
    }
}

/// Why a request was refused: its path and query have more bytes than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UriTooLong {
    bytes: usize,
    max: NonZeroUsize,
}

impl UriTooLong {
    /// The bytes of path and query.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The limit, in bytes.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.max.get()
    }
}

impl Reason for UriTooLong {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::URI_TOO_LONG,
            "urn:problem-type:portcullis:uri-too-long",
            "the path and query are too long",
        )
        .member("limit", self.limit())
    }
}

impl Counted for UriTooLong {
    const LAYER: &'static str = "uri_limit";
    const REASONS: &'static [&'static str] = &["uri_too_long"];
}

pub(super) fn check(uri: &Uri, max: NonZeroUsize) -> Result<(), UriTooLong> {
    // The authority form (`CONNECT host:443`) has no path, so there is nothing to measure.
    let bytes = uri.path_and_query().map_or(0, |p| p.as_str().len());
    if bytes > max.get() {
        return Err(UriTooLong { bytes, max });
    }
    Ok(())
}
