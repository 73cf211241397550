//! `MaskLayer` on each stack: what comes over the wire when a service tells too much.

use std::convert::Infallible;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RANGE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portcullis_layer_core::testing::TestBody;
use portcullis_security_layers::mask::{JsonFields, MaskLayer};
use portcullis_tests::serve::Server;
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::service_fn;
use tower_layer::Layer as _;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];
const SECRET: &str = "vK8#qd/Lm\"x7Zp";

fn layer() -> MaskLayer {
    let known = portcullis_secrets::redact::KnownSecrets::new();
    known
        .insert("database", SECRET.as_bytes(), Instant::now())
        .expect("it is random");
    let fields = JsonFields::new(["password", "card.number"]).expect("these are names");
    MaskLayer::new().known_secrets(known).fields(fields)
}

fn chunks(text: &str, size: usize) -> TestBody {
    let chunks = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
    let chunks: Vec<_> = chunks.collect();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", HeaderValue::from_static("here"));
    TestBody::new(chunks).with_trailers(trailers).unsized_()
}

/// What a service says that keeps nothing to itself.
fn document() -> String {
    let profile = serde_json::json!({
        "name": "Ada",
        "password": {"hash": ["argon2id", "c2FsdA"]},
        "card": {"number": 4_111_111_111_111_111_u64, "month": "12/26"},
        "error": format!("cannot connect with {SECRET}"),
        "text": "x".repeat(100_000),
        "tags": [1, null, {"number": 5}],
    });
    profile.to_string()
}

fn is_masked(text: &str) {
    let document: serde_json::Value = serde_json::from_str(text).expect("it is JSON still");
    assert_eq!(document["password"], "[REDACTED]");
    assert_eq!(document["card"]["number"], "[REDACTED]");
    assert_eq!(document["card"]["month"], "12/26");
    assert_eq!(document["error"], "cannot connect with [REDACTED]");
    assert_eq!(document["text"], "x".repeat(100_000));
    assert_eq!(
        document["tags"],
        serde_json::json!([1, null, {"number": 5}])
    );
}

async fn hyper(layer: &MaskLayer, size: usize) -> Server {
    let answer = move |_| async move {
        Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(chunks(&document(), size))
    };
    serve::hyper(layer.layer(service_fn(answer))).await
}

fn router() -> Router {
    let json = [(CONTENT_TYPE, "application/json")];
    let image = [(CONTENT_TYPE, "image/png")];
    Router::new()
        .route("/", get(async move || (json, document())))
        .route("/text", get(async || format!("<p>{SECRET}</p>")))
        .route("/image", get(async move || (image, SECRET)))
        .route("/short", get(async || "hello"))
        .route("/none", get(async || StatusCode::NO_CONTENT))
}

async fn axum(layer: &MaskLayer) -> Server {
    serve::axum(router().layer(layer.clone())).await
}

#[tokio::test]
async fn a_document_is_masked_in_whatever_chunks_it_comes() {
    let layer = layer();
    for size in [7, 4096, 1_000_000] {
        let server = hyper(&layer, size).await;
        for version in VERSIONS {
            let mut request = client::get("/");
            // A client of HTTP/1.1 gets trailers if it asks for them.
            request
                .headers_mut()
                .insert("te", HeaderValue::from_static("trailers"));
            let answer = client::send(server.addr(), version, request).await;
            is_masked(answer.text());
            if version == Version::HTTP_2 {
                let trailers = answer.trailers.expect("trailers stay");
                assert_eq!(trailers["x-end"], "here");
            }
        }
    }
    let server = axum(&layer).await;
    for version in VERSIONS {
        let answer = client::send(server.addr(), version, client::get("/")).await;
        is_masked(answer.text());
        let answer = client::send(server.addr(), version, client::get("/text")).await;
        assert_eq!(answer.text(), "<p>[REDACTED]</p>");
    }
    let stats = layer.stats();
    assert_eq!((stats.scanned, stats.secrets, stats.fields), (10, 10, 16));
}

#[tokio::test]
async fn what_is_not_searched_arrives_with_its_length() {
    let (server, bare) = (axum(&layer()).await, serve::axum(router()).await);
    for version in VERSIONS {
        for path in ["/image", "/short", "/none"] {
            let answer = client::send(server.addr(), version, client::get(path)).await;
            let expected = client::send(bare.addr(), version, client::get(path)).await;
            assert_eq!(answer.body, expected.body);
            let length = expected.header("content-length");
            assert_eq!(answer.header("content-length"), length, "{path}");
            assert!(length.is_some() || path == "/none");
        }
    }
}

