//! Notices a peer that does not take what is written to it.

use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

/// How often writes began or ceased to wait: odd while one waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits(Arc<AtomicUsize>);

impl Waits {
    /// Done when a write has waited for `timeout`, and none went through meanwhile.
    ///
    /// Looks only when it is polled: to be polled by the task that writes, after it wrote.
    pub(super) async fn stalled(self, timeout: Duration) {
        let mut timer = pin!(sleep(timeout));
        let mut seen = 0;
        poll_fn(|cx| {
            let count = self.0.load(Ordering::Acquire);
            if count.is_multiple_of(2) {
                return Poll::Pending;
            }
            if count != seen {
                seen = count;
                timer.as_mut().reset(Instant::now() + timeout);
            }
            timer.as_mut().poll(cx)
        })
        .await;
    }
}

/// A stream that counts its [`Waits`]. A write that need not wait costs a look at a flag.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    waiting: bool,
    waits: Waits,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I) -> (Self, Waits) {
        let waits = Waits::default();
        let watched = Self {
            io,
            waiting: false,
            waits: waits.clone(),
        };
        (watched, waits)
    }

    fn watch<T>(&mut self, poll: Poll<T>) -> Poll<T> {
        if poll.is_pending() != self.waiting {
            self.waiting = !self.waiting;
            self.waits.0.fetch_add(1, Ordering::AcqRel);
        }
        poll
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_flush(cx);
        self.watch(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(poll)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::SocketAddr;

    use bytes::Bytes;
    use http::{Extensions, Request, Response};
    use http_body_util::Full;
    use hyper::body::Incoming;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tower::service_fn;

    use super::super::Stopping;
    use super::super::connection::{OnConnection, Patience, drive};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMEOUT: Duration = Duration::from_secs(30);
    const BODY: usize = 100_000;

    async fn large(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(Response::new(Full::from(vec![b'x'; BODY])))
    }

    async fn upgrade(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        tokio::spawn(async move {
            let mut io = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            io.write_all(&[b'x'; BODY]).await.unwrap();
        });
        let mut response = Response::new(Full::default());
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert("connection", http::HeaderValue::from_static("upgrade"));
        Ok(response)
    }

    /// The client's end of a connection that holds 1 KiB, and the server's error when it ends.
    fn connect<F, Fut>(handler: F) -> (DuplexStream, JoinHandle<Option<String>>)
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
    {
        let (client, io) = duplex(1_024);
        let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
        let served = tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let service = OnConnection::new(service_fn(handler), peer, Extensions::new());
            let patience = Patience {
                // Those of idle connections are not what is tested.
                idle: 1_000 * TIMEOUT,
                linger: 1_000 * TIMEOUT,
                write: TIMEOUT,
            };
            let result = drive(&builder, io, service, &Stopping::never(), patience).await;
            result.err().map(|error| error.to_string())
        });
        (client, served)
    }

    // It kept its connection, and all that its handler held, until the shutdown.
    #[tokio::test(start_paused = true)]
    async fn client_that_never_reads_its_answer_is_cut_off() {
        let (mut client, served) = connect(large);
        let start = Instant::now();
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        client.write_all(request).await.unwrap();
        let error = served.await.unwrap();
        assert_eq!(error.as_deref(), Some("the client takes no more bytes"));
        assert!((TIMEOUT..TIMEOUT + SECOND).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_client_that_never_reads_is_cut_off() {
        let (mut client, served) = connect(large);
        let start = Instant::now();
        // Pings, whose answers fill the pipe.
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        client.write_all(preface).await.unwrap();
        let ping = b"\0\0\x08\x06\0\0\0\0\0pingpong";
        while client.write_all(ping).await.is_ok() {}
        let error = served.await.unwrap();
        assert_eq!(error.as_deref(), Some("the client takes no more bytes"));
        assert!((TIMEOUT..TIMEOUT + SECOND).contains(&start.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_client_is_served_as_long_as_it_reads_at_all() {
        let (mut client, served) = connect(large);
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 1_000];
        loop {
            tokio::time::advance(TIMEOUT - SECOND).await;
            match client.read(&mut buffer).await.unwrap() {
                0 => break,
                read => answer.extend_from_slice(&buffer[..read]),
            }
        }
        assert!(answer.ends_with(&[b'x'; BODY]));
        assert_eq!(served.await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn upgraded_connection_may_wait_as_long_as_its_handler_likes() {
        let (mut client, served) = connect(upgrade);
        let request =
            b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
        client.write_all(request).await.unwrap();
        assert_eq!(served.await.unwrap(), None);
        tokio::time::advance(10 * TIMEOUT).await;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(&[b'x'; BODY]));
    }
}
