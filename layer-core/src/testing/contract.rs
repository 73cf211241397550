//! The promises themselves.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{self, Collected, TestBody};
use super::mock::{Mock, MockError};
use crate::refusal::{GrpcCode, Protocol};

/// A layer and its service can be shared and shown: `Clone + Send + Sync + Debug + 'static`.
pub fn is_a_layer<L, S>()
where
    L: Layer<S> + Clone + Debug + Send + Sync + 'static,
    L::Service: Clone + Debug + Send + Sync + 'static,
{
}

/// Runs every check of this module that needs no refusal, with requests that the layer lets through.
///
/// # Panics
///
/// Where the layer breaks a promise.
pub async fn keeps<L, B>(layer: &L, request: impl Fn() -> Request<TestBody>)
where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError> + Clone,
    B: Body<Data = Bytes, Error: Debug>,
{
    forwards_readiness(layer);
    calls_the_instance_that_was_ready(layer, &request).await;
    passes_errors_on(layer, &request).await;
    passes_responses_on(layer, &request).await;
    leaves_no_trace_when_dropped(layer, &request).await;
}

/// `poll_ready` says what the inner service says.
///
/// # Panics
///
/// Where it does not.
pub fn forwards_readiness<L, B>(layer: &L)
where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut poll = |mock| layer.layer(mock).poll_ready(&mut cx);
    assert!(
        poll(Mock::ok()).is_ready(),
        "a ready service was reported busy"
    );
    assert!(
        poll(Mock::never_ready()).is_pending(),
        "a busy service was reported ready"
    );
    let failed = poll(Mock::failing_to_get_ready());
    assert_eq!(
        failed,
        Poll::Ready(Err(MockError)),
        "a failure to get ready was lost"
    );
}

/// The instance that was polled ready is the one that is called, also by clones and a second time.
///
/// # Panics
///
/// Where it is not.
pub async fn calls_the_instance_that_was_ready<L, B>(
    layer: &L,
    request: impl Fn() -> Request<TestBody>,
) where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError> + Clone,
{
    let mock = Mock::ok();
    let probe = mock.probe();
    let mut service = layer.layer(mock);
    let mut clone = service.clone();
    for _ in 0..2 {
        send(&mut service, request())
            .await
            .expect("the mock answers");
        send(&mut clone, request()).await.expect("the mock answers");
    }
    assert_eq!(
        probe.calls(),
        4,
        "each accepted request reaches the inner service once"
    );
}

/// The inner service's error comes out as it is.
///
/// # Panics
///
/// Where it does not.
pub async fn passes_errors_on<L, B>(layer: &L, request: impl Fn() -> Request<TestBody>)
where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError>,
{
    let result = send(&mut layer.layer(Mock::failing()), request()).await;
    assert_eq!(
        result.err(),
        Some(MockError),
        "the inner service's error was lost"
    );
}

/// Status, headers, extensions and every frame of the inner response come out, and the body conforms.
///
/// # Panics
///
/// Where they do not.
pub async fn passes_responses_on<L, B>(layer: &L, request: impl Fn() -> Request<TestBody>)
where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError>,
    B: Body<Data = Bytes, Error: Debug>,
{
    #[derive(Clone, Debug, PartialEq)]
    struct Mark;

    let bodies: [fn() -> TestBody; 4] = [
        TestBody::empty,
        TestBody::sample,
        || TestBody::sample().unsized_(),
        || TestBody::new([Bytes::from_static(b"cut")]).then_fail(),
    ];
    for make in bodies {
        let mock = Mock::answering(move |_| {
            let mut response = Response::new(make());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
                .headers_mut()
                .insert("x-inner", HeaderValue::from_static("kept"));
            response.extensions_mut().insert(Mark);
            response
        });
        let response = send(&mut layer.layer(mock), request())
            .await
            .expect("the mock answers");
        assert_eq!(
            response.status(),
            StatusCode::ACCEPTED,
            "the inner status was changed"
        );
        assert_eq!(
            response.headers().get("x-inner"),
            Some(&HeaderValue::from_static("kept"))
        );
        assert_eq!(
            response.extensions().get(),
            Some(&Mark),
            "an inner extension was lost"
        );
        let expected = body::conforms(make()).await;
        let actual = body::conforms(response.into_body()).await;
        assert_eq!(actual.data, expected.data, "the data was changed");
        assert_eq!(
            actual.trailers, expected.trailers,
            "the trailers were changed"
        );
        assert_eq!(
            actual.error.is_some(),
            expected.error.is_some(),
            "an error was lost or made up"
        );
    }
}

/// How often a future is polled before it counts as stuck.
const POLLS: usize = 100;

