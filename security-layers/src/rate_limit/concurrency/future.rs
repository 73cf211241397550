use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::body::PermitBody;
use super::permits::Permit;

pin_project! {
    /// The inner service's future, which holds its request's permit and hands it to the body.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct PermitFuture<F> {
        #[pin]
        inner: F,
        permit: Option<Permit>,
    }
}

impl<F> PermitFuture<F> {
    pub(super) const fn new(inner: F, permit: Option<Permit>) -> Self {
        Self { inner, permit }
    }
}

impl<F, B, E> Future for PermitFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<PermitBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        // Taken here, so that a failed request gives it back without waiting for the future's end.
        let permit = this.permit.take();
        Poll::Ready(result.map(|response| response.map(|body| PermitBody::new(body, permit))))
    }
}
