//! One response future for every layer that may answer early.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use crate::body::ResponseBody;

pin_project! {
    /// Either the inner service's future or an answer that a layer gave in its place.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<F> {
        Inner { #[pin] future: F },
        Early { response: Option<Response<Bytes>> },
    }
}

impl<F> ResponseFuture<F> {
    /// Waits for the inner service.
    pub const fn inner(future: F) -> Self {
        Self {
            kind: Kind::Inner { future },
        }
    }

    /// Answers at once; the inner service is not asked.
    pub fn early(response: Response<Bytes>) -> Self {
        let response = Some(response);
        Self {
            kind: Kind::Early { response },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Inner { future } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
            KindProj::Early { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(ResponseBody::early))),
                // The contract of `Future` lets a second poll after completion do anything but
                // panic in our layers; waiting for ever is what a fused future does.
                None => Poll::Pending,
            },
        }
    }
}
