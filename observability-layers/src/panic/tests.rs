use std::convert::Infallible;
use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::Full;
use portcullis_layer_core::refusal::{Caller, GrpcCode};
use portcullis_layer_core::request_id::RequestId;
use portcullis_layer_core::testing::{Mock, MockError, TestBody, body, contract};
use tower::{Service, service_fn};
use tower_layer::Layer as _;

use super::{BodyError, CatchPanicLayer, PanicReport, Panicked, Stage};

fn request() -> Request<TestBody> {
    Request::new(TestBody::empty())
}

fn identified() -> Request<TestBody> {
    let mut request = request();
    let id = RequestId::new(HeaderValue::from_static("id-7")).unwrap();
    request.extensions_mut().insert(id);
    request
}

/// A layer, and what it reported.
fn reporting() -> (CatchPanicLayer, Arc<Mutex<Vec<PanicReport>>>) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let layer =
        CatchPanicLayer::new().on_panic(move |report| seen.lock().unwrap().push(report.clone()));
    (layer, reports)
}

/// Sends a request through the layer and returns status, content type and body of the answer.
async fn answer<S, B>(mut service: S, request: Request<TestBody>) -> (StatusCode, String, String)
where
    S: Service<Request<TestBody>, Response = Response<B>, Error: Debug>,
    B: Body<Data = Bytes, Error: Debug>,
{
    let response = contract::send(&mut service, request).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Panicked));
    let status = response.status();
    let content_type = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let data = body::conforms(response.into_body()).await.data;
    (status, content_type, String::from_utf8(data).unwrap())
}

#[tokio::test]
async fn layer_keeps_the_contract() {
    contract::is_a_layer::<CatchPanicLayer, Mock>();
    contract::keeps(&CatchPanicLayer::new(), request).await;
}

#[tokio::test]
async fn panic_is_answered_without_its_words_and_reported_with_them() {
    async fn before_awaiting(_: Request<TestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
        panic!("the password is hunter2")
    }
    async fn after_awaiting(_: Request<TestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
        tokio::task::yield_now().await;
        panic!("the password is hunter2")
    }

    let (layer, reports) = reporting();
    let answers = [
        answer(layer.layer(service_fn(before_awaiting)), identified()).await,
        answer(layer.layer(service_fn(after_awaiting)), identified()).await,
    ];
    for (status, content_type, body) in answers {
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(content_type, "application/problem+json");
        assert!(!body.contains("hunter2"), "{body}");
        assert!(body.contains("urn:problem-type:portcullis:internal-error"));
        assert!(body.contains("urn:request:id-7"), "{body}");
    }
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 2);
    for report in reports.iter() {
        assert_eq!(report.message(), "the password is hunter2");
        assert_eq!(report.stage(), Stage::Service);
        assert_eq!(report.request_id().map(RequestId::as_str), Some("id-7"));
    }
}

#[tokio::test]
async fn panic_in_call_itself_is_answered() {
    let (layer, reports) = reporting();
    let mock = Mock::answering(|_| panic!("in call"));
    let (status, ..) = answer(layer.layer(mock), request()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(reports.lock().unwrap()[0].message(), "in call");
}

#[tokio::test]
async fn grpc_callers_are_answered_internal() {
    for (content_type, expected) in [
        ("application/grpc", "application/grpc"),
        ("application/grpc-web+proto", "application/grpc-web+proto"),
    ] {
        let mut service = CatchPanicLayer::new().layer(Mock::answering(|_| panic!("bug")));
        let mut request = request();
        *request.method_mut() = Method::POST;
        let value = HeaderValue::from_static(content_type);
        request.headers_mut().insert("content-type", value);
        let response = contract::send(&mut service, request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], expected);
        if content_type == "application/grpc" {
            let code = GrpcCode::Internal.header_value();
            assert_eq!(response.headers()["grpc-status"], code);
        }
    }
}

