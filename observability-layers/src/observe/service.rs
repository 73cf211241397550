use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::exchange::{Exchange, Observer};
use super::{ObserveBody, ResponseFuture};

/// Middleware that watches requests. Built by [`ObserveLayer`](super::ObserveLayer).
#[derive(Clone)]
pub struct Observe<S> {
    pub(super) inner: S,
    pub(super) observer: Arc<Observer>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Observe<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes>,
{
    type Response = Response<ObserveBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut exchange = Exchange::start(&self.observer, &request);
        let settings = &self.observer.settings;
        let mut route = None;
        if let Some(route_with) = &settings.route_with {
            // Taken apart, because closures are given the parts.
            let (parts, body) = request.into_parts();
            route = exchange.run(|| route_with(&parts));
            request = Request::from_parts(parts, body);
        }
        exchange.route(route.or_else(|| settings.known_route(&request)));
        let inner = exchange.run(|| self.inner.call(request));
        ResponseFuture::new(inner, exchange)
    }
}

impl<S: fmt::Debug> fmt::Debug for Observe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observe")
            .field("inner", &self.inner)
            .field("settings", &self.observer.settings)
            .finish_non_exhaustive()
    }
}
