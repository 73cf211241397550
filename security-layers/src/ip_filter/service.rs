use std::net::IpAddr;
use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture;
use portcullis_layer_core::refusal::{Caller, Negotiated, Reject, refuse};
use portcullis_layer_core::request_id::RequestId;
use tower_service::Service;

use super::{IpFilterLayer, IpRefused};

/// Middleware that lets requests through by client address. Built by [`IpFilterLayer`].
#[derive(Clone, Debug)]
pub struct IpFilter<S, R = Negotiated> {
    pub(super) inner: S,
    pub(super) layer: IpFilterLayer<R>,
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for IpFilter<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<IpRefused>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let IpFilterLayer {
            policy,
            counters,
            reject,
        } = &self.layer;
        let client = policy.origin.client_ip(&request);
        match policy.check(client) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(reason) => {
                let caller = Caller::of(&request);
                counters.record(&reason);
                audit(reason, client, &caller);
                ResponseFuture::early(refuse(reject, reason, &caller))
            }
        }
    }
}

/// Nothing in the event is text of the client's: the address has been parsed, the request id checked.
fn audit(reason: IpRefused, client: Option<IpAddr>, caller: &Caller) {
    tracing::warn!(
        target: "portcullis::audit",
        event = "authz_fail",
        outcome = "blocked",
        reason = reason.as_str(),
        ip = client.map(tracing::field::display),
        request_id = caller.request_id().map(RequestId::as_str),
    );
}
