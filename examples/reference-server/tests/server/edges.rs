use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::Server;

/// Writes bytes and reads until the server closes, which `Connection: close` asks for.
async fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may answer and close before it has read everything.
    let _cut = stream.write_all(bytes).await;
    read(stream).await
}

/// The same for what is not a whole request: it ends with the stream.
async fn raw_and_no_more(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let _gone = stream.shutdown().await;
    read(stream).await
}

async fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn json_that_readers_disagree_about_is_refused_with_its_place() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    for (body, line, column) in [
        ("", 1, 0),
        ("{\"a\":1,}", 1, 8),
        ("{\n \"a\": 1\n \"b\"", 3, 2),
        ("{\"a\":1,\"a\":2}", 1, 10),
        ("{\"a\":1,\"\\u0061\":2}", 1, 15),
        ("[1] [2]", 1, 5),
        ("// x\n1", 1, 1),
        ("'a'", 1, 1),
        ("Infinity", 1, 1),
        ("1e999", 1, 5),
        ("\u{feff}1", 1, 1),
    ] {
        let refused = server.put(&app, body).await;
        assert_eq!(refused.problem(), "malformed-json", "{body}");
        let place = (&refused.value()["line"], &refused.value()["column"]);
        assert_eq!(place, (&line.into(), &column.into()), "{body}");
    }
    let binary = server
        .request(&Method::PUT, &app)
        .header("content-type", "application/json");
    let binary = binary.body(Bytes::from_static(b"\"\xff\"")).await;
    assert_eq!(binary.problem(), "malformed-json");
    for bomb in ["[".repeat(200_000), format!("[{}0]", "0,".repeat(300_000))] {
        assert_eq!(server.put(&app, &bomb).await.problem(), "malformed-json");
    }
    assert_eq!(server.get(&app).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start().await;
    for (path, allow) in [
        ("/api/v1/projects", "GET,HEAD,POST"),
        ("/api/v1/projects/p", "GET,HEAD,DELETE"),
        ("/api/v1/projects/p/configs", "GET,HEAD"),
        ("/api/v1/projects/p/configs/c", "GET,HEAD,PUT,DELETE"),
        ("/api/v1/projects/p/configs/c/schema", "GET,HEAD,PUT,DELETE"),
        ("/api/v1/projects/p/configs/c/versions", "GET,HEAD,POST"),
        ("/api/v1/projects/p/configs/c/versions/1", "GET,HEAD"),
        ("/api/v1/projects/p/configs/c/versions/1/restore", "POST"),
        ("/", "GET,HEAD"),
    ] {
        for method in ["PATCH", "OPTIONS", "TRACE", "BREW"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let refused = server.request(&method, path).send().await;
            assert_eq!(refused.problem(), "method-not-allowed", "{method} {path}");
            assert_eq!(refused.header("allow"), allow, "{method} {path}");
        }
    }
    for probe in ["/health", "/live", "/ready", "/metrics"] {
        let refused = server.post(probe, "1").await;
        assert_eq!(refused.problem(), "method-not-allowed", "{probe}");
    }
}

