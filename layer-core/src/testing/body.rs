//! Bodies to send through a layer, and what any body must hold to.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::mock::{Alive, MockError};

/// A body of given frames, each of them preceded by one `Pending`.
#[derive(Debug, Default)]
pub struct TestBody {
    steps: VecDeque<Step>,
    stalled: bool,
    sized: bool,
    _alive: Option<Alive>,
}

#[derive(Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Fail,
    Hang,
}

impl TestBody {
    /// A body without frames.
    pub fn empty() -> Self {
        Self::new([])
    }

    /// A body of these chunks, with a known length.
    pub fn new(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            steps: chunks.into_iter().map(Step::Data).collect(),
            sized: true,
            ..Self::default()
        }
    }

    /// Ends with these trailers.
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.steps.push_back(Step::Trailers(trailers));
        self
    }

    /// Ends with a [`MockError`]; its length is unknown.
    pub fn then_fail(mut self) -> Self {
        self.steps.push_back(Step::Fail);
        self.unsized_()
    }

    /// Never ends; its length is unknown.
    pub fn then_hang(mut self) -> Self {
        self.steps.push_back(Step::Hang);
        self.unsized_()
    }

    /// Hides the length, as a streamed body does.
    #[must_use]
    pub fn unsized_(mut self) -> Self {
        self.sized = false;
        self
    }

    pub(super) fn guarded(mut self, alive: Alive) -> Self {
        self._alive = Some(alive);
        self
    }

    fn remaining(&self) -> u64 {
        let len = |step: &Step| match step {
            Step::Data(data) => data.len() as u64,
            Step::Trailers(_) | Step::Fail | Step::Hang => 0,
        };
        self.steps.iter().map(len).sum()
    }
}

impl Body for TestBody {
    type Data = Bytes;
    type Error = MockError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, MockError>>> {
        if matches!(self.steps.front(), Some(Step::Hang)) {
            return Poll::Pending;
        }
        self.stalled = !self.stalled;
        if self.stalled {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.steps.pop_front().map(|step| match step {
            Step::Data(data) => Ok(Frame::data(data)),
            Step::Trailers(trailers) => Ok(Frame::trailers(trailers)),
            Step::Fail | Step::Hang => Err(MockError),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.sized && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized {
            SizeHint::with_exact(self.remaining())
        } else {
            SizeHint::default()
        }
    }
}

/// What a body consisted of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Collected<E> {
    /// All data, joined.
    pub data: Vec<u8>,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
    /// The error that ended the body, if one did.
    pub error: Option<E>,
}

/// Reads `body` to its end and checks what the `http_body::Body` contract asks of it: the size hint
/// holds at each step, nothing follows trailers or an announced end, and a finished body stays
/// finished.
///
/// # Panics
///
/// Where the body breaks the contract.
pub async fn conforms<B>(body: B) -> Collected<B::Error>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Debug,
{
    let mut body = pin!(body);
    let mut collected = Collected {
        data: Vec::new(),
        trailers: None,
        error: None,
    };
    // What each hint promised of the whole, seen from the start of the body.
    let (mut least, mut most) = (0, u64::MAX);
    loop {
        let seen = collected.data.len() as u64;
        let hint = body.size_hint();
        least = least.max(seen + hint.lower());
        most = most.min(hint.upper().map_or(u64::MAX, |upper| seen + upper));
        let announced_end = body.is_end_stream();

        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        assert!(
            !announced_end || frame.is_none(),
            "a frame followed an announced end"
        );
        let Some(frame) = frame else { break };
        assert!(
            collected.trailers.is_none(),
            "a frame followed the trailers"
        );
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => collected.data.extend_from_slice(&data),
            Ok(Err(frame)) => collected.trailers = frame.into_trailers().ok(),
            Err(error) => {
                collected.error = Some(error);
                return collected;
            }
        }
        assert!(
            collected.data.len() as u64 <= most,
            "more data than the size hint allowed"
        );
    }
    assert!(
        collected.data.len() as u64 >= least,
        "less data than the size hint promised"
    );
    let again = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert!(again.is_none(), "a finished body had another frame");
    collected
}
