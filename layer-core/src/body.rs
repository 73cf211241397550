//! One response body for every layer that may answer early.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// Either the inner service's body, passed through untouched, or one chunk of a layer's own.
    ///
    /// The error type is the inner body's: an early answer cannot fail.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<B> {
        Inner { #[pin] body: B },
        // `None` once the chunk was handed out; an empty chunk is `None` from the start.
        Early { chunk: Option<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    /// Passes `body` through.
    pub const fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }

    /// A body of exactly these bytes.
    pub fn early(bytes: Bytes) -> Self {
        let chunk = (!bytes.is_empty()).then_some(bytes);
        Self {
            kind: Kind::Early { chunk },
        }
    }
}

impl<B> Default for ResponseBody<B> {
    /// An empty early body.
    fn default() -> Self {
        Self::early(Bytes::new())
    }
}

impl<B> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self::early(bytes)
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Early { chunk } => {
                Poll::Ready(chunk.take().map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Early { chunk } => chunk.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Early { chunk } => {
                SizeHint::with_exact(chunk.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// The answer to a `HEAD`: that to a `GET`, with the length of its body told and the body left out
/// (RFC 9110, 9.3.2).
///
/// HTTP/1.1 servers cut such a body themselves. hyper's HTTP/2 server sends it, and clients end the
/// stream with a protocol error.
pub fn without_body(mut response: Response<Bytes>) -> Response<Bytes> {
    let body = std::mem::take(response.body_mut());
    if !body.is_empty() {
        let length = HeaderValue::from(body.len());
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert(length);
    }
    response
}

/// The body of a service that never passes one through: it cannot be built, so
/// `ResponseBody<NoBody>` is always an early one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it has no values by design")]
pub enum NoBody {}

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match *self {}
    }
}
