//! An inner service that watches how it is treated.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, request};
use tower_service::Service;

use super::body::TestBody;

type Answer = dyn Fn(&request::Parts) -> Response<TestBody> + Send + Sync;

/// A service for the inside of a layer under test.
///
/// A clone is never ready, whatever its original was: a layer that calls a clone instead of the
/// instance that it polled is caught. So is one that calls twice after one readiness.
#[derive(Clone)]
pub struct Mock {
    behaviour: Behaviour,
    probe: Probe,
    ready: Ready,
}

#[derive(Clone)]
enum Behaviour {
    Answers(Arc<Answer>),
    Hangs,
    Fails,
    NeverReady,
    FailsToGetReady,
}

/// Whether this very instance was polled ready: lost by cloning.
struct Ready(bool);

impl Clone for Ready {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Mock {
    /// Answers 200 with a body of two chunks and a trailer.
    pub fn ok() -> Self {
        Self::answering(|_| Response::new(TestBody::sample()))
    }

    /// Answers with what `answer` builds from the head of the request.
    pub fn answering<F>(answer: F) -> Self
    where
        F: Fn(&request::Parts) -> Response<TestBody> + Send + Sync + 'static,
    {
        Self::new(Behaviour::Answers(Arc::new(answer)))
    }

    /// Takes requests and never answers them.
    pub fn hanging() -> Self {
        Self::new(Behaviour::Hangs)
    }

    /// Takes requests and fails with [`MockError`].
    pub fn failing() -> Self {
        Self::new(Behaviour::Fails)
    }

    /// Never becomes ready.
    pub fn never_ready() -> Self {
        Self::new(Behaviour::NeverReady)
    }

    /// Fails with [`MockError`] when polled for readiness.
    pub fn failing_to_get_ready() -> Self {
        Self::new(Behaviour::FailsToGetReady)
    }

    fn new(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            probe: Probe::default(),
            ready: Ready(false),
        }
    }

    /// What the service and its clones have seen. Take it before the layer takes the service.
    pub fn probe(&self) -> Probe {
        self.probe.clone()
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock")
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Mock {
    type Response = Response<TestBody>;
    type Error = MockError;
    type Future = MockFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), MockError>> {
        match self.behaviour {
            Behaviour::NeverReady => Poll::Pending,
            Behaviour::FailsToGetReady => Poll::Ready(Err(MockError)),
            Behaviour::Answers(_) | Behaviour::Hangs | Behaviour::Fails => {
                self.ready.0 = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: Request<B>) -> MockFuture {
        let was_ready = std::mem::take(&mut self.ready.0);
        assert!(
            was_ready,
            "the layer called an instance that was not polled ready"
        );
        self.probe.calls.fetch_add(1, Ordering::SeqCst);
        let alive = self.probe.guard();
        let result = match &self.behaviour {
            Behaviour::Answers(answer) => {
                let response = answer(&request.into_parts().0);
                Some(Ok(response.map(|body| body.guarded(self.probe.guard()))))
            }
            Behaviour::Fails => Some(Err(MockError)),
            Behaviour::Hangs | Behaviour::NeverReady | Behaviour::FailsToGetReady => None,
        };
        MockFuture {
            result,
            _alive: alive,
        }
    }
}

/// Future of a [`Mock`].
#[derive(Debug)]
pub struct MockFuture {
    result: Option<Result<Response<TestBody>, MockError>>,
    _alive: Alive,
}

impl Future for MockFuture {
    type Output = Result<Response<TestBody>, MockError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.result.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// What a [`Mock`] and its clones have seen.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    calls: Arc<AtomicUsize>,
    alive: Arc<AtomicUsize>,
}

impl Probe {
    /// How many requests reached the service.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many of its futures and response bodies exist at this moment.
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    fn guard(&self) -> Alive {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(&self.alive))
    }
}

#[derive(Debug)]
pub(super) struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The error of a [`Mock`] and of a [`TestBody`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests build it")]
pub struct MockError;

impl fmt::Display for MockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mock failed as it was told to")
    }
}

impl std::error::Error for MockError {}

impl TestBody {
    /// Two chunks and a trailer: what [`Mock::ok`] answers with.
    pub fn sample() -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sample-trailer", HeaderValue::from_static("end"));
        Self::new([Bytes::from_static(b"first"), Bytes::from_static(b"second")])
            .with_trailers(trailers)
    }
}
