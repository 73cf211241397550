use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

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
        // Boxed: it travels with the future, and most of what it holds is rarely there.
        fields: Option<Box<Fields>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(answer: Either<F>, fields: Option<Box<Fields>>) -> Self {
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
        // Changed where it is: taking a response out of its wrappers and putting it back is the
        // most expensive thing that a thin layer can do.
        let mut answer = this.answer.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut answer
            && let Some(fields) = this.fields.take()
        {
            fields.write_to(response.headers_mut());
        }
        answer
    }
}