#[tokio::test]
async fn service_answers_again_after_a_panic() {
    let mut service = CatchPanicLayer::new().layer(Mock::answering(|parts| {
        assert_eq!(parts.uri.path(), "/", "bug");
        Response::new(TestBody::sample())
    }));
    let mut bug = request();
    *bug.uri_mut() = "/bug".parse().unwrap();
    let response = contract::send(&mut service, bug).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let response = contract::send(&mut service, request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn answer_is_configurable() {
    let layer = CatchPanicLayer::new().reject_with(|_: &Panicked, _: &Caller| {
        let mut response = Response::new("our own words");
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert("content-type", text);
        response
    });
    let service = layer.layer(Mock::answering(|_| panic!("bug")));
    let (status, _, body) = answer(service, request()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, "our own words");
}

#[tokio::test]
async fn panicking_hook_spoils_nothing() {
    let layer = CatchPanicLayer::new().on_panic(|_| panic!("the tracker is down"));
    let service = layer.layer(Mock::answering(|_| panic!("bug")));
    let (status, ..) = answer(service, request()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// Sends one chunk and panics at the next poll; must not be polled after that.
#[derive(Default)]
struct PanickingBody {
    polls: usize,
}

impl Body for PanickingBody {
    type Data = Bytes;
    type Error = MockError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MockError>>> {
        self.polls += 1;
        match self.polls {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"some"))))),
            2 => panic!("half-way"),
            _ => unreachable!("polled after it panicked"),
        }
    }
}

#[tokio::test]
async fn body_that_panics_ends_with_an_error_and_is_left_alone() {
    let (layer, reports) = reporting();
    let mut service = layer.layer(service_fn(async |_: Request<TestBody>| {
        Ok::<_, Infallible>(Response::new(PanickingBody::default()))
    }));
    let response = contract::send(&mut service, identified()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = pin!(response.into_body());
    let first = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert_eq!(first.unwrap().unwrap().into_data().unwrap(), "some");
    assert!(!body.is_end_stream());
    let error = poll_fn(|cx| body.as_mut().poll_frame(cx))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error, BodyError::Panicked);
    assert_eq!(error.to_string(), "the response body panicked");
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());

    let reports = reports.lock().unwrap();
    let [report] = &reports[..] else {
        panic!("one report: {reports:?}");
    };
    assert_eq!(report.message(), "half-way");
    assert_eq!(report.stage(), Stage::Body);
    assert_eq!(report.request_id().map(RequestId::as_str), Some("id-7"));
}

// The body was left for later, and its second panic came out of where the response is dropped.
#[tokio::test]
async fn body_that_panics_again_when_it_is_dropped_does_it_inside_of_the_layer() {
    struct Noisy(Arc<Mutex<usize>>);
    impl Body for Noisy {
        type Data = Bytes;
        type Error = MockError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, MockError>>> {
            panic!("in poll")
        }
    }
    impl Drop for Noisy {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
            panic!("in drop")
        }
    }

    let drops = Arc::new(Mutex::new(0));
    let count = Arc::clone(&drops);
    let (layer, reports) = reporting();
    let mut service = layer.layer(service_fn(move |_: Request<TestBody>| {
        let response = Response::new(Noisy(Arc::clone(&count)));
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    let response = contract::send(&mut service, request()).await.unwrap();
    let mut body = Box::pin(response.into_body());
    let error = poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap();
    assert_eq!(error.unwrap_err(), BodyError::Panicked);
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!(*drops.lock().unwrap(), 1);
    assert_eq!(reports.lock().unwrap()[0].message(), "in poll");
}

#[tokio::test]
async fn errors_of_the_inner_body_come_out_as_they_are() {
    let mock = Mock::answering(|_| Response::new(TestBody::empty().then_fail()));
    let mut service = CatchPanicLayer::new().layer(mock);
    let response = contract::send(&mut service, request()).await.unwrap();
    let collected = body::conforms(response.into_body()).await;
    assert_eq!(collected.error, Some(BodyError::Inner(MockError)));
    let text = "the mock failed as it was told to";
    assert_eq!(BodyError::Inner(MockError).to_string(), text);
}

#[tokio::test]
async fn remains_of_the_handler_are_gone_when_the_answer_comes() {
    struct Noisy(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("dropped");
            panic!("in drop")
        }
    }

    // A future that is not unwound by its own panic: what it holds goes when it is dropped.
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&dropped);
    let service = service_fn(move |_: Request<TestBody>| {
        let noisy = Noisy(Arc::clone(&log));
        poll_fn(
            move |_| -> Poll<Result<Response<Full<Bytes>>, Infallible>> {
                let _noisy = &noisy;
                panic!("in poll")
            },
        )
    });
    let (layer, reports) = reporting();
    let (status, ..) = answer(layer.layer(service), request()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(*dropped.lock().unwrap(), ["dropped"]);
    assert_eq!(reports.lock().unwrap()[0].message(), "in poll");
}

#[cfg(feature = "observe")]
#[tokio::test]
async fn completion_record_outside_learns_of_the_panic() {
    use crate::observe::Outcome;

    let mut service = CatchPanicLayer::new().layer(Mock::answering(|_| panic!("bug")));
    let response = contract::send(&mut service, request()).await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Outcome::Panicked));
}
