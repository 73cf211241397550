//! As much of an HTTP/1.1 client as Vault's API needs.
//!
//! A general client would keep answers, and thus secrets, in buffers that are not wiped.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use httparse::{EMPTY_HEADER, Response, Status};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

const HEAD: usize = 16 * 1024;
const BODY: usize = 256 * 1024;
const HEADERS: usize = 64;

/// Where Vault or its agent listens.
#[derive(Clone, Debug)]
pub(super) struct Http {
    server: Server,
    /// As the `host` header has it.
    host: Box<str>,
    pub(super) connect: Duration,
    pub(super) total: Duration,
}

#[derive(Clone, Debug)]
enum Server {
    /// In clear, and therefore on this machine.
    Local(SocketAddr),
    #[cfg(feature = "vault-tls")]
    Tls(super::tls::Tls),
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(super) fn parse<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HttpError {
    /// It could not be reached, or not in time.
    Unavailable,
    /// What it said is not HTTP, or more than allowed.
    Malformed,
}

pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// Below `/v1/`.
    pub(super) path: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Http {
    /// `None`: not `http://` with a loopback address and a port.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let host = url.strip_prefix("http://")?;
        let host = host.strip_suffix('/').unwrap_or(host);
        let address = match host.strip_prefix("localhost:") {
            // Not looked up: who answers for a name is not for us to trust.
            Some(port) => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port.parse().ok()?),
            None => host.parse().ok()?,
        };
        address
            .ip()
            .is_loopback()
            .then(|| Self::new(Server::Local(address), host))
    }

    /// `None`: not `https://` with a host and a port, or no certificates in `ca`.
    #[cfg(feature = "vault-tls")]
    pub(super) fn parse_tls(url: &str, ca: &[u8]) -> Option<Self> {
        let host = url.strip_prefix("https://")?;
        let host = host.strip_suffix('/').unwrap_or(host);
        let tls = super::tls::Tls::new(host, ca)?;
        Some(Self::new(Server::Tls(tls), host))
    }

    fn new(server: Server, host: &str) -> Self {
        Self {
            server,
            host: host.into(),
            connect: Duration::from_secs(2),
            total: Duration::from_secs(5),
        }
    }

    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, HttpError> {
        match timeout(self.total, self.exchange(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Unavailable),
        }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Answer, HttpError> {
        match &self.server {
            Server::Local(address) => {
                let stream = self.connected(TcpStream::connect(address)).await?;
                self.talk(stream, call).await
            }
            #[cfg(feature = "vault-tls")]
            Server::Tls(tls) => {
                let stream = self.connected(tls.connect()).await?;
                self.talk(stream, call).await
            }
        }
    }

    async fn connected<S>(
        &self,
        connecting: impl Future<Output = io::Result<S>>,
    ) -> Result<S, HttpError> {
        match timeout(self.connect, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            _ => Err(HttpError::Unavailable),
        }
    }

    async fn talk<S>(&self, mut stream: S, call: &Call<'_>) -> Result<Answer, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let request = self.request(call);
        let sent = async {
            stream.write_all(&request).await?;
            // TLS keeps what it has not been told to send.
            stream.flush().await
        };
        sent.await.map_err(|_| HttpError::Unavailable)?;
        // Never grows, so that no copy is left behind.
        let mut received = Zeroizing::new(vec![0; HEAD + 2 * BODY]);
        let mut len = 0;
        loop {
            let room = &mut received[len..];
            if room.is_empty() {
                return Err(HttpError::Malformed);
            }
            let n = stream
                .read(room)
                .await
                .map_err(|_| HttpError::Unavailable)?;
            len += n;
            if let Some(answer) = parse(&received[..len], n == 0)? {
                return Ok(answer);
            }
            if n == 0 {
                // The connection broke in the middle of the answer: a matter of trying again.
                return Err(HttpError::Unavailable);
            }
        }
    }

    fn request(&self, call: &Call<'_>) -> Zeroizing<Vec<u8>> {
        let length = call.body.len().to_string();
        // Vault refuses requests without the second header if its agent is told to; it keeps pages in browsers out.
        let parts = [
            call.method,
            " /v1/",
            call.path,
            " HTTP/1.1\r\nhost: ",
            &self.host,
            "\r\nx-vault-request: true\r\nconnection: close\r\naccept: application/json\r\ncontent-length: ",
            &length,
            if call.namespace.is_some() {
                "\r\nx-vault-namespace: "
            } else {
                ""
            },
            call.namespace.unwrap_or_default(),
            if call.token.is_some() {
                "\r\nx-vault-token: "
            } else {
                ""
            },
            call.token.unwrap_or_default(),
            "\r\n\r\n",
        ];
        let len = parts.iter().map(|part| part.len()).sum::<usize>() + call.body.len();
        let mut request = Zeroizing::new(Vec::with_capacity(len));
        for part in parts {
            request.extend_from_slice(part.as_bytes());
        }
        request.extend_from_slice(call.body);
        request
    }
}

