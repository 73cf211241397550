//! A client that shows what came over the wire.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

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

/// Sends one request over a new connection in HTTP/1.1 or HTTP/2 (with prior knowledge).
///
/// HTTP/1.1 gets a `Host` of the server's address unless the request has one; HTTP/2 gets the same
/// as its `:authority`.
///
/// # Panics
///
/// If the connection fails before the response is complete.
pub async fn send(addr: SocketAddr, version: Version, request: Request<Full<Bytes>>) -> Answer {
    let stream = TcpStream::connect(addr).await.expect("the server listens");
    let io = TokioIo::new(stream);
    let response = if version == Version::HTTP_2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
            .await
            .expect("HTTP/2 is spoken");
        tokio::spawn(connection);
        sender.send_request(with_authority(request, addr)).await
    } else {
        let (mut sender, connection) = http1::handshake(io).await.expect("HTTP/1.1 is spoken");
        tokio::spawn(connection);
        sender.send_request(with_host(request, addr)).await
    };
    read(response.expect("the server answers")).await
}

async fn read(response: Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("the body is complete");
    let trailers = body.trailers().cloned();
    let body = body.to_bytes();
    Answer {
        head,
        body,
        trailers,
    }
}

fn with_host(mut request: Request<Full<Bytes>>, addr: SocketAddr) -> Request<Full<Bytes>> {
    let host = HeaderValue::try_from(addr.to_string()).expect("an address is a header value");
    request.headers_mut().entry(HOST).or_insert(host);
    request
}

fn with_authority(mut request: Request<Full<Bytes>>, addr: SocketAddr) -> Request<Full<Bytes>> {
    let uri = format!("http://{addr}{}", request.uri());
    if request.uri().authority().is_none() {
        *request.uri_mut() = uri.parse().expect("an address and a path make a URI");
    }
    request
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
pub async fn check_health(addr: SocketAddr) -> Result<tonic::metadata::MetadataMap, tonic::Status> {
    let endpoint = Endpoint::try_from(format!("http://{addr}")).expect("an address is a URI");
    let channel = endpoint.connect().await.expect("the server listens");
    let mut client = HealthClient::new(channel);
    let response = client.check(HealthCheckRequest::default()).await?;
    Ok(response.metadata().clone())
}
