use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::MaskBody;
use super::future::ResponseFuture;
use super::layer::MaskLayer;

/// Middleware that marks and masks what is secret. Built by [`MaskLayer`].
#[derive(Clone, Debug)]
pub struct Mask<S> {
    pub(super) inner: S,
    pub(super) layer: MaskLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Mask<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<MaskBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let policy = &self.layer.policy;
        policy.request(request.headers_mut());
        ResponseFuture::new(self.inner.call(request), policy.clone())
    }
}