/// Whether `text` can stand in a header or in the first line without ending it.
pub(super) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

enum Framing {
    Length(usize),
    Chunked,
    ToTheEnd,
}

/// Reads an answer; `None`: not all of it is there. `ended`: no more will come.
pub(super) fn parse(received: &[u8], ended: bool) -> Result<Option<Answer>, HttpError> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut response = Response::new(&mut headers);
    let head = match response.parse(received) {
        Ok(Status::Complete(head)) if head <= HEAD => head,
        Ok(Status::Partial) if received.len() <= HEAD => return Ok(None),
        _ => return Err(HttpError::Malformed),
    };
    let status = response.code.ok_or(HttpError::Malformed)?;
    let framing = match status {
        // We ask for no interim answers.
        0..200 => return Err(HttpError::Malformed),
        204 | 304 => Framing::Length(0),
        _ => framing(response.headers)?,
    };
    let body = &received[head..];
    let body = match framing {
        Framing::Length(length) if body.len() < length => return Ok(None),
        Framing::Length(length) => Zeroizing::new(body[..length].to_vec()),
        Framing::Chunked => match unchunk(body)? {
            None => return Ok(None),
            Some(body) => body,
        },
        Framing::ToTheEnd if !ended => return Ok(None),
        Framing::ToTheEnd => Zeroizing::new(body.to_vec()),
    };
    if body.len() > BODY {
        return Err(HttpError::Malformed);
    }
    Ok(Some(Answer { status, body }))
}

/// RFC 9112, 6.3, without its tolerance for what is contradictory.
fn framing(headers: &[httparse::Header<'_>]) -> Result<Framing, HttpError> {
    let mut framing = Framing::ToTheEnd;
    for header in headers {
        let next = if header.name.eq_ignore_ascii_case("content-length") {
            let digits = str::from_utf8(header.value).map_err(|_| HttpError::Malformed)?;
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(HttpError::Malformed);
            }
            match digits.parse() {
                Ok(length) if length <= BODY => Framing::Length(length),
                _ => return Err(HttpError::Malformed),
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !header.value.eq_ignore_ascii_case(b"chunked") {
                return Err(HttpError::Malformed);
            }
            Framing::Chunked
        } else {
            continue;
        };
        if !matches!(framing, Framing::ToTheEnd) {
            return Err(HttpError::Malformed);
        }
        framing = next;
    }
    Ok(framing)
}

/// Puts the chunks together; `None`: not all of them are there. Trailers are not looked at.
fn unchunk(mut rest: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, HttpError> {
    let mut body = Zeroizing::new(Vec::with_capacity(rest.len()));
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(HttpError::Malformed),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= BODY)
            .ok_or(HttpError::Malformed)?;
        let end = start + size;
        let Some(line_end) = rest.get(end..end + 2) else {
            return Ok(None);
        };
        if line_end != b"\r\n" {
            return Err(HttpError::Malformed);
        }
        body.extend_from_slice(&rest[start..end]);
        rest = &rest[end + 2..];
    }
}