/// A response future or a body that is dropped half-way takes everything of the inner service with it.
///
/// # Panics
///
/// Where something stays alive.
pub async fn leaves_no_trace_when_dropped<L, B>(layer: &L, request: impl Fn() -> Request<TestBody>)
where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError>,
    B: Body<Data = Bytes>,
{
    let mock = Mock::hanging();
    let probe = mock.probe();
    let mut service = layer.layer(mock);
    {
        let mut future = pin!(send(&mut service, request()));
        let mut cx = Context::from_waker(Waker::noop());
        // A layer may have to wait for something itself before it calls the inner service.
        for _ in 0..POLLS {
            let polled = future.as_mut().poll(&mut cx);
            assert!(polled.is_pending(), "a hanging service was answered for");
            if probe.alive() > 0 {
                break;
            }
        }
        assert_eq!(
            probe.alive(),
            1,
            "the request did not reach the inner service"
        );
    }
    assert_eq!(
        probe.alive(),
        0,
        "the inner future outlives the dropped one"
    );

    let mock = Mock::answering(|_| {
        Response::new(TestBody::new([Bytes::from_static(b"some")]).then_hang())
    });
    let probe = mock.probe();
    let response = send(&mut layer.layer(mock), request())
        .await
        .expect("the mock answers");
    {
        let mut body = pin!(response.into_body());
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        assert!(
            frame.is_some_and(|frame| frame.is_ok()),
            "the first chunk was lost"
        );
        assert_eq!(probe.alive(), 1, "the inner body is gone before its end");
    }
    assert_eq!(probe.alive(), 0, "the inner body outlives the dropped one");
}

/// The layer refuses what `request` makes: the inner service never sees it, and the refusal is right
/// for its caller in all four protocols: a problem document with `status`, or the gRPC `code`.
///
/// # Panics
///
/// Where the layer lets the request through or answers wrongly.
pub async fn refuses<L, B>(
    layer: &L,
    request: impl Fn() -> Request<TestBody>,
    status: StatusCode,
    code: GrpcCode,
) where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error = MockError>,
    B: Body<Data = Bytes, Error: Debug>,
{
    for (protocol, content_type) in [
        (Protocol::Http, None),
        (Protocol::Grpc, Some("application/grpc")),
        (Protocol::GrpcWeb, Some("application/grpc-web+proto")),
        (Protocol::GrpcWebText, Some("application/grpc-web-text")),
    ] {
        let mock = Mock::ok();
        let probe = mock.probe();
        let mut request = request();
        if let Some(content_type) = content_type {
            let value = HeaderValue::from_static(content_type);
            request.headers_mut().insert(CONTENT_TYPE, value);
            *request.method_mut() = Method::POST;
        }
        let response = send(&mut layer.layer(mock), request)
            .await
            .expect("refusals are answers");
        assert_eq!(
            probe.calls(),
            0,
            "a refused request reached the inner service"
        );
        let (head, refusal) = response.into_parts();
        let refusal = body::conforms(refusal).await;
        let said = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let said = String::from_utf8_lossy(said.unwrap_or_default());
        if protocol == Protocol::Http {
            assert_eq!(head.status, status, "the status of the refusal");
            assert_eq!(said, "application/problem+json");
            let problem: serde_json::Value =
                serde_json::from_slice(&refusal.data).expect("a problem document is JSON");
            assert_eq!(
                problem["status"],
                status.as_u16(),
                "the document repeats the status"
            );
            for member in ["type", "title"] {
                assert!(problem[member].is_string(), "the document has a {member}");
            }
            continue;
        }
        assert_eq!(head.status, StatusCode::OK, "gRPC answers with HTTP 200");
        let expected = code.header_value();
        let expected = expected.to_str().unwrap_or_default();
        if protocol == Protocol::Grpc {
            assert_eq!(said, "application/grpc");
            assert_eq!(head.headers["grpc-status"], expected, "the gRPC code");
            assert!(
                refusal.data.is_empty() && refusal.trailers.is_none(),
                "trailers-only"
            );
        } else {
            assert!(
                said.starts_with("application/grpc-web"),
                "{said} is no grpc-web"
            );
            let status = web_status(protocol, &refusal);
            assert_eq!(
                status.as_deref(),
                Some(expected),
                "the gRPC code in the trailer frame"
            );
        }
    }
}

fn web_status<E>(protocol: Protocol, refusal: &Collected<E>) -> Option<String> {
    let frame = if protocol == Protocol::GrpcWebText {
        STANDARD.decode(&refusal.data).ok()?
    } else {
        refusal.data.clone()
    };
    let (head, trailers) = frame.split_at_checked(5)?;
    let length = u32::from_be_bytes(head[1..].try_into().ok()?);
    if head[0] != 0x80 || usize::try_from(length) != Ok(trailers.len()) {
        return None;
    }
    let trailers = std::str::from_utf8(trailers).ok()?;
    let status = trailers
        .split("\r\n")
        .find_map(|line| line.strip_prefix("grpc-status:"))?;
    Some(status.trim().to_owned())
}

/// Waits for readiness, then sends one request: what a caller that keeps its side of the contract does.
///
/// # Errors
///
/// The service's own.
pub async fn send<S, R>(service: &mut S, request: R) -> Result<S::Response, S::Error>
where
    S: Service<R>,
{
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}
