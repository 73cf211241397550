use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::ObserveBody;
use super::exchange::Exchange;

pin_project! {
    /// Future of [`Observe`](super::Observe).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // `None` once the answer was handed out.
        exchange: Option<Exchange>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, exchange: Exchange) -> Self {
        let exchange = Some(exchange);
        Self { inner, exchange }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ObserveBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(exchange) = this.exchange else {
            // Polled again after it was done: pending, as the futures of the family are.
            return Poll::Pending;
        };
        let result = ready!(exchange.run(|| this.inner.poll(cx)));
        let Some(mut exchange) = this.exchange.take() else {
            return Poll::Pending;
        };
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                exchange.fail();
                return Poll::Ready(Err(error));
            }
        };
        let body = response.body();
        exchange.answered(&response, body.size_hint().exact());
        let unread = if exchange.has_body() && !body.is_end_stream() {
            Some(exchange)
        } else {
            exchange.end();
            None
        };
        Poll::Ready(Ok(response.map(|body| ObserveBody::new(body, unread))))
    }
}

impl<F: fmt::Debug> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
