use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::refusal::{Reject, refuse};

use super::body::CatchPanicBody;
use super::{Panicked, Stage, Witness, clear};
use crate::unwind;

pin_project! {
    /// Future of [`CatchPanic`](super::CatchPanic).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F>,
        witness: Option<Witness>,
        reject: R,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] future: F },
        Panicked { message: String },
        Done,
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(super) fn new(called: Result<F, String>, witness: Witness, reject: R) -> Self {
        Self {
            state: match called {
                Ok(future) => State::Running { future },
                Err(message) => State::Panicked { message },
            },
            witness: Some(witness),
            reject,
        }
    }
}

impl<F, R, B, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    R: Reject<Panicked>,
{
    type Output = Result<Response<ResponseBody<CatchPanicBody<B>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let message = match this.state.as_mut().project() {
            StateProj::Running { future } => match unwind::catch(|| future.poll(cx)) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => {
                    let witness = this.witness.take();
                    let body = |body| ResponseBody::inner(CatchPanicBody::new(body, witness));
                    return Poll::Ready(result.map(|response| response.map(body)));
                }
                Err(message) => message,
            },
            StateProj::Panicked { message } => std::mem::take(message),
            StateProj::Done => return Poll::Pending,
        };
        clear(this.state, State::Done);
        let Some(witness) = this.witness.take() else {
            return Poll::Pending;
        };
        witness.report(Stage::Service, message);
        let response = refuse(this.reject, Panicked, &witness.caller);
        #[cfg(feature = "observe")]
        let response = tell_observers(response);
        Poll::Ready(Ok(response.map(ResponseBody::early)))
    }
}

/// The completion record outside would take the answer for the handler's own.
#[cfg(feature = "observe")]
fn tell_observers(mut response: Response<Bytes>) -> Response<Bytes> {
    let outcome = crate::observe::Outcome::Panicked;
    response.extensions_mut().insert(outcome);
    response
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("witness", &self.witness)
            .finish_non_exhaustive()
    }
}
