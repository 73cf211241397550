use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_layer_core::origin::Scheme;
use tower_service::Service;

use super::future::ResponseFuture;
use super::nonce::CspNonce;
use super::policy::Policy;

/// Middleware that adds security headers to responses. Built by [`SecurityHeadersLayer`](super::SecurityHeadersLayer).
#[derive(Clone, Debug)]
pub struct SecurityHeaders<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S> SecurityHeaders<S> {
    pub(super) const fn new(inner: S, policy: Arc<Policy>) -> Self {
        Self { inner, policy }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SecurityHeaders<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let scheme = if self.policy.needs_scheme() {
            self.policy.origin.scheme(&request)
        } else {
            Scheme::Http
        };
        let nonce = self.policy.needs_nonce().then(|| nonce_for(&mut request));
        let policy = Arc::clone(&self.policy);
        ResponseFuture::new(self.inner.call(request), policy, scheme, nonce)
    }
}

/// A layer further out may have made one, and the handler can obey one only.
fn nonce_for<B>(request: &mut Request<B>) -> CspNonce {
    if let Some(nonce) = CspNonce::of(request) {
        return nonce.clone();
    }
    let nonce = CspNonce::random();
    request.extensions_mut().insert(nonce.clone());
    nonce
}
