//! Requests, whose answers are held to what all answers promise.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::{Answer, is_described};

/// A request that is being put together.
pub(crate) struct Call {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: HeaderMap,
    /// Whether OpenAPI has to say that the answer may come.
    described: bool,
    /// Sent, unless the headers have another credential.
    token: Option<String>,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: &Method, path: &str) -> Self {
        Self {
            address,
            method: method.clone(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            described: false,
            token: None,
        }
    }

    /// Has OpenAPI say that the answer may come.
    pub(super) fn described(mut self) -> Self {
        self.described = true;
        self
    }

    /// Sends it as whoever has this access token.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub(crate) async fn json(self, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.header("content-type", "application/json")
            .body(body)
            .await
    }

    pub(crate) async fn send(self) -> Answer {
        self.body(Bytes::new()).await
    }

    pub(crate) async fn body(self, body: Bytes) -> Answer {
        let (method, path, described) = (self.method.clone(), self.path.clone(), self.described);
        let (address, request) = self.into_request(body);
        let mut connection = connect(address).await.unwrap();
        let answer = exchange(&mut connection, request).await.unwrap();
        if described {
            let path = path.split('?').next().unwrap_or_default();
            let known = is_described(&method, path, answer.status);
            assert!(known, "undocumented: {method} {path}: {answer:?}");
            answer.is_of_a_known_type();
        }
        answer
    }

    pub(crate) fn into_request(self, body: Bytes) -> (SocketAddr, Request<Full<Bytes>>) {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        let host = self.address.to_string().parse().unwrap();
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert(host);
        let has_another = headers.contains_key(AUTHORIZATION) || headers.contains_key("x-api-key");
        if let Some(token) = self.token.filter(|_| !has_another) {
            let value = format!("Bearer {token}").parse().unwrap();
            headers.insert(AUTHORIZATION, value);
        }
        (self.address, request)
    }
}

pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    Ok(connection)
}

/// Sends a request, and holds the answer to what all answers promise.
pub(crate) async fn exchange(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Answer> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (parts, body) = connection.send_request(request).await?.into_parts();
    let answer = Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    };
    answer.keeps_the_promises_of_all(&method, &path);
    Ok(answer)
}
