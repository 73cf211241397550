use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::clock::{Clock, SystemClock};
use portcullis_layer_core::future::ResponseFuture as Either;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, refuse};
use tower_service::Service;

use super::error::RateLimited;
use super::future::ResponseFuture;
use super::layer::RateLimitLayer;

/// Middleware that refuses requests over a limit. Built by [`RateLimitLayer`].
#[derive(Clone, Debug)]
pub struct RateLimit<S, R = Negotiated, C = SystemClock> {
    pub(super) inner: S,
    pub(super) layer: RateLimitLayer<R, C>,
}

impl<S, R, C, ReqBody, ResBody> Service<Request<ReqBody>> for RateLimit<S, R, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<RateLimited>,
    C: Clock,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let mut fields = None;
        let decision = self.layer.settings.check(&parts, &mut fields);
        let request = Request::from_parts(parts, body);
        let answer = match decision {
            Ok(()) => Either::inner(self.inner.call(request)),
            Err(reason) => {
                self.layer.counters.record(&reason);
                let caller = Caller::of(&request);
                Either::early(refuse(&self.layer.reject, reason, &caller))
            }
        };
        ResponseFuture::new(answer, fields)
    }
}
