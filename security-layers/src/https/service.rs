use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, refuse};
use tower_service::Service;

use super::error::{HttpsRequired, Verdict};
use super::layer::HttpsLayer;

/// Middleware that lets only https through. Built by [`HttpsLayer`].
#[derive(Clone, Debug)]
pub struct Https<S, R = Negotiated> {
    pub(super) inner: S,
    pub(super) layer: HttpsLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Https<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<HttpsRequired>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let HttpsLayer {
            policy,
            counters,
            reject,
        } = &self.layer;
        let Err(verdict) = policy.check(&request) else {
            return ResponseFuture::inner(self.inner.call(request));
        };
        counters.record(&verdict);
        ResponseFuture::early(match verdict {
            Verdict::Redirect(status, location) => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = status;
                response.headers_mut().insert(LOCATION, location);
                response
            }
            Verdict::Refuse(reason) => refuse(reject, reason, &Caller::of(&request)),
        })
    }
}
