//! What comes over the connection instead of an answer.

use std::net::TcpListener;

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};
use tokio::time::Instant;

use super::fake::{Fake, Instead, pass, seconds, text};
use crate::source::EnvSource;
use crate::source::SourceErrorKind::{Malformed, Unavailable};
use crate::source::vault::http::parse;
use crate::source::vault::{Login, Vault};

#[tokio::test]
async fn what_is_no_answer_is_an_error_of_its_kind() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    let mut oversized = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    oversized.resize(2 << 20, b' ');
    let mut endless_head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    endless_head.resize(2 << 20, b'x');
    let ok = |rest: &str| Instead::Bytes(format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes());
    let unavailable = vec![
        Instead::HangUp,
        Instead::Status(500),
        Instead::Status(502),
        Instead::Status(503),
        Instead::Status(429),
        Instead::Status(307),
        Instead::Status(412),
        // Cut off.
        ok("content-length: 20\r\n\r\n{}"),
        ok("transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        Instead::Bytes(b"HTTP/1.1 200".to_vec()),
    ];
    let malformed = vec![
        Instead::Status(400),
        Instead::Status(204),
        Instead::Status(100),
        Instead::Bytes(oversized),
        Instead::Bytes(endless_head),
        Instead::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec()),
        Instead::Bytes(b"HTTP/1.1 200 OK\r\n\r\n\xff".to_vec()),
        ok("content-length: 2\r\n\r\n{}"),
        ok("\r\n{\"data\":"),
        ok("\r\n{\"data\":{\"data\":[1]}}"),
        // Two lengths, or a length that is none, or more than allowed: who can say where the answer ends.
        ok("content-length: 2\r\ncontent-length: 2\r\n\r\n{}"),
        ok("content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"),
        ok("transfer-encoding: gzip\r\n\r\n{}"),
        ok("content-length: +2\r\n\r\n{}"),
        ok("content-length: 99999999999999999999\r\n\r\n{}"),
        ok("content-length: 262145\r\n\r\n{}"),
        ok("transfer-encoding: chunked\r\n\r\nzz\r\n"),
        ok("transfer-encoding: chunked\r\n\r\n2\r\n{}--"),
        ok("transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
    ];
    for (kind, cases) in [(Unavailable, unavailable), (Malformed, malformed)] {
        for (number, instead) in cases.into_iter().enumerate() {
            fake.set(|state| state.instead = [instead].into());
            assert_eq!(text(&source).await, Err(kind), "case {number}");
        }
    }
    text(&source).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    fake.set(|state| state.instead = [Instead::Silence].into());
    let begun = Instant::now();
    // Nothing will come from the socket, so the clock may run to the deadline.
    let waiting = tokio::spawn(async move { text(&source).await });
    while fake.state.lock().unwrap().open.is_empty() {
        tokio::task::yield_now().await;
    }
    pass(5).await;
    assert_eq!(waiting.await.unwrap(), Err(Unavailable));
    assert!(begun.elapsed() < seconds(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let login = Login::app_role("role", EnvSource::new("PATH"));
    let source = Vault::new(&url, login)
        .unwrap()
        .kv2("secret", "app")
        .unwrap();
    assert_eq!(text(&source).await, Err(Unavailable));
}

proptest! {
    #[test]
    fn whatever_is_received_is_parsed_without_a_panic(bytes in any::<Vec<u8>>(), chunked in any::<bool>(), ended in any::<bool>()) {
        let header = if chunked { "transfer-encoding: chunked" } else { "content-length: 9" };
        let mut answer = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n").into_bytes();
        answer.extend_from_slice(&bytes);
        drop(parse(&answer, ended));
        drop(parse(&bytes, ended));
    }

    #[test]
    fn an_answer_is_whole_or_not_there_yet(body in vec(any::<u8>(), 1..200), chunk in 1..50_usize) {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(chunk) {
            answer.extend(format!("{:X}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
        }
        answer.extend(b"0\r\n");
        for end in 0..answer.len() {
            prop_assert!(parse(&answer[..end], false).unwrap().is_none(), "{end}");
        }
        prop_assert_eq!(&*parse(&answer, false).unwrap().unwrap().body, &body);
    }
}