#[tokio::test]
async fn requests_beyond_the_bounds_are_refused_each_with_its_status() {
    let server = Server::with(&["--max-body=1KiB"]).await;
    let app = format!("{}/app", server.project("p").await);

    let long = server.get(&format!("/{}", "a".repeat(9_000))).await;
    assert_eq!(long.status, StatusCode::URI_TOO_LONG);
    let heavy = server
        .request(&Method::GET, "/")
        .header("x-heavy", &"a".repeat(17_000));
    assert_eq!(
        heavy.send().await.status,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );

    let large = server
        .put(&app, &format!("\"{}\"", "a".repeat(2_000)))
        .await;
    assert_eq!(
        (large.status, large.problem().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large")
    );
    assert_eq!(large.value()["limit"], 1024);
    // Of a length that nobody announced.
    let chunk = format!("{:x}\r\n{}\r\n", 600, "1".repeat(600));
    let who = server.authorization();
    let chunked = format!(
        "PUT {app} HTTP/1.1\r\nhost: localhost\r\n{who}content-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    let chunked = raw(&server, chunked.as_bytes()).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");

    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/grpc+json",
    ] {
        let call = server
            .request(&Method::PUT, &app)
            .header("content-type", content_type);
        let (address, request) = call.into_request(Bytes::from_static(b"1"));
        let mut connection = crate::support::connect(address).await.unwrap();
        let answer = connection.send_request(request).await.unwrap();
        // A gRPC client is told in its own language.
        let refused = answer.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE
            || answer.headers().contains_key("grpc-status");
        assert!(refused, "{content_type}: {answer:?}");
    }
    let bare = server
        .request(&Method::PUT, &app)
        .body(Bytes::from_static(b"1"))
        .await;
    assert_eq!(bare.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(server.get(&app).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_ends_at_its_deadline() {
    let server = Server::with(&["--body-timeout=50ms"]).await;
    let who = server.authorization();
    let head = format!(
        "PUT /api/v1/projects/p/configs/c HTTP/1.1\r\nhost: localhost\r\n{who}\
         content-type: application/json\r\ncontent-length: 10\r\n\r\n12"
    );
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.contains("body-too-slow") && answer.contains("x-request-id: "),
        "{answer}"
    );
}

#[tokio::test]
async fn only_hosts_of_ours_are_answered_for() {
    let server = Server::with(&["--allowed-hosts=shop.example,localhost"]).await;
    let from = |host: &str, path: &str| {
        server
            .request(&Method::GET, path)
            .header("host", host)
            .send()
    };
    assert_eq!(from("shop.example", "/").await.status, StatusCode::OK);
    assert_eq!(from("SHOP.example:80", "/").await.status, StatusCode::OK);
    for host in ["evil.example", "shop.example.evil.example", "127.0.0.1"] {
        assert_eq!(
            from(host, "/").await.status,
            StatusCode::MISDIRECTED_REQUEST,
            "{host}"
        );
        // A kubelet calls by address.
        assert_eq!(from(host, "/live").await.status, StatusCode::OK, "{host}");
    }
    let without = raw(&server, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(without.starts_with("HTTP/1.1 400"), "{without}");
}

#[tokio::test]
async fn plain_http_is_redirected_or_refused_where_https_is_asked_for() {
    let redirecting = Server::with(&["--https=redirect", "--trusted-proxies=loopback"]).await;
    let plain = redirecting
        .request(&Method::GET, "/docs?x=1")
        .header("host", "localhost:80");
    let plain = plain.send().await;
    assert_eq!(plain.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(plain.header("location"), "https://localhost/docs?x=1");
    let forwarded = redirecting
        .request(&Method::GET, "/docs")
        .header("x-forwarded-proto", "https");
    let forwarded = forwarded.send().await;
    assert_eq!(forwarded.status, StatusCode::OK);
    assert!(forwarded.headers.contains_key("strict-transport-security"));

    let requiring = Server::with(&["--https=require"]).await;
    let call = || requiring.request(&Method::GET, "/api/v1/projects");
    let plain = call().send().await;
    assert_eq!(plain.status, StatusCode::FORBIDDEN);
    assert!(!plain.headers.contains_key("strict-transport-security"));
    // Nobody is trusted, so nobody's word makes it https.
    let spoofed = call().header("x-forwarded-proto", "https").send().await;
    assert_eq!(spoofed.status, StatusCode::FORBIDDEN);
    for probe in ["/health", "/live", "/ready", "/metrics"] {
        assert_eq!(requiring.get(probe).await.status, StatusCode::OK, "{probe}");
    }
}

#[tokio::test]
async fn an_identity_is_taken_over_from_trusted_peers_only() {
    let ask = async |server: &Server, id: &str| {
        let call = server
            .request(&Method::GET, "/api/v1/projects")
            .header("x-request-id", id);
        call.send().await.header("x-request-id").to_owned()
    };
    let distrustful = Server::start().await;
    let made = ask(&distrustful, "mine").await;
    assert_eq!(made.len(), 36);
    assert_ne!(made, ask(&distrustful, "mine").await);

    let trusting = Server::with(&["--trusted-proxies=127.0.0.0/8"]).await;
    assert_eq!(ask(&trusting, "mine").await, "mine");
    assert_eq!(ask(&trusting, &"a".repeat(129)).await.len(), 36);
    assert_eq!(ask(&trusting, "a b").await.len(), 36);
}

#[tokio::test]
async fn whatever_is_sent_the_server_goes_on() {
    let server = Server::start().await;
    let head = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    for bytes in [
        &b"\r\n\r\n\r\n"[..],
        b"\0\0\0\0\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nhost: loc",
        b"POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let answer = raw_and_no_more(&server, bytes).await;
        assert!(
            !answer.contains(" 500 ") && !answer.contains(" 200 "),
            "{answer}"
        );
    }
    for bytes in [
        &b"GET / HTTP/9.9\r\n\r\n"[..],
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n{}",
        b"POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost:80\r\nconnection: close\r\n\r\n",
        b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        format!("{head}x: {}\r\n\r\n", "a".repeat(100_000)).as_bytes(),
        format!("{head}{}\r\n", "a: b\r\n".repeat(500)).as_bytes(),
    ] {
        let answer = raw(&server, bytes).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(server.get("/ready").await.status, StatusCode::OK);
    assert_eq!(server.get("/").await.status, StatusCode::OK);
}
