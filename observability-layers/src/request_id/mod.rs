//! Gives every request one identity, and says it to the handler, to the caller and to the logs.
//!
//! ```
//! # use std::{convert::Infallible, net::SocketAddr};
//! # use http::{Request, Response};
//! # use portcullis_layer_core::origin::{PeerAddr, TrustedProxies};
//! # use portcullis_observability_layers::request_id::RequestIdLayer;
//! # use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! # let handler = async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new()));
//! # let request = |peer: [u8; 4]| {
//! #     let mut request = Request::new(());
//! #     request.extensions_mut().insert(PeerAddr(SocketAddr::from((peer, 4711))));
//! #     request.headers_mut().insert("x-request-id", "from-outside".parse().unwrap());
//! #     request
//! # };
//! let service = ServiceBuilder::new()
//!     .layer(RequestIdLayer::new().trusted_proxies(TrustedProxies::loopback()))
//!     .service_fn(handler);
//!
//! let response = service.clone().oneshot(request([127, 0, 0, 1])).await?;
//! assert_eq!(response.headers()["x-request-id"], "from-outside");
//!
//! // Anyone else's id is replaced by a UUIDv7.
//! let response = service.oneshot(request([192, 0, 2, 1])).await?;
//! assert_eq!(response.headers()["x-request-id"].len(), 36);
//! # Ok(())
//! # }
//! ```
//!
//! The identity is in three places: in the request's header, where it replaces what came in, in its
//! extensions as [`RequestId`], where the other layers look for it, and in the header of
//! the answer. There it replaces what the handler may have set: an id that the answer shows and no
//! log line knows is worse than none. A request that already has the extension, from another such
//! layer further out, keeps it.
//!
//! An id from outside is taken from a trusted proxy only, and only if it stands in one
//! header line and is one to 128 letters, digits and `-._~`: nothing that could forge a log line, a
//! label or a header. Ids are unique and sortable, not secret; never use one as a token. A process that
//! forks after it made ids makes the same ones in parent and child: `fork()` before the first request.
//!
//! This layer writes no log line and opens no span. It belongs outermost, so that also the refusals
//! of the other layers carry the id. Behind a proxy that makes ids itself, name the proxy with
//! [`trusted_proxies`](RequestIdLayer::trusted_proxies), or its ids are replaced.

mod generate;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use portcullis_layer_core::origin::TrustedProxies;
pub use portcullis_layer_core::request_id::RequestId;
use tower_layer::Layer;
use tower_service::Service;

/// Gives every request an identity. See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct RequestIdLayer {
    policy: Arc<Policy>,
}

#[derive(Clone, Debug)]
struct Policy {
    header: HeaderName,
    trusted: TrustedProxies,
}

impl RequestIdLayer {
    /// Makes a UUIDv7 for every request, in the header `x-request-id`, and believes nobody's.
    pub fn new() -> Self {
        Self {
            policy: Arc::new(Policy {
                header: HeaderName::from_static("x-request-id"),
                trusted: TrustedProxies::none(),
            }),
        }
    }

    /// The header to read the id from and to write it to.
    pub fn header(mut self, name: HeaderName) -> Self {
        Arc::make_mut(&mut self.policy).header = name;
        self
    }

    /// The peers whose ids are taken over, if they are well formed.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        Arc::make_mut(&mut self.policy).trusted = proxies;
        self
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = WithRequestId<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let policy = Arc::clone(&self.policy);
        WithRequestId { inner, policy }
    }
}

/// A service whose requests have an identity. Built by [`RequestIdLayer`].
#[derive(Clone, Debug)]
pub struct WithRequestId<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for WithRequestId<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let id = match request.extensions().get::<RequestId>() {
            Some(known) => known.header_value().clone(),
            None => {
                let id = self.policy.identify(&request);
                let value = id.header_value().clone();
                request.extensions_mut().insert(id);
                value
            }
        };
        let header = self.policy.header.clone();
        request.headers_mut().insert(header.clone(), id.clone());
        ResponseFuture {
            inner: self.inner.call(request),
            header: Some((header, id)),
        }
    }
}

impl Policy {
    fn identify<B>(&self, request: &Request<B>) -> RequestId {
        self.trusted
            .believes_peer_of(request)
            .then(|| self.inbound(request.headers()))
            .flatten()
            .unwrap_or_else(|| {
                RequestId::new(generate::generate(SystemTime::now()))
                    .expect("a UUID is made of letters, digits and hyphens")
            })
    }

    // Two lines are two opinions, and which one the proxy meant cannot be known.
    fn inbound(&self, headers: &HeaderMap) -> Option<RequestId> {
        let mut values = headers.get_all(&self.header).iter();
        let value = values.next()?;
        values
            .next()
            .is_none()
            .then(|| value.clone())
            .and_then(RequestId::new)
    }
}

pin_project! {
    /// Future of [`WithRequestId`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        header: Option<(HeaderName, HeaderValue)>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some((name, value)) = this.header.take() {
            response.headers_mut().insert(name, value);
        }
        Poll::Ready(Ok(response))
    }
}
