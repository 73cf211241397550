//! Fixed paths that a layer answers itself: probes, metrics, key sets.
//!
//! An [`Endpoint`] says which requests are its own and answers them. It stands in a stack as
//! [`EndpointLayer`], which passes everything else on, or alone on a listener of its own as
//! [`EndpointService`].

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{NoBody, ResponseBody, without_body};
use crate::refusal::{Caller, Refusal};

/// Answers the requests for its own paths.
pub trait Endpoint<ReqBody> {
    /// The answer to come. Polled on the connection's task like any response.
    type Future: Future<Output = Response<Bytes>>;

    /// Whether requests for this path are answered here, whatever their method: a wrong method is
    /// answered 405 by the endpoint and not passed on to a handler that may mean something else.
    fn owns(&self, path: &str) -> bool;

    /// Answers a request whose path it owns. `HEAD` is answered as `GET`: the body is cut afterwards.
    fn answer(&self, request: Request<ReqBody>) -> Self::Future;
}

/// The `405` of an endpoint, with the `Allow` header that RFC 9110, 15.5.6 asks for.
pub fn method_not_allowed(allow: &'static str, caller: &Caller) -> Response<Bytes> {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "urn:problem-type:portcullis:method-not-allowed",
        "the method is not allowed for this path",
    )
    .header(http::header::ALLOW, http::HeaderValue::from_static(allow))
    .into_response(caller)
}

/// Whether `method` only reads, as probes and scrapers do.
pub fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Answers an [`Endpoint`]'s paths and passes the rest on.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct EndpointLayer<E> {
    endpoint: E,
}

impl<E> EndpointLayer<E> {
    /// Puts `endpoint` before the inner service.
    pub const fn new(endpoint: E) -> Self {
        Self { endpoint }
    }
}

impl<S, E: Clone> Layer<S> for EndpointLayer<E> {
    type Service = WithEndpoint<S, E>;

    fn layer(&self, inner: S) -> Self::Service {
        let endpoint = self.endpoint.clone();
        WithEndpoint { inner, endpoint }
    }
}

/// A service with an [`Endpoint`] before it. Built by [`EndpointLayer`].
#[derive(Clone, Debug)]
pub struct WithEndpoint<S, E> {
    inner: S,
    endpoint: E,
}

impl<S, E, ReqBody, ResBody> Service<Request<ReqBody>> for WithEndpoint<S, E>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    E: Endpoint<ReqBody>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = EndpointFuture<S::Future, E::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let kind = if self.endpoint.owns(request.uri().path()) {
            let answer = Answer::of(&self.endpoint, request);
            Kind::Answer { answer }
        } else {
            let future = self.inner.call(request);
            Kind::Inner { future }
        };
        EndpointFuture { kind }
    }
}

pin_project! {
    /// Future of [`WithEndpoint`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct EndpointFuture<F, A> {
        #[pin]
        kind: Kind<F, A>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<F, A> {
        Inner { #[pin] future: F },
        Answer { #[pin] answer: Answer<A> },
    }
}

impl<F, A, B, E> Future for EndpointFuture<F, A>
where
    F: Future<Output = Result<Response<B>, E>>,
    A: Future<Output = Response<Bytes>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProj::Inner { future } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
            KindProj::Answer { answer } => {
                let response = ready!(answer.poll(cx));
                Poll::Ready(Ok(response.map(ResponseBody::early)))
            }
        }
    }
}

pin_project! {
    // The endpoint's own future, and what is left to do with its answer.
    #[derive(Debug)]
    struct Answer<A> {
        #[pin]
        future: A,
        head: bool,
    }
}

impl<A> Answer<A> {
    fn of<E, ReqBody>(endpoint: &E, request: Request<ReqBody>) -> Self
    where
        E: Endpoint<ReqBody, Future = A>,
    {
        let head = request.method() == Method::HEAD;
        let future = endpoint.answer(request);
        Self { future, head }
    }
}

impl<A: Future<Output = Response<Bytes>>> Future for Answer<A> {
    type Output = Response<Bytes>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx));
        Poll::Ready(if *this.head {
            without_body(response)
        } else {
            response
        })
    }
}

/// An [`Endpoint`] as a whole service: what it does not own is answered `404`.
#[derive(Clone, Debug)]
pub struct EndpointService<E> {
    endpoint: E,
}

