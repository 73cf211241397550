use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use portcullis_layer_core::body::ResponseBody;
use portcullis_layer_core::future::ResponseFuture as Either;
use portcullis_layer_core::refusal::Reject;
use portcullis_layer_core::subject::Subject;
use tower_service::Service;

use super::scheme::Later;
use super::{AuthLayer, AuthRefused};

pin_project! {
    /// Future of [`Auth`](super::Auth).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<T, F, S, R, ReqBody> {
        // Goes into the answer's extensions.
        subject: Option<Subject>,
        #[pin]
        kind: Kind<T, F, S, R, ReqBody>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<T, F, S, R, ReqBody> {
        Answer { #[pin] future: Either<F> },
        // `None` once the verdict is there.
        Waiting { verdict: Later, waiting: Option<Waiting<T, S, R, ReqBody>> },
    }
}

/// A request that waits for a verdict, and the service that is ready for it.
pub(super) struct Waiting<T, S, R, ReqBody> {
    pub(super) inner: T,
    pub(super) layer: AuthLayer<S, R>,
    pub(super) request: Request<ReqBody>,
}

impl<T, F, S, R, ReqBody> ResponseFuture<T, F, S, R, ReqBody> {
    pub(super) fn inner(future: F, subject: Option<Subject>) -> Self {
        let future = Either::inner(future);
        let kind = Kind::Answer { future };
        Self { subject, kind }
    }

    pub(super) fn early(response: Response<Bytes>) -> Self {
        let future = Either::early(response);
        let (subject, kind) = (None, Kind::Answer { future });
        Self { subject, kind }
    }

    pub(super) fn waiting(verdict: Later, waiting: Waiting<T, S, R, ReqBody>) -> Self {
        let waiting = Some(waiting);
        let (subject, kind) = (None, Kind::Waiting { verdict, waiting });
        Self { subject, kind }
    }
}

impl<T, S, R, ReqBody, ResBody> Future for ResponseFuture<T, T::Future, S, R, ReqBody>
where
    T: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: Reject<AuthRefused>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, T::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.kind.as_mut().project() {
                KindProj::Answer { future } => {
                    let mut response = ready!(future.poll(cx))?;
                    if let Some(subject) = this.subject.take() {
                        response.extensions_mut().insert(subject);
                    }
                    return Poll::Ready(Ok(response));
                }
                KindProj::Waiting { verdict, waiting } => {
                    let verdict = ready!(verdict.as_mut().poll(cx));
                    let Some(waiting) = waiting.take() else {
                        return Poll::Pending;
                    };
                    let Waiting {
                        mut inner,
                        layer,
                        mut request,
                    } = waiting;
                    match verdict {
                        Ok(principal) => {
                            *this.subject = layer.admit(&mut request, principal);
                            Either::inner(inner.call(request))
                        }
                        Err(kind) => Either::early(layer.refuse(kind, &request)),
                    }
                }
            };
            this.kind.set(Kind::Answer { future });
        }
    }
}

impl<T, F, S, R, ReqBody> fmt::Debug for ResponseFuture<T, F, S, R, ReqBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
