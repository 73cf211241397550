//! From a socket to what HTTP is spoken over.

use std::fmt;
use std::future::Future;
use std::io;

use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Makes a connection out of a socket. Implemented by [`PlainText`] and [`HandshakeFn`].
pub trait Handshake: Send + Sync + 'static {
    /// What HTTP is spoken over.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The connection, and what its requests carry.
    fn handshake(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<(Self::Io, Extensions)>> + Send;
}

/// HTTP over the socket as it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PlainText;

impl Handshake for PlainText {
    type Io = TcpStream;

    async fn handshake(&self, stream: TcpStream) -> io::Result<(TcpStream, Extensions)> {
        Ok((stream, Extensions::new()))
    }
}

/// A handshake made of a closure. Built by [`Server::handshake_with`](super::Server::handshake_with).
#[derive(Clone, Copy)]
pub struct HandshakeFn<F>(pub(super) F);

impl<F, Fut, I> Handshake for HandshakeFn<F>
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<(I, Extensions)>> + Send,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Io = I;

    fn handshake(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<(I, Extensions)>> + Send {
        (self.0)(stream)
    }
}

impl<F> fmt::Debug for HandshakeFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandshakeFn")
    }
}