#[tokio::test]
async fn the_answer_to_head_tells_no_length_and_leaves_the_connection_usable() {
    for server in [axum(&layer()).await, hyper(&layer(), 4096).await] {
        let mut wire = Wire::connect(server.addr()).await;
        for _ in 0..2 {
            wire.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let answer = wire.read().await;
            assert_eq!(answer.head.status, StatusCode::OK);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("content-length"), None);
        }
    }
    // hyper sends the body over HTTP/2 if there is one; axum leaves it out.
    let mut head = client::get("/");
    *head.method_mut() = Method::HEAD;
    let server = axum(&layer()).await;
    let answer = client::send(server.addr(), Version::HTTP_2, head).await;
    assert_eq!(answer.head.status, StatusCode::OK);
    assert_eq!(answer.header("content-length"), None);
}

#[tokio::test]
async fn a_secret_cannot_be_fetched_in_two_halves() {
    // Serves the ranges that it is asked for, as a file server does.
    async fn file(
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Full<Bytes>>, http::Error> {
        let (status, text) = match request.headers().get(RANGE) {
            Some(range) if range == "bytes=0-6" => (StatusCode::PARTIAL_CONTENT, &SECRET[..7]),
            Some(_) => (StatusCode::PARTIAL_CONTENT, &SECRET[7..]),
            None => (StatusCode::OK, SECRET),
        };
        Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "text/plain")
            .header("accept-ranges", "bytes")
            .body(Full::from(text))
    }
    let server = serve::hyper(layer().layer(service_fn(file))).await;
    for version in VERSIONS {
        for range in ["bytes=0-6", "bytes=7-"] {
            let mut request = client::get("/");
            let range = HeaderValue::from_static(range);
            request.headers_mut().insert(RANGE, range);
            let answer = client::send(server.addr(), version, request).await;
            assert_eq!(answer.head.status, StatusCode::OK);
            assert_eq!(answer.text(), "[REDACTED]");
            assert_eq!(answer.header("accept-ranges"), None);
        }
    }
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let events = |_| async {
        let events = ["data: 1\n\n", "data: vK8#qd", "/Lm\"x7Zp\n\ndata: vK8"];
        let body = TestBody::new(events.map(Bytes::from)).then_hang();
        Response::builder()
            .header(CONTENT_TYPE, "text/event-stream")
            .body(body)
    };
    let server = serve::hyper(layer().layer(service_fn(events))).await;
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = client::get("/");
    let host = HeaderValue::from_static("a");
    request.headers_mut().insert("host", host);
    let mut body = sender.send_request(request).await.unwrap().into_body();
    // The stream does not end, so all of this comes before its end.
    let mut received = Vec::new();
    while received.len() < "data: 1\n\ndata: [REDACTED]\n\ndata: ".len() {
        let frame = body.frame().await.expect("the stream goes on").unwrap();
        received.extend(frame.into_data().unwrap());
    }
    assert_eq!(received, b"data: 1\n\ndata: [REDACTED]\n\ndata: ");
}

#[tokio::test]
async fn http_2_never_indexes_sensitive_headers() {
    async fn login(request: Request<hyper::body::Incoming>) -> Result<Response<Body>, Infallible> {
        assert!(request.headers()[AUTHORIZATION].is_sensitive());
        let cookie = HeaderValue::from_static("session=s3cr3t");
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(SET_COOKIE, cookie);
        Ok(response)
    }
    let server = serve::hyper(MaskLayer::new().layer(service_fn(login))).await;
    // Settings, and `GET /` with the authority `a` and the token `s`, both as literals.
    let fields = b"\x82\x86\x84\x41\x01a\x1f\x08\x01s";
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream
        .write_all(b"\0\0\x0a\x01\x05\0\0\0\x01")
        .await
        .unwrap();
    stream.write_all(fields).await.unwrap();
    let headers = loop {
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await.unwrap();
        let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        if frame[3] == 1 {
            break payload;
        }
    };
    // "Never indexed" (RFC 7541, 6.2.3), and number 55 of the static table, which is `set-cookie`.
    let never_indexed = [0x1f, 55 - 15];
    let is_there = headers.windows(2).any(|window| window == never_indexed);
    assert!(is_there, "{headers:x?}");
}

#[tokio::test]
async fn grpc_is_left_as_it_is_and_counted() {
    let layer = layer();
    let server = serve::tonic(layer.clone()).await;
    client::check_health(server.addr()).await.unwrap();
    assert_eq!(layer.stats().grpc, 1);
    assert_eq!(layer.stats().scanned, 0);
}
