//! The kit is tested with layers that break one promise each.

use std::convert::identity;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower::layer::layer_fn;
use tower_layer::Identity;
use tower_service::Service;

use super::{Mock, MockError, MockFuture, TestBody, body, contract};
use crate::body::ResponseBody;
use crate::future::ResponseFuture;
use crate::refusal::{Caller, GrpcCode, Negotiated, Reason, Refusal, refuse};

fn request() -> Request<TestBody> {
    Request::new(TestBody::empty())
}

fn refused_request() -> Request<TestBody> {
    let mut request = request();
    *request.uri_mut() = "/refused".parse().unwrap();
    request
}

/// A layer with one fault.
#[derive(Clone, Debug)]
struct Faulty {
    inner: Mock,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    AlwaysReady,
    CallsAClone,
    LosesTrailers,
    LetsRefusedPass,
    AnswersProblemsToAll,
}

#[derive(Clone, Copy)]
struct Closed;

impl Reason for Closed {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::FORBIDDEN,
            "urn:problem-type:portcullis:test",
            "closed",
        )
    }
}

impl Service<Request<TestBody>> for Faulty {
    type Response = Response<ResponseBody<Trimmed>>;
    type Error = MockError;
    type Future = ResponseFuture<TrimFuture>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), MockError>> {
        if self.fault == Fault::AlwaysReady {
            return Poll::Ready(Ok(()));
        }
        Service::<Request<TestBody>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: Request<TestBody>) -> Self::Future {
        if request.uri().path() == "/refused" && self.fault != Fault::LetsRefusedPass {
            let caller = match self.fault {
                Fault::AnswersProblemsToAll => Caller::default(),
                _ => Caller::of(&request),
            };
            return ResponseFuture::early(refuse(&Negotiated, Closed, &caller));
        }
        let future = match self.fault {
            Fault::CallsAClone => self.inner.clone().call(request),
            _ => self.inner.call(request),
        };
        let trim = self.fault == Fault::LosesTrailers;
        ResponseFuture::inner(TrimFuture { future, trim })
    }
}

struct TrimFuture {
    future: MockFuture,
    trim: bool,
}

impl Future for TrimFuture {
    type Output = Result<Response<Trimmed>, MockError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let trim = self.trim;
        let response = std::task::ready!(Pin::new(&mut self.future).poll(cx))?;
        Poll::Ready(Ok(response.map(|inner| Trimmed { inner, trim })))
    }
}

struct Trimmed {
    inner: TestBody,
    trim: bool,
}

impl Body for Trimmed {
    type Data = Bytes;
    type Error = MockError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MockError>>> {
        let trim = self.trim;
        Pin::new(&mut self.inner).poll_frame(cx).map(|frame| {
            frame.filter(|frame| !trim || !frame.as_ref().is_ok_and(Frame::is_trailers))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn keeps(fault: Fault) {
    contract::keeps(&layer_fn(move |inner| Faulty { inner, fault }), request).await;
}

async fn refuses(fault: Fault) {
    let layer = layer_fn(move |inner| Faulty { inner, fault });
    let status = StatusCode::FORBIDDEN;
    contract::refuses(&layer, refused_request, status, GrpcCode::PermissionDenied).await;
}

#[tokio::test]
async fn faultless_layers_pass() {
    contract::is_a_layer::<Identity, Mock>();
    contract::keeps(&Identity::new(), request).await;
    keeps(Fault::None).await;
    refuses(Fault::None).await;
}

#[tokio::test]
#[should_panic(expected = "a busy service was reported ready")]
async fn readiness_that_is_made_up_is_caught() {
    keeps(Fault::AlwaysReady).await;
}

#[tokio::test]
#[should_panic(expected = "called an instance that was not polled ready")]
async fn calling_a_clone_is_caught() {
    keeps(Fault::CallsAClone).await;
}

#[tokio::test]
#[should_panic(expected = "the trailers were changed")]
async fn lost_trailers_are_caught() {
    keeps(Fault::LosesTrailers).await;
}

#[tokio::test]
#[should_panic(expected = "a refused request reached the inner service")]
async fn refusals_that_pass_are_caught() {
    refuses(Fault::LetsRefusedPass).await;
}

#[tokio::test]
#[should_panic(expected = "gRPC answers with HTTP 200")]
async fn refusals_in_the_wrong_language_are_caught() {
    refuses(Fault::AnswersProblemsToAll).await;
}

/// A body that says one thing about itself and does another.
struct Liar {
    body: TestBody,
    hint: fn(SizeHint) -> SizeHint,
    ended: bool,
}

impl Body for Liar {
    type Data = Bytes;
    type Error = MockError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MockError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        (self.hint)(self.body.size_hint())
    }
}

fn liar(hint: fn(SizeHint) -> SizeHint, ended: bool) -> Liar {
    let body = TestBody::sample();
    Liar { body, hint, ended }
}

#[tokio::test]
async fn honest_bodies_conform_and_come_back_whole() {
    let collected = body::conforms(liar(identity, false)).await;
    assert_eq!(collected.data, b"firstsecond");
    assert!(
        collected
            .trailers
            .is_some_and(|trailers| trailers.contains_key("x-sample-trailer"))
    );
    assert_eq!(collected.error, None);
    let cut = body::conforms(TestBody::new([]).then_fail()).await;
    assert_eq!(cut.error, Some(MockError));
    let early = body::conforms(ResponseBody::<TestBody>::early("early".into())).await;
    assert_eq!(early.data, b"early");
    let empty = ResponseBody::<TestBody>::default();
    assert!(empty.is_end_stream());
    assert_eq!(body::conforms(empty).await.data, b"");
}

#[tokio::test]
#[should_panic(expected = "more data than the size hint allowed")]
async fn hints_that_are_too_low_are_caught() {
    body::conforms(liar(|_| SizeHint::with_exact(3), false)).await;
}

#[tokio::test]
#[should_panic(expected = "less data than the size hint promised")]
async fn hints_that_are_too_high_are_caught() {
    body::conforms(liar(|hint| SizeHint::with_exact(hint.lower() + 1), false)).await;
}

#[tokio::test]
#[should_panic(expected = "a frame followed an announced end")]
async fn early_ends_are_caught() {
    body::conforms(liar(identity, true)).await;
}
