//! Carries axum's route from inside of the router to the outside.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::RoutePattern;

/// Puts axum's `MatchedPath` into the response as a [`RoutePattern`], for an
/// [`ObserveLayer`](super::ObserveLayer) that stands outside of the router.
///
/// Add it to the router with `Router::layer` or `Router::route_layer`. A route that is in the
/// response already is kept: that of a router further in says more.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct MatchedRouteLayer(());

impl MatchedRouteLayer {
    /// Makes the layer; there is nothing to set.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for MatchedRouteLayer {
    type Service = MatchedRoute<S>;

    fn layer(&self, inner: S) -> MatchedRoute<S> {
        MatchedRoute { inner }
    }
}

/// Middleware that names the route in the response. Built by [`MatchedRouteLayer`].
#[derive(Clone, Debug)]
pub struct MatchedRoute<S> {
    inner: S,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for MatchedRoute<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MatchedRouteFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let route = RoutePattern::matched(request.extensions());
        let inner = self.inner.call(request);
        MatchedRouteFuture { inner, route }
    }
}

pin_project! {
    /// Future of [`MatchedRoute`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MatchedRouteFuture<F> {
        #[pin]
        inner: F,
        route: Option<RoutePattern>,
    }
}

impl<F, B, E> Future for MatchedRouteFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(route) = this.route.take() {
            response.extensions_mut().get_or_insert_with(|| route);
        }
        Poll::Ready(Ok(response))
    }
}
