use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use portcullis_layer_core::origin::Scheme;

use super::nonce::CspNonce;
use super::policy::Policy;

pin_project! {
    /// Response future of [`SecurityHeaders`](super::SecurityHeaders).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        policy: Arc<Policy>,
        scheme: Scheme,
        nonce: Option<CspNonce>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(
        inner: F,
        policy: Arc<Policy>,
        scheme: Scheme,
        nonce: Option<CspNonce>,
    ) -> Self {
        Self {
            inner,
            policy,
            scheme,
            nonce,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        // The page that the browser kept has the nonce of its own response in it, and headers of a 304 replace those
        // that were kept with it (RFC 9111, section 3.2): a new nonce would block the page's scripts.
        let kept = response.status() == StatusCode::NOT_MODIFIED;
        let nonce = this.nonce.as_ref().filter(|_| !kept);
        this.policy
            .apply(*this.scheme, nonce, response.headers_mut());
        Poll::Ready(Ok(response))
    }
}
