use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, Server};

const PROJECTS: &str = "/api/v1/projects";

async fn with_forwarded(server: &Server, client: &str) -> Answer {
    server
        .request(&Method::GET, PROJECTS)
        .header("x-forwarded-for", client)
        .send()
        .await
}

#[tokio::test]
async fn a_burst_is_refused_until_the_time_that_retry_after_tells() {
    let server = Server::with(&["--rate-limit=30/min,burst=2"]).await;
    for left in ["1", "0"] {
        let answer = server.get(PROJECTS).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.header("ratelimit-policy"),
            "\"default\";q=30;w=60;qu=\"requests\""
        );
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"default\";r={left};t="))
        );
    }
    let refused = server.get(PROJECTS).await;
    let refused_at = Instant::now();
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        refused.value()["type"]
            .as_str()
            .unwrap()
            .ends_with("quota-exceeded")
    );
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");

    // Probes are not counted, however often they come.
    while refused_at.elapsed() < Duration::from_secs(wait) {
        assert_eq!(server.get("/live").await.status, StatusCode::OK);
    }
    assert_eq!(server.get(PROJECTS).await.status, StatusCode::OK);
    assert_eq!(
        server.get(PROJECTS).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn the_default_limit_stops_a_burst_and_leaves_the_probes_alone() {
    let server = Server::with(&["--rate-limit=600/min,burst=100"]).await;
    let mut refused = 0;
    for _ in 0..300 {
        refused +=
            usize::from(server.get("/nowhere").await.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 0);
    for probe in ["/health", "/live", "/ready", "/metrics"] {
        let answer = server.get(probe).await;
        assert_eq!(answer.status, StatusCode::OK, "{probe}");
        assert!(!answer.headers.contains_key("ratelimit"), "{probe}");
    }
}

#[tokio::test]
async fn a_spoofed_forwarded_for_changes_nothing_unless_its_peer_is_trusted() {
    let distrustful = Server::with(&["--rate-limit=1/h"]).await;
    assert_eq!(
        with_forwarded(&distrustful, "192.0.2.1").await.status,
        StatusCode::OK
    );
    for spoofed in ["192.0.2.2", "192.0.2.3, 10.0.0.1", "::1", "unknown"] {
        let answer = with_forwarded(&distrustful, spoofed).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{spoofed}");
    }

    let trusting = Server::with(&["--rate-limit=1/h", "--trusted-proxies=loopback"]).await;
    assert_eq!(
        with_forwarded(&trusting, "192.0.2.1").await.status,
        StatusCode::OK
    );
    assert_eq!(
        with_forwarded(&trusting, "192.0.2.2").await.status,
        StatusCode::OK
    );
    // What a client put in front of what the proxy wrote is not believed.
    let prefixed = with_forwarded(&trusting, "198.51.100.9, 192.0.2.2").await;
    assert_eq!(prefixed.status, StatusCode::TOO_MANY_REQUESTS);

    let rfc7239 = Server::with(&[
        "--rate-limit=1/h",
        "--trusted-proxies=loopback",
        "--forwarded-header=forwarded",
    ])
    .await;
    for client in ["192.0.2.1", "192.0.2.2"] {
        let call = rfc7239
            .request(&Method::GET, PROJECTS)
            .header("forwarded", &format!("for={client}"));
        assert_eq!(call.send().await.status, StatusCode::OK);
    }
    assert_eq!(
        with_forwarded(&rfc7239, "192.0.2.3").await.status,
        StatusCode::OK
    );
    assert_eq!(
        with_forwarded(&rfc7239, "192.0.2.4").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn a_client_has_only_so_many_requests_under_way() {
    let server = Server::with(&["--concurrency-limit=1"]).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let who = server.authorization();
    let head = format!(
        "POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{who}\
         content-type: application/json\r\ncontent-length: 12\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The handler has asked for the body: the request is under way.
    let mut interim = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut interim).await.unwrap();
    let second = server.get(PROJECTS).await;
    assert_eq!(second.status, StatusCode::TOO_MANY_REQUESTS);

    stream.write_all(b"{\"name\":\"p\"}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.get(PROJECTS).await.status, StatusCode::OK);
}