impl<E> EndpointService<E> {
    /// Serves `endpoint` and nothing else.
    pub const fn new(endpoint: E) -> Self {
        Self { endpoint }
    }
}

impl<E: Endpoint<ReqBody>, ReqBody> Service<Request<ReqBody>> for EndpointService<E> {
    type Response = Response<ResponseBody<NoBody>>;
    type Error = Infallible;
    type Future = EndpointServiceFuture<E::Future>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let kind = if self.endpoint.owns(request.uri().path()) {
            let answer = Answer::of(&self.endpoint, request);
            ServiceKind::Answer { answer }
        } else {
            let caller = Caller::of(&request);
            ServiceKind::NotFound { caller }
        };
        EndpointServiceFuture { kind }
    }
}

pin_project! {
    /// Future of [`EndpointService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct EndpointServiceFuture<A> {
        #[pin]
        kind: ServiceKind<A>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ServiceKindProj]
    enum ServiceKind<A> {
        Answer { #[pin] answer: Answer<A> },
        NotFound { caller: Caller },
    }
}

impl<A: Future<Output = Response<Bytes>>> Future for EndpointServiceFuture<A> {
    type Output = Result<Response<ResponseBody<NoBody>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.project().kind.project() {
            ServiceKindProj::Answer { answer } => ready!(answer.poll(cx)),
            ServiceKindProj::NotFound { caller } => not_found(caller),
        };
        Poll::Ready(Ok(response.map(ResponseBody::early)))
    }
}

fn not_found(caller: &Caller) -> Response<Bytes> {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "urn:problem-type:portcullis:not-found",
        "there is nothing at this path",
    )
    .into_response(caller)
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use http::header::{ALLOW, CONTENT_LENGTH};
    use http_body_util::BodyExt as _;
    use tower::{ServiceExt as _, service_fn};

    use super::*;
    use crate::testing::{Mock, TestBody, contract};

    #[derive(Clone, Debug)]
    struct Ping;

    impl<B> Endpoint<B> for Ping {
        type Future = Ready<Response<Bytes>>;

        fn owns(&self, path: &str) -> bool {
            path == "/ping"
        }

        fn answer(&self, request: Request<B>) -> Self::Future {
            ready(if is_read(request.method()) {
                Response::new(Bytes::from_static(b"pong"))
            } else {
                method_not_allowed("GET, HEAD", &Caller::of(&request))
            })
        }
    }

    fn request(method: Method, path: &str) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    async fn text<B>(response: Response<ResponseBody<B>>) -> String
    where
        B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
    {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn layer_answers_its_own_paths_and_passes_the_rest_on() {
        let inner = service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(ResponseBody::<NoBody>::early("inner".into())))
        });
        let service = EndpointLayer::new(Ping).layer(inner);
        for (path, expected) in [("/ping", "pong"), ("/ping/", "inner"), ("/", "inner")] {
            let response = service.clone().oneshot(request(Method::GET, path)).await;
            assert_eq!(text(response.unwrap()).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn the_contract_is_kept() {
        contract::is_a_layer::<EndpointLayer<Ping>, Mock>();
        let other = || Request::new(TestBody::sample());
        contract::keeps(&EndpointLayer::new(Ping), other).await;
    }

    #[tokio::test]
    async fn wrong_method_is_answered_405_and_not_passed_on() {
        let inner = Mock::ok();
        let probe = inner.probe();
        let mut service = EndpointLayer::new(Ping).layer(inner);
        let response = contract::send(&mut service, request(Method::POST, "/ping"));
        let response = response.await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        assert_eq!(probe.calls(), 0);
    }

    #[tokio::test]
    async fn head_gets_the_length_of_the_body_and_not_the_body() {
        let service = EndpointService::new(Ping);
        for (path, length) in [("/ping", "4"), ("/other", "101")] {
            let response = service
                .clone()
                .oneshot(request(Method::HEAD, path))
                .await
                .unwrap();
            assert_eq!(response.headers()[CONTENT_LENGTH], length, "{path}");
            assert_eq!(text(response).await, "");
        }
    }

    #[tokio::test]
    async fn service_of_its_own_answers_404_elsewhere() {
        let service = EndpointService::new(Ping);
        let response = service
            .clone()
            .oneshot(request(Method::GET, "/other"))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let response = service
            .oneshot(request(Method::GET, "/ping"))
            .await
            .unwrap();
        assert_eq!(text(response).await, "pong");
    }
}
