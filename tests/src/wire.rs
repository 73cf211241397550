//! HTTP/1.1 as bytes: for requests that no client would write, and for what becomes of a connection.

use std::net::SocketAddr;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::Answer;

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    received: BytesMut,
}

impl Wire {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the server listens");
        let received = BytesMut::new();
        Self { stream, received }
    }

    /// Sends `bytes`.
    ///
    /// # Panics
    ///
    /// If the connection is closed.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = self.stream.write_all(bytes.as_ref()).await;
        written.expect("the connection is open");
    }

    /// Sends as much of `bytes` as the server is there to take.
    pub async fn write_what_is_taken(&mut self, bytes: &[u8]) {
        // A server that has answered already may close before it has read all of this.
        let _cut = self.stream.write_all(bytes).await;
    }

    /// Reads a response whose body has a `Content-Length` (none: no body).
    ///
    /// # Panics
    ///
    /// If the connection ends before the response does.
    pub async fn read(&mut self) -> Answer {
        let head = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                let head = self.received.split_to(end);
                self.received.advance(4);
                break head;
            }
            self.receive().await;
        };
        let head = parse(std::str::from_utf8(&head).expect("the head is text"));
        let length = head.headers.get("content-length").map_or(0, |length| {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            length.expect("the length is a number")
        });
        while self.received.len() < length {
            self.receive().await;
        }
        Answer {
            head,
            body: self.received.split_to(length).freeze(),
            trailers: None,
        }
    }

    async fn receive(&mut self) {
        let read = self.stream.read_buf(&mut self.received).await;
        assert_ne!(
            read.expect("the connection is open"),
            0,
            "the answer is complete"
        );
    }

    /// Waits until the server has closed the connection in order, with nothing more to say.
    ///
    /// # Panics
    ///
    /// If there is more to read, or the connection was torn down.
    pub async fn closed(mut self) {
        let read = self.stream.read_buf(&mut self.received).await;
        assert_eq!(read.expect("the connection is closed in order"), 0);
        assert_eq!(self.received, Bytes::new(), "something follows the answer");
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn parse(head: &str) -> http::response::Parts {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let code = status
        .and_then(|status| status.get(..3))
        .expect("a status line of HTTP/1.1");
    let mut parts = Response::builder()
        .status(code)
        .body(())
        .expect("the status is one")
        .into_parts()
        .0;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header field");
        let name = HeaderName::try_from(name).expect("the name of a field");
        let value = HeaderValue::try_from(value).expect("the value of a field");
        parts.headers.append(name, value);
    }
    parts
}
