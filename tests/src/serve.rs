//! A server for each of the three stacks.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis_layer_core::origin::PeerAddr;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tonic::transport::server::TcpIncoming;
use tower::ServiceExt as _;
use tower_layer::Layer;
use tower_service::Service;

/// What the handlers of all stacks answer.
pub const GREETING: &str = "hello";

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A server that ends when this is dropped.
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct Server {
    addr: SocketAddr,
    task: AbortHandle,
}

impl Server {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has a free port");
    let addr = listener
        .local_addr()
        .expect("a bound socket has an address");
    (listener, addr)
}

/// The handler behind [`hyper()`]'s layers: greets whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Greeter;

impl<B> Service<Request<B>> for Greeter {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::from(GREETING))))
    }
}

/// A handler that reads the body and sends it back, and fails where the body does: for [`hyper()`], through
/// `tower::service_fn`.
///
/// # Errors
///
/// The body's.
pub async fn echo<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, BoxError>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    let body = request.into_body().collect().await.map_err(Into::into)?;
    Ok(Response::new(Full::from(body.to_bytes())))
}

/// Serves any tower service with hyper, over HTTP/1.1 and HTTP/2 without TLS.
pub async fn hyper<S, B>(service: S) -> Server
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (listener, addr) = listen().await;
    let task = tokio::spawn(async move {
        // Dropped with the task, so that no connection outlives its server.
        let mut connections = JoinSet::new();
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service
                .clone()
                .map_request(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(PeerAddr(peer));
                    request
                });
            connections.spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // How a connection ends is for the test to judge, at its own end of it.
                let _ended = server
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                    .await;
            });
        }
    });
    let task = task.abort_handle();
    Server { addr, task }
}

/// The routes behind [`axum()`]'s layers: `GET /` greets, `GET /items/{id}` names the item, `POST /echo`
/// sends the body back.
pub fn routes() -> Router {
    use axum::extract::Path;
    Router::new()
        .route("/", get(GREETING))
        .route("/items/{id}", get(async |Path(id): Path<String>| id))
        .route("/echo", post(async |body: Bytes| body))
}

/// Serves a router with axum.
pub async fn axum(router: Router) -> Server {
    let (listener, addr) = listen().await;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(async move { axum::serve(listener, service).await });
    let task = task.abort_handle();
    Server { addr, task }
}

/// Serves the standard health service with tonic, inside `layer`.
pub async fn tonic<L, B>(layer: L) -> Server
where
    L: Layer<tonic::service::Routes> + Clone + Send + 'static,
    L::Service:
        Service<Request<tonic::body::Body>, Response = Response<B>> + Clone + Send + 'static,
    <L::Service as Service<Request<tonic::body::Body>>>::Future: Send,
    <L::Service as Service<Request<tonic::body::Body>>>::Error: Into<BoxError> + Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (listener, addr) = listen().await;
    // The reporter announces the whole server (the service with the empty name) as serving.
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = tonic::transport::Server::builder()
        .layer(layer)
        .add_service(health)
        .serve_with_incoming(TcpIncoming::from(listener));
    let task = tokio::spawn(server).abort_handle();
    Server { addr, task }
}
