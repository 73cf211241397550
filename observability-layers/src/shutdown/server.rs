//! Accepts connections and serves them with hyper, within limits.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use http::{Extensions, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::accept::{accepted, queued};
use super::connection::{OnConnection, Patience, drive};
use super::handshake::{Handshake, HandshakeFn, PlainText};
use super::run::{Report, Shutdown};
use super::stopping::Stopping;

type BoxError = Box<dyn Error + Send + Sync>;

// Pings find peers that are gone without a word, and their streams with them.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves `service` on `listener` with the limits of [`Server::new`] until `shutdown` asks to stop.
pub async fn serve<S, B>(listener: TcpListener, service: S, shutdown: Shutdown) -> Report<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
{
    let server = Server::new(listener);
    shutdown
        .run(|stopping| server.serve(service, stopping))
        .await
}

/// An HTTP/1.1 and HTTP/2 server on one listener. See the [module docs](super) for an example.
#[must_use = "a server does nothing until it serves"]
pub struct Server<H = PlainText> {
    listener: TcpListener,
    limits: Limits,
    handshake: H,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    header_timeout: Duration,
    patience: Patience,
    max_header_bytes: u32,
    max_concurrent_streams: NonZeroU32,
    max_connections: NonZeroUsize,
}

impl Server {
    /// Serves in the clear, with these limits:
    ///
    /// | | |
    /// |---|---|
    /// | [`header_timeout`](Self::header_timeout) | 30 seconds |
    /// | [`idle_timeout`](Self::idle_timeout) | 60 seconds |
    /// | [`write_timeout`](Self::write_timeout) | 30 seconds |
    /// | [`linger`](Self::linger) | half a second |
    /// | [`max_header_bytes`](Self::max_header_bytes) | 64 KiB |
    /// | [`max_concurrent_streams`](Self::max_concurrent_streams) | 200 |
    /// | [`max_connections`](Self::max_connections) | none but the operating system's |
    /// | HTTP/2 keep-alive | a ping every 20 seconds, to be answered within 20 |
    /// | headers in a request | 100 over HTTP/1 |
    ///
    /// Each request carries its [`PeerAddr`](portcullis_layer_core::origin::PeerAddr). Nagle's
    /// algorithm is off (`TCP_NODELAY`): answers are written whole.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            limits: Limits {
                header_timeout: Duration::from_secs(30),
                patience: Patience {
                    idle: Duration::from_secs(60),
                    linger: Duration::from_millis(500),
                    write: Duration::from_secs(30),
                },
                max_header_bytes: 64 * 1024,
                max_concurrent_streams: const { NonZeroU32::new(200).unwrap() },
                max_connections: const { NonZeroUsize::new(Semaphore::MAX_PERMITS).unwrap() },
            },
            handshake: PlainText,
        }
    }
}

