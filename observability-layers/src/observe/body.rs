use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::Exchange;

pin_project! {
    /// A response body that is watched to its end; every frame passes through untouched.
    pub struct ObserveBody<B> {
        #[pin]
        inner: B,
        // `None` once the record was made.
        exchange: Option<Exchange>,
    }
}

impl<B> ObserveBody<B> {
    pub(super) fn new(inner: B, exchange: Option<Exchange>) -> Self {
        Self { inner, exchange }
    }
}

impl<B: Default> Default for ObserveBody<B> {
    /// The inner body's default, which nobody watches.
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: Body<Data = Bytes>> Body for ObserveBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(exchange) = this.exchange.as_mut() else {
            return this.inner.poll_frame(cx);
        };
        let frame = ready!(exchange.run(|| this.inner.as_mut().poll_frame(cx)));
        let (ended, failed) = match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    exchange.sent(data.len());
                } else if let Some(trailers) = frame.trailers_ref() {
                    exchange.trailers(trailers);
                }
                // Servers do not poll beyond trailers or an announced end.
                (frame.is_trailers() || this.inner.is_end_stream(), false)
            }
            Some(Err(_)) => (true, true),
            None => (true, false),
        };
        if ended && let Some(exchange) = this.exchange.take() {
            if failed {
                exchange.fail();
            } else {
                exchange.end();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for ObserveBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserveBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
