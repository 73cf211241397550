//! One connection: who uses it, and when it may be closed.

use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use http::header::CONNECTION;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use pin_project_lite::pin_project;
use portcullis_layer_core::origin::PeerAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};
use tower_service::Service;

use super::stall::Watched;
use super::stopping::Stopping;

type BoxError = Box<dyn Error + Send + Sync>;

/// How long a connection is kept without a request, and with an answer that nobody takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) idle: Duration,
    pub(super) linger: Duration,
    pub(super) write: Duration,
}

/// Serves one connection until it ends, is idle or stalled for too long, or the server closes.
pub(super) async fn drive<I, S, B>(
    builder: &auto::Builder<TokioExecutor>,
    io: I,
    service: OnConnection<S>,
    stopping: &Stopping,
    patience: Patience,
) -> Result<(), BoxError>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
{
    let usage = Arc::clone(&service.usage);
    let (io, waits) = Watched::new(io);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let mut closing = pin!(stopping.closing());
    let mut stalled = pin!(waits.stalled(patience.write));
    let mut timer = pin!(sleep(patience.idle));
    let mut state = State::default();
    loop {
        tokio::select! {
            biased;
            () = closing.as_mut(), if !state.closing => {
                state.closing = true;
                usage.closing.store(true, Ordering::Release);
                // The goodbye of HTTP/2 names the last request that was taken, so none gets lost and
                // it can be said at once.
                if usage.http2.load(Ordering::Acquire) {
                    state.told = true;
                    connection.as_mut().graceful_shutdown();
                }
                state.requests = usage.requests.load(Ordering::Acquire);
            }
            result = connection.as_mut() => return result,
            // After the connection, which is what writes.
            () = stalled.as_mut() => {
                let error = "the client takes no more bytes";
                return Err(io::Error::new(ErrorKind::TimedOut, error).into());
            }
            () = timer.as_mut() => match state.tick(&usage) {
                Verdict::Keep => {}
                Verdict::SayGoodbye => connection.as_mut().graceful_shutdown(),
                Verdict::Drop => return Ok(()),
            },
        }
        let pause = if state.closing {
            patience.linger
        } else {
            patience.idle
        };
        timer.as_mut().reset(Instant::now() + pause);
    }
}

/// What a connection was and is used for.
#[derive(Debug, Default)]
pub(super) struct Usage {
    in_flight: AtomicUsize,
    requests: AtomicUsize,
    http2: AtomicBool,
    closing: AtomicBool,
}

/// What is to be done with a connection when its time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    SayGoodbye,
    Drop,
}

#[derive(Debug, Default)]
struct State {
    closing: bool,
    /// It was asked to end as soon as its requests are answered.
    told: bool,
    /// How many requests there had been when the time was last up.
    requests: usize,
}

impl State {
    fn tick(&mut self, usage: &Usage) -> Verdict {
        let requests = usage.requests.load(Ordering::Acquire);
        let new = std::mem::replace(&mut self.requests, requests) != requests;
        let busy = new || usage.in_flight.load(Ordering::Acquire) > 0;
        if self.told {
            return match (self.closing, busy) {
                (_, true) => Verdict::Keep,
                // It may still be sending the end of an answer: the deadline decides.
                (true, false) if requests > 0 => Verdict::Keep,
                _ => Verdict::Drop,
            };
        }
        // HTTP/1 has no goodbye but the answer to the next request. An idle connection is kept a little,
        // because that request may be on its way and would be lost.
        let http2 = usage.http2.load(Ordering::Acquire);
        if busy && !(self.closing && http2) {
            return Verdict::Keep;
        }
        self.told = true;
        Verdict::SayGoodbye
    }
}

/// The service as one connection sees it.
#[derive(Debug)]
pub(super) struct OnConnection<S> {
    service: S,
    peer: SocketAddr,
    extensions: Extensions,
    usage: Arc<Usage>,
}

