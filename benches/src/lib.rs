//! What each layer adds to one request, in process, beside the same service without the layer and
//! beside its best peer.
//!
//! A [`Case`] is one stack under one kind of request. The same cases are timed by the bench
//! `layers`, counted in instructions by callgrind through the binary `drive`, and counted in
//! allocations by the binary `allocations`; `tests/judges/bench/run` puts the three into one table.

mod access_log;
mod auth;
mod headers;
mod health;
mod host;
mod https;
mod ip_filter;
mod limits;
mod mask;
mod metrics;
mod rate_limit;
mod redact;
mod request_id;
mod stack;

use std::convert::Infallible;
use std::fmt::{self, Debug, Display};
use std::future::{self, Future, Ready};
use std::hint::black_box;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use portcullis_layer_core::origin::{ConnectionScheme, PeerAddr, Scheme};
use tower_service::Service;

type Body = Full<Bytes>;

/// Sends as many requests through a stack as its argument says.
pub type Drive = Box<dyn FnMut(u64)>;

/// The stack with nothing but the handler: what the others are measured against.
pub const BARE: &str = "bare";
/// The stack with the layer of this project.
pub const OURS: &str = "portcullis";

/// One stack under one kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The layer that is measured, or `stack` for all of them.
    pub layer: &'static str,
    /// What the request meets, `accepted` or `refused` for instance.
    pub request: &'static str,
    /// [`BARE`], [`OURS`] or the name of the peer.
    pub stack: &'static str,
    build: fn() -> Drive,
}

impl Case {
    const fn new(
        layer: &'static str,
        request: &'static str,
        stack: &'static str,
        build: fn() -> Drive,
    ) -> Self {
        Self {
            layer,
            request,
            stack,
            build,
        }
    }

    /// Builds the stack.
    pub fn build(&self) -> Drive {
        (self.build)()
    }
}

/// `layer/request/stack`, the name under which all three measurements know the case.
impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.layer, self.request, self.stack)
    }
}

/// All cases: those of one layer stand together, and of one request the bare one stands first.
pub fn cases() -> Vec<Case> {
    [
        headers::cases(),
        https::cases(),
        host::cases(),
        ip_filter::cases(),
        rate_limit::cases(),
        limits::cases(),
        mask::cases(),
        request_id::cases(),
        health::cases(),
        access_log::cases(),
        metrics::cases(),
        auth::cases(),
        redact::cases(),
        stack::cases(),
    ]
    .concat()
}

/// Drives `service` with what `request` makes, and reads each answer's body to its end.
fn drive<S, ReqBody, ResBody>(
    mut service: S,
    request: impl Fn() -> Request<ReqBody> + 'static,
) -> Drive
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error: Debug> + 'static,
    ResBody: http_body::Body<Error: Debug>,
{
    Box::new(move |times| {
        for _ in 0..times {
            let (head, body) = answer(&mut service, black_box(request())).into_parts();
            black_box(head);
            let mut body = pin!(body);
            let mut cx = Context::from_waker(Waker::noop());
            while let Some(frame) =
                at_once(body.as_mut().poll_frame(&mut cx).map(Option::transpose))
            {
                black_box(frame);
            }
        }
    })
}

fn answer<S, Req>(service: &mut S, request: Req) -> S::Response
where
    S: Service<Req, Error: Debug>,
{
    let mut cx = Context::from_waker(Waker::noop());
    at_once(service.poll_ready(&mut cx));
    at_once(pin!(service.call(request)).poll(&mut cx))
}

/// Panics where a stack fails or waits: none of these has a reason to.
fn at_once<T, E: Debug>(poll: Poll<Result<T, E>>) -> T {
    match poll {
        Poll::Ready(Ok(value)) => value,
        Poll::Ready(Err(error)) => panic!("the stack failed: {error:?}"),
        Poll::Pending => panic!("the stack waits for something"),
    }
}

/// A handler that answers every request with `200`, the same headers and a short body.
#[derive(Debug)]
struct Handler<B> {
    headers: HeaderMap,
    body: PhantomData<fn() -> B>,
}

// Not derived: that would ask the body to be `Clone`.
impl<B> Clone for Handler<B> {
    fn clone(&self) -> Self {
        Self::new(self.headers.clone())
    }
}

impl<B> Handler<B> {
    fn new(headers: HeaderMap) -> Self {
        let body = PhantomData;
        Self { headers, body }
    }
}

impl<ReqBody, B: From<&'static str>> Service<Request<ReqBody>> for Handler<B> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<ReqBody>) -> Self::Future {
        let mut response = Response::new(B::from("ok"));
        if !self.headers.is_empty() {
            *response.headers_mut() = self.headers.clone();
        }
        future::ready(Ok(response))
    }
}

/// The handler of most stacks.
fn handler() -> Handler<Body> {
    Handler::new(HeaderMap::new())
}

/// A small request as an API gets it, with what its server has put into the extensions.
fn request() -> Request<Body> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from_static("https://api.example.com/users/42");
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("example/1.0"));
    let extensions = request.extensions_mut();
    extensions.insert(PeerAddr(PEER));
    extensions.insert(ConnectionScheme(Scheme::Https));
    request
}

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)), 51_234);
