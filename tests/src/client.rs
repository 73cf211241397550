//! A client that shows what came over the wire.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::serve::BoxError;

/// A response read to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The head of the response.
    pub head: http::response::Parts,
    /// All of its data.
    pub body: Bytes,
    /// Its trailers, if it had any.
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// The value of a header, which is text and is there once.
    ///
    /// # Panics
    ///
    /// If it is there several times or is no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there more than once");
        value.map(|value| value.to_str().expect("the header is text"))
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// A request for `path`, with no body.
///
/// # Panics
///
/// If `path` is no request target.
pub fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .body(Full::default())
        .expect("the path is a request target")
}

/// A request that sends `body`, as `content_type`, to `path`.
///
/// # Panics
///
/// If `path` is no request target or `content_type` no header value.
pub fn post(path: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header(CONTENT_TYPE, content_type)
        .body(Full::new(body.into()))
        .expect("the path is a request target and the type a header value")
}

/// The request of [`check_health`], built by hand: in `content_type`, with one empty message.
pub fn grpc(content_type: &str) -> Request<Full<Bytes>> {
    let message: &[u8] = if content_type.starts_with("application/grpc-web-text") {
        b"AAAAAAA="
    } else {
        &[0; 5]
    };
    post("/grpc.health.v1.Health/Check", content_type, message)
}

/// Sends one request over a new connection in HTTP/1.1 or HTTP/2 (with prior knowledge).
///
/// HTTP/1.1 gets a `Host` of the server's address unless the request has one; HTTP/2 gets the same
/// as its `:authority`.
///
/// # Panics
///
/// If the connection fails before the response is complete.
pub async fn send<B>(addr: SocketAddr, version: Version, mut request: Request<B>) -> Answer
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if version == Version::HTTP_2 {
        return Http2::connect(addr).await.send(request).await;
    }
    let stream = TcpStream::connect(addr).await.expect("the server listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/1.1 is spoken");
    tokio::spawn(connection);
    let host = HeaderValue::try_from(addr.to_string()).expect("an address is a header value");
    request.headers_mut().entry(HOST).or_insert(host);
    read(sender.send_request(request).await).await
}

/// A connection of HTTP/2, for several requests.
#[derive(Debug)]
pub struct Http2<B> {
    addr: SocketAddr,
    sender: http2::SendRequest<B>,
}

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    /// Connects, with prior knowledge.
    ///
    /// # Panics
    ///
    /// If nobody listens who speaks HTTP/2.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the server listens");
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2 is spoken");
        tokio::spawn(connection);
        Self { addr, sender }
    }

    /// Sends one request as a stream of its own.
    ///
    /// # Panics
    ///
    /// If the connection or the stream fails before the response is complete.
    pub async fn send(&mut self, mut request: Request<B>) -> Answer {
        if request.uri().authority().is_none() {
            let uri = format!("http://{}{}", self.addr, request.uri());
            *request.uri_mut() = uri.parse().expect("an address and a path make a URI");
        }
        read(self.sender.send_request(request).await).await
    }
}

async fn read(response: hyper::Result<Response<Incoming>>) -> Answer {
    let (head, body) = response.expect("the server answers").into_parts();
    let body = body.collect().await.expect("the body is complete");
    let trailers = body.trailers().cloned();
    let body = body.to_bytes();
    Answer {
        head,
        body,
        trailers,
    }
}

/// Asks a tonic server for its health, as a generated gRPC client does.
///
/// # Errors
///
/// The status that the call ended with.
///
/// # Panics
///
/// If there is no server.
pub async fn check_health(addr: SocketAddr) -> Result<MetadataMap, Status> {
    check_health_with(addr, MetadataMap::new()).await
}

/// [`check_health`], with this metadata.
///
/// # Errors
///
/// The status that the call ended with.
///
/// # Panics
///
/// If there is no server.
pub async fn check_health_with(
    addr: SocketAddr,
    metadata: MetadataMap,
) -> Result<MetadataMap, Status> {
    let endpoint = Endpoint::try_from(format!("http://{addr}")).expect("an address is a URI");
    let channel = endpoint.connect().await.expect("the server listens");
    let mut client = HealthClient::new(channel);
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    *request.metadata_mut() = metadata;
    let response = client.check(request).await?;
    Ok(response.metadata().clone())
}
