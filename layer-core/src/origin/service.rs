use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use super::{OriginLayer, RequestOrigin};

/// Middleware that resolves the origin of each request. Built by [`OriginLayer`].
#[derive(Clone, Debug)]
pub struct Origin<S> {
    pub(super) inner: S,
    pub(super) layer: OriginLayer,
}

impl<S, ReqBody> Service<Request<ReqBody>> for Origin<S>
where
    S: Service<Request<ReqBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        if request.extensions().get::<RequestOrigin>().is_none() {
            let origin = self.layer.policy.resolve(&request);
            request.extensions_mut().insert(origin);
        }
        self.inner.call(request)
    }
}
