use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Stage, Witness};
use crate::unwind;

pin_project! {
    /// The inner service's body, which ends with an error where it panics.
    #[derive(Debug)]
    pub struct CatchPanicBody<B> {
        #[pin]
        body: B,
        // Gone once the body panicked, and with it the right to poll it.
        witness: Option<Witness>,
    }
}

impl<B> CatchPanicBody<B> {
    pub(super) const fn new(body: B, witness: Option<Witness>) -> Self {
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
        let this = self.project();
        if this.witness.is_none() {
            return Poll::Ready(None);
        }
        match unwind::catch(|| this.body.poll_frame(cx)) {
            Ok(poll) => poll.map(|frame| frame.map(|frame| frame.map_err(BodyError::Inner))),
            Err(message) => {
                if let Some(witness) = this.witness.take() {
                    witness.report(Stage::Body, message);
                }
                Poll::Ready(Some(Err(BodyError::Panicked)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.witness.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.witness {
            Some(_) => self.body.size_hint(),
            None => SizeHint::with_exact(0),
        }
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
