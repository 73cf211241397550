use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, refuse};
use tower_service::Service;

use super::body::PermitBody;
use super::error::TooManyInFlight;
use super::future::PermitFuture;
use super::layer::ConcurrencyLimitLayer;

/// Middleware that bounds the requests under way per key. Built by [`ConcurrencyLimitLayer`].
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S, R = Negotiated> {
    pub(super) inner: S,
    pub(super) layer: ConcurrencyLimitLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for ConcurrencyLimit<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<TooManyInFlight>,
{
    type Response = Response<ResponseBody<PermitBody<ResBody>>>;
    type Error = S::Error;
    type Future = ResponseFuture<PermitFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let permit = self.layer.settings.check(&parts);
        let request = Request::from_parts(parts, body);
        match permit {
            Ok(permit) => {
                ResponseFuture::inner(PermitFuture::new(self.inner.call(request), permit))
            }
            Err(reason) => {
                self.layer.counters.record(&reason);
                let caller = Caller::of(&request);
                ResponseFuture::early(refuse(&self.layer.reject, reason, &caller))
            }
        }
    }
}
