//! The number and the size of header fields.

use std::num::NonZeroUsize;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{
    Caller, Negotiated, Reason, Refusal, Reject, RejectFn, refuse,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::refusals::{Counted, Counters, Refusals};

/// Refuses requests with too many header fields, or with too large ones, with 431 (RFC 6585, 5).
///
/// Each line counts as a field, also one of a name that came before. The bytes are those of all names and
/// values, without the separators of HTTP/1 and before the compression of HTTP/2.
/// See the [module docs](super) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct HeaderLimitLayer<R = Negotiated> {
    bounds: Bounds,
    counters: Counters,
    reject: R,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) fields: NonZeroUsize,
    pub(super) bytes: NonZeroUsize,
}

impl HeaderLimitLayer {
    /// Allows up to `fields` header fields, whose names and values have up to `bytes` bytes together.
    pub const fn new(fields: NonZeroUsize, bytes: NonZeroUsize) -> Self {
        Self {
            bounds: Bounds { fields, bytes },
            counters: Counters::none(),
            reject: Negotiated,
        }
    }
}

impl Default for HeaderLimitLayer {
    /// Allows 100 fields and 16 KiB: what hyper takes at most on HTTP/1 and on HTTP/2, here for both.
    fn default() -> Self {
        const FIELDS: NonZeroUsize = NonZeroUsize::new(100).expect("it is not zero");
        const BYTES: NonZeroUsize = NonZeroUsize::new(16 * 1024).expect("it is not zero");
        Self::new(FIELDS, BYTES)
    }
}

impl<R> HeaderLimitLayer<R> {
    /// Answers refused requests with what `f` builds from the reason and the caller.
    pub fn reject_with<F, B>(self, f: F) -> HeaderLimitLayer<RejectFn<F>>
    where
        F: Fn(&HeadersTooLarge, &Caller) -> Response<B> + Clone,
        B: Into<Bytes>,
    {
        HeaderLimitLayer {
            bounds: self.bounds,
            counters: self.counters,
            reject: RejectFn::new(f),
        }
    }

    /// Counts refused requests, as layer `header_limit`.
    pub fn count_in(mut self, refusals: &Refusals) -> Self {
        self.counters = Counters::of::<HeadersTooLarge>(refusals);
        self
    }
}

impl<S, R: Clone> Layer<S> for HeaderLimitLayer<R> {
    type Service = HeaderLimit<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        HeaderLimit { inner, layer }
    }
}

/// Middleware that refuses too many or too large headers. Built by [`HeaderLimitLayer`].
#[derive(Clone, Debug)]
pub struct HeaderLimit<S, R = Negotiated> {
    inner: S,
    layer: HeaderLimitLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for HeaderLimit<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<HeadersTooLarge>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let HeaderLimitLayer {
            bounds,
            counters,
            reject,
        } = &self.layer;
        match check(request.headers(), *bounds) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(reason) => {
                counters.record(&reason);
                ResponseFuture::early(refuse(reject, reason, &Caller::of(&request)))
            }
        }
    }
}

/// Why a request was refused: its header fields are too many, or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadersTooLarge {
    /// There are more fields than `limit`.
    #[non_exhaustive]
    Fields {
        /// The greatest number of fields that is allowed.
        limit: usize,
    },
    /// All names and values have more than `limit` bytes together.
    #[non_exhaustive]
    Bytes {
        /// The greatest number of bytes that is allowed.
        limit: usize,
    },
}

impl Reason for HeadersTooLarge {
    fn refusal(&self) -> Refusal {
        let (slug, title, limit) = match self {
            Self::Fields { limit } => (
                "urn:problem-type:portcullis:too-many-header-fields",
                "there are too many header fields",
                limit,
            ),
            Self::Bytes { limit } => (
                "urn:problem-type:portcullis:header-fields-too-large",
                "the header fields are too large",
                limit,
            ),
        };
        Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, slug, title)
            .member("limit", limit)
    }
}

impl Counted for HeadersTooLarge {
    const LAYER: &'static str = "header_limit";
    const REASONS: &'static [&'static str] = &["fields", "bytes"];

    fn index(&self) -> usize {
        match self {
            Self::Fields { .. } => 0,
            Self::Bytes { .. } => 1,
        }
    }
}

pub(super) fn check(headers: &HeaderMap, bounds: Bounds) -> Result<(), HeadersTooLarge> {
    let limit = bounds.fields.get();
    if headers.len() > limit {
        return Err(HeadersTooLarge::Fields { limit });
    }
    let limit = bounds.bytes.get();
    let size = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    if size.sum::<usize>() > limit {
        return Err(HeadersTooLarge::Bytes { limit });
    }
    Ok(())
}
