//! Requests that no client library lets one send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends bytes, and returns all that comes back.
pub(super) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        // A server that refuses may reset what it has not read.
        while let Ok(1..) = stream.read(&mut part).await.inspect(|length| {
            answer.extend_from_slice(&part[..*length]);
        }) {}
        String::from_utf8_lossy(&answer).into_owned()
    };
    let patience = Duration::from_secs(30);
    let answer = tokio::time::timeout(patience, talk).await;
    answer.unwrap_or_else(|_| {
        panic!(
            "no end of the answer to {:?}",
            String::from_utf8_lossy(bytes)
        )
    })
}

/// Requests of HTTP/1.1 that hold `text`, each broken or odd in a way of its own.
pub(super) fn http1(text: &str) -> Vec<String> {
    let rest = "host: localhost\r\nconnection: close\r\n\r\n";
    let json = "host: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    vec![
        format!("GET / {text} HTTP/1.1\r\n{rest}"),
        format!("GET /{text} HTTP/1.1\r\n{rest}"),
        format!("GET / HTTP/{text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\n{text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\n{text}: x\r\n{rest}"),
        format!("GET / HTTP/1.1\r\nx y: {text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\nx: \u{1}{text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\nhost: {text}\r\nconnection: close\r\n\r\n"),
        format!("GET http://{text}@localhost/x HTTP/1.1\r\n{rest}"),
        format!("CONNECT {text}:443 HTTP/1.1\r\n{rest}"),
        format!("GET / HTTP/1.1\r\ncontent-length: x{text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\ntransfer-encoding: {text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\nexpect: {text}\r\n{rest}"),
        format!("GET / HTTP/1.1\r\nupgrade: {text}\r\n{rest}"),
        format!(
            "POST /api/v1/projects HTTP/1.1\r\n{json}transfer-encoding: chunked\r\n\r\nx{text}\r\n"
        ),
        format!("POST /api/v1/projects HTTP/1.1\r\n{json}content-length: 3\r\n\r\n1 1{text}"),
    ]
}

/// A connection of HTTP/2 whose requests hold `text` where they are not allowed to, and which ends by
/// saying it once more.
pub(super) fn http2(text: &str) -> Vec<u8> {
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GOAWAY: u8 = 7;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    let path = format!("/ {text}");
    let authority = format!("{text} @localhost");
    let valid = [(PATH, "/"), (AUTHORITY, "localhost")];
    let broken = [
        [(PATH, path.as_str()), (AUTHORITY, "localhost")],
        [(PATH, "/"), (AUTHORITY, authority.as_str())],
    ];
    for (stream, fields) in (1..).step_by(2).zip(broken) {
        bytes.extend(request(stream, &fields, &[]));
    }
    bytes.extend(request(5, &valid, &[("te", text)]));
    bytes.extend(request(7, &valid, &[("x-secret", text)]));
    bytes.extend(request(9, &valid, &[("Upper", text)]));
    let ping = format!("{text:8.8}");
    bytes.extend(frame(PING, 0, 0, ping.as_bytes()));
    let mut last = vec![0; 8];
    last.extend_from_slice(text.as_bytes());
    bytes.extend(frame(GOAWAY, 0, 0, &last));
    bytes
}

/// Indices of HPACK's static table (RFC 7541, appendix A).
const AUTHORITY: u8 = 1;
const PATH: u8 = 4;

fn request(stream: u32, pseudo: &[(u8, &str)], fields: &[(&str, &str)]) -> Vec<u8> {
    const HEADERS: u8 = 1;
    const END_STREAM_AND_HEADERS: u8 = 5;
    const GET_AND_HTTP: [u8; 2] = [0x82, 0x86];
    let mut block = GET_AND_HTTP.to_vec();
    for (index, value) in pseudo {
        block.push(*index);
        block.extend(string(value));
    }
    for (name, value) in fields {
        block.push(0);
        block.extend(string(name));
        block.extend(string(value));
    }
    frame(HEADERS, END_STREAM_AND_HEADERS, stream, &block)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A string as HPACK writes it without a Huffman code (RFC 7541, 5.1 and 5.2).
fn string(text: &str) -> Vec<u8> {
    const MOST_IN_PREFIX: usize = 0x7f;
    let mut bytes = Vec::new();
    if let Some(mut rest) = text.len().checked_sub(MOST_IN_PREFIX) {
        bytes.push(0x7f);
        while rest >= 0x80 {
            bytes.push(u8::try_from(rest % 0x80).unwrap() | 0x80);
            rest /= 0x80;
        }
        bytes.push(u8::try_from(rest).unwrap());
    } else {
        bytes.push(u8::try_from(text.len()).unwrap());
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
