use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture as Either;

use super::fields::Fields;

pin_project! {
    /// Future of [`RateLimit`](super::RateLimit).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: Either<F>,
        fields: Fields,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(answer: Either<F>, fields: Fields) -> Self {
        Self { answer, fields }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(cx))?;
        std::mem::take(this.fields).write_to(response.headers_mut());
        Poll::Ready(Ok(response))
    }
}