impl<S> OnConnection<S> {
    pub(super) fn new(service: S, peer: SocketAddr, extensions: Extensions) -> Self {
        Self {
            service,
            peer,
            extensions,
            usage: Arc::default(),
        }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for OnConnection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
{
    type Response = Response<InFlightBody<B>>;
    type Error = S::Error;
    type Future = Answer<S, S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let extensions = request.extensions_mut();
        extensions.insert(PeerAddr(self.peer));
        if !self.extensions.is_empty() {
            extensions.extend(self.extensions.clone());
        }
        let http2 = request.version() >= Version::HTTP_2;
        self.usage.http2.store(http2, Ordering::Release);
        let state = Stage::GetReady {
            service: self.service.clone(),
            request: Some(request),
        };
        let in_flight = Some(InFlight::new(&self.usage));
        Answer {
            state,
            in_flight,
            http2,
        }
    }
}

pin_project! {
    /// Gets a clone of the service ready, calls it, and marks its answer.
    pub(super) struct Answer<S, F> {
        #[pin]
        state: Stage<S, F>,
        in_flight: Option<InFlight>,
        http2: bool,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, F> {
        GetReady { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] future: F },
    }
}

impl<S, B> Future for Answer<S, S::Future>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Output = Result<Response<InFlightBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut response = loop {
            match this.state.as_mut().project() {
                StageProj::GetReady { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    let future = service.call(request);
                    this.state.set(Stage::Called { future });
                }
                StageProj::Called { future } => break ready!(future.poll(cx))?,
            }
        };
        let closing = this.in_flight.as_ref().is_some_and(InFlight::is_closing);
        // RFC 9112, 9.6. HTTP/2 forbids the header (RFC 9113, 8.2.2), and an upgrade needs its own.
        let upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if closing && !*this.http2 && !upgrade {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        let in_flight = this.in_flight.take();
        Poll::Ready(Ok(response.map(|body| InFlightBody {
            body,
            _in_flight: in_flight,
        })))
    }
}

/// Counts a request until its answer is gone.
#[derive(Debug)]
struct InFlight(Arc<Usage>);

impl InFlight {
    fn new(usage: &Arc<Usage>) -> Self {
        usage.in_flight.fetch_add(1, Ordering::AcqRel);
        usage.requests.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(usage))
    }

    fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

pin_project! {
    /// The service's body, which keeps its request counted until it ends.
    pub(super) struct InFlightBody<B> {
        #[pin]
        body: B,
        _in_flight: Option<InFlight>,
    }
}

impl<B: Body> Body for InFlightBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_closed_when_nothing_can_be_lost() {
        use Verdict::{Drop, Keep, SayGoodbye};
        // closing, told, HTTP/2, in flight, requests before and now
        for (closing, told, http2, in_flight, before, now, expected) in [
            // Open: idle ones are told, and dropped if they stay.
            (false, false, false, 0, 0, 0, SayGoodbye),
            (false, false, false, 0, 1, 1, SayGoodbye),
            (false, false, true, 0, 3, 3, SayGoodbye),
            (false, false, false, 1, 1, 1, Keep),
            (false, false, false, 0, 1, 2, Keep),
            (false, true, false, 0, 1, 1, Drop),
            (false, true, true, 1, 1, 1, Keep),
            // Closing: HTTP/2 is told at once, HTTP/1 when no request comes.
            (true, false, true, 2, 2, 2, SayGoodbye),
            (true, false, false, 2, 2, 2, Keep),
            (true, false, false, 0, 2, 3, Keep),
            (true, false, false, 0, 3, 3, SayGoodbye),
            (true, false, false, 0, 0, 0, SayGoodbye),
            // Told and closing: only what never had a request is dropped.
            (true, true, false, 0, 0, 0, Drop),
            (true, true, false, 0, 3, 3, Keep),
            (true, true, true, 1, 3, 3, Keep),
        ] {
            let usage = Usage::default();
            usage.in_flight.store(in_flight, Ordering::SeqCst);
            usage.requests.store(now, Ordering::SeqCst);
            usage.http2.store(http2, Ordering::SeqCst);
            let mut state = State {
                closing,
                told,
                requests: before,
            };
            let verdict = state.tick(&usage);
            assert_eq!(verdict, expected, "{state:?} {usage:?}");
            assert_eq!(state.told, told || verdict == SayGoodbye);
            assert_eq!(state.requests, now);
        }
    }
}
