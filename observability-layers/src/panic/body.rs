use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Stage, Witness, clear};
use crate::unwind;

pin_project! {
    /// The inner service's body, which ends with an error where it panics.
    #[derive(Debug)]
    pub struct CatchPanicBody<B> {
        // Gone once it panicked.
        #[pin]
        body: Option<B>,
        witness: Option<Witness>,
    }
}

impl<B> CatchPanicBody<B> {
    pub(super) const fn new(body: B, witness: Option<Witness>) -> Self {
        let body = Some(body);
        Self { body, witness }
    }
}

impl<B: Body> Body for CatchPanicBody<B> {
    type Data = B::Data;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        match unwind::catch(|| body.poll_frame(cx)) {
            Ok(poll) => poll.map(|frame| frame.map(|frame| frame.map_err(BodyError::Inner))),
            Err(message) => {
                clear(this.body, None);
                if let Some(witness) = this.witness.take() {
                    witness.report(Stage::Body, message);
                }
                Poll::Ready(Some(Err(BodyError::Panicked)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let gone = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(gone, Body::size_hint)
    }
}

/// Why a [`CatchPanicBody`] ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a body fails by itself or by a panic"
)]
pub enum BodyError<E> {
    /// The inner body's own error.
    Inner(E),
    /// The inner body panicked.
    Panicked,
}

impl<E: fmt::Display> fmt::Display for BodyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::Panicked => f.write_str("the response body panicked"),
        }
    }
}

// Without a source: `Inner` stands for the error itself, which may be boxed and so no `Error`.
impl<E: fmt::Debug + fmt::Display> Error for BodyError<E> {}