impl<H> Server<H> {
    /// How long an HTTP/1 client may take to send the head of a request, counted from its first
    /// bytes or from the answer before; so between requests an HTTP/1 connection is idle no longer
    /// than this. One that has not sent enough to tell the version (nothing, or a part of what
    /// HTTP/2 begins with) is [idle](Self::idle_timeout).
    /// Also for a [handshake](Self::handshake_with). Taken as within a millisecond and a day.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.limits.header_timeout = timeout.clamp(Duration::from_millis(1), DAY);
        self
    }

    /// How long a connection of either version is kept without a request in flight; it may be up to
    /// twice as long until it is noticed. Taken as within a millisecond and a day.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.patience.idle = timeout.clamp(Duration::from_millis(1), DAY);
        self
    }

    /// How long a connection is kept whose client takes no more bytes, counted from the last that it
    /// took. Taken as within a millisecond and a day.
    ///
    /// What ends so is an answer that nobody reads; slow clients are served. Over TLS, what the stream
    /// of the [handshake](Self::handshake_with) holds back counts as taken when all of it has gone.
    /// HTTP/2 lets a client take no more of an answer (a window of zero) while it reads all else: nothing
    /// here ends such a stream before the shutdown does. Not for connections that were upgraded.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.limits.patience.write = timeout.clamp(Duration::from_millis(1), DAY);
        self
    }

    /// How long an idle HTTP/1 connection is kept while stopping, for a request that may be on its way.
    ///
    /// HTTP/1 servers cannot say goodbye on an idle connection: a request that meets the close is
    /// lost, though the client did nothing wrong. Longer than the round trip to most clients is long enough.
    /// A first request whose head has not come in full after as long again is not waited for.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.limits.patience.linger = linger.min(DAY);
        self
    }

    /// The most bytes to read for the head of a request, answered with 431 beyond.
    ///
    /// A bound for memory: HTTP/1 reads at least 8 KiB, and notices only when it wants to read more. A limit
    /// to the byte is a matter for a layer.
    pub const fn max_header_bytes(mut self, bytes: u32) -> Self {
        self.limits.max_header_bytes = bytes;
        self
    }

    /// The most requests at a time on one HTTP/2 connection.
    pub const fn max_concurrent_streams(mut self, max: NonZeroU32) -> Self {
        self.limits.max_concurrent_streams = max;
        self
    }

    /// The most connections at a time. Further ones wait in the operating system's queue.
    ///
    /// A connection that was upgraded, say to WebSocket, belongs to its handler and is not counted.
    pub fn max_connections(mut self, max: NonZeroUsize) -> Self {
        let most = self.limits.max_connections;
        self.limits.max_connections = max.min(most);
        self
    }

    /// Does `handshake` on each connection before HTTP: for TLS.
    ///
    /// What it puts into the extensions is found in those of each request of the connection: the
    /// [scheme](portcullis_layer_core::origin::ConnectionScheme), the client's certificate. It may take as
    /// long as [`header_timeout`](Self::header_timeout) and holds up no other connection.
    pub fn handshake_with<F, Fut, I>(self, handshake: F) -> Server<HandshakeFn<F>>
    where
        F: Fn(TcpStream) -> Fut,
        Fut: Future<Output = io::Result<(I, Extensions)>>,
    {
        Server {
            listener: self.listener,
            limits: self.limits,
            handshake: HandshakeFn(handshake),
        }
    }

    /// Accepts and serves until `stopping`, then until the last accepted request is answered.
    ///
    /// Errors of a connection end that connection. Errors of accepting are logged, and accepting goes
    /// on after a pause: file descriptors that ran out come back. Dropping the future cuts off all
    /// connections.
    pub async fn serve<S, B>(self, service: S, stopping: Stopping)
    where
        H: Handshake,
        S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
    {
        let Self {
            listener,
            limits,
            handshake,
        } = self;
        let slots = Arc::new(Semaphore::new(limits.max_connections.get()));
        let serving = Arc::new(Serving {
            builder: limits.builder(),
            limits,
            handshake,
            stopping: stopping.clone(),
        });
        let mut connections = JoinSet::new();
        let mut closing = std::pin::pin!(stopping.closing());
        loop {
            let next = async {
                // Never closed, so there is always a slot to come.
                let slot = Arc::clone(&slots).acquire_owned().await.ok();
                let (stream, peer) = accepted(|| listener.accept()).await;
                (slot, stream, peer)
            };
            tokio::select! {
                biased;
                () = closing.as_mut() => break,
                Some(ended) = connections.join_next() => report(ended),
                (slot, stream, peer) = next => {
                    let service = service.clone();
                    connections.spawn(Arc::clone(&serving).connection(stream, peer, service, slot));
                }
            }
        }
        // For their clients these are connected, and may have sent a request already. They are served
        // beyond the limit; the queue is one itself.
        for (stream, peer) in queued(listener) {
            let service = service.clone();
            connections.spawn(Arc::clone(&serving).connection(stream, peer, service, None));
        }
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listener", &self.listener)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Limits {
    fn builder(&self) -> auto::Builder<TokioExecutor> {
        // The least that hyper takes; it panics below.
        const LEAST_BUFFER: usize = 8 * 1024;

        let buffer = usize::try_from(self.max_header_bytes).unwrap_or(usize::MAX);
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(buffer.max(LEAST_BUFFER));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .max_header_list_size(self.max_header_bytes)
            .max_concurrent_streams(self.max_concurrent_streams.get());
        builder
    }
}

/// What all connections of a server share.
struct Serving<H> {
    builder: auto::Builder<TokioExecutor>,
    limits: Limits,
    handshake: H,
    stopping: Stopping,
}

impl<H: Handshake> Serving<H> {
    async fn connection<S, B>(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        service: S,
        _slot: Option<OwnedSemaphorePermit>,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static,
    {
        let result = async {
            stream.set_nodelay(true)?;
            let (io, extensions) = self.shake_hands(stream).await?;
            let service = OnConnection::new(service, peer, extensions);
            let patience = self.limits.patience;
            drive(&self.builder, io, service, &self.stopping, patience).await
        };
        // What clients do to their connections is no news.
        if let Err(error) = result.await {
            tracing::debug!(%peer, error, "connection ended with an error");
        }
    }

    async fn shake_hands(&self, stream: TcpStream) -> io::Result<(H::Io, Extensions)> {
        let stopped = async {
            self.stopping.closing().await;
            sleep(self.limits.patience.linger).await;
        };
        tokio::select! {
            biased;
            done = timeout(self.limits.header_timeout, self.handshake.handshake(stream)) => done?,
            () = stopped => Err(io::Error::new(ErrorKind::TimedOut, "the server is stopping")),
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "connection task panicked");
    }
}
