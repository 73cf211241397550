use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, refuse};
use tower_service::Service;

use super::{HostLayer, HostRefused};

/// Middleware that refuses requests for unknown hosts. Built by [`HostLayer`].
#[derive(Clone, Debug)]
pub struct Host<S, R = Negotiated> {
    pub(super) inner: S,
    pub(super) layer: HostLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Host<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<HostRefused>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let HostLayer {
            policy,
            counters,
            reject,
        } = &self.layer;
        match policy.check(&request) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(reason) => {
                counters.record(&reason);
                ResponseFuture::early(refuse(reject, reason, &Caller::of(&request)))
            }
        }
    }
}
