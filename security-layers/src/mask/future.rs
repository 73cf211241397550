use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::MaskBody;
use super::policy::Policy;

pin_project! {
    /// Response future of [`Mask`](super::Mask).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        policy: Arc<Policy>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<MaskBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut head, body) = ready!(this.inner.poll(cx))?.into_parts();
        let scan = this
            .policy
            .response(&mut head, &body.size_hint(), body.is_end_stream());
        Poll::Ready(Ok(Response::from_parts(head, MaskBody::new(body, scan))))
    }
}
