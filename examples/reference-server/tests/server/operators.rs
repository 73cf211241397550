use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::support::{Call, Server};

fn ask(server: &Server, method: &Method, path: &str) -> Call {
    Call::new(server.operators(), method, path)
}

#[tokio::test]
async fn operators_have_a_listener_of_their_own() {
    let server = Server::with(&["--admin-listen=127.0.0.1:0"]).await;
    let health = ask(&server, &Method::GET, "/health").send().await;
    assert_eq!(health.value()["checks"][0]["name"], "database");
    let build = ask(&server, &Method::GET, "/build").send().await;
    assert_eq!(build.value()["version"], env!("CARGO_PKG_VERSION"));
    let metrics = ask(&server, &Method::GET, "/metrics").send().await;
    assert!(metrics.text().contains("http_requests_total"));
    assert_eq!(
        ask(&server, &Method::GET, "/nowhere").send().await.status,
        StatusCode::NOT_FOUND
    );

    // Nothing of it is on the public one.
    for path in ["/build", "/drain", "/log-level"] {
        assert_eq!(
            server.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(server.get("/health").await.text(), "{\"status\":\"pass\"}");
}

#[tokio::test]
async fn a_page_under_a_name_that_was_made_to_point_here_reads_nothing() {
    let server = Server::with(&["--admin-listen=127.0.0.1:0"]).await;
    let rebound = |path: &str| {
        ask(&server, &Method::GET, path)
            .header("host", "evil.example")
            .send()
    };
    for path in ["/health", "/build", "/log-level"] {
        assert_eq!(
            rebound(path).await.status,
            StatusCode::MISDIRECTED_REQUEST,
            "{path}"
        );
    }
    assert_eq!(rebound("/metrics").await.status, StatusCode::OK);
}

#[tokio::test]
async fn operators_take_the_server_out_of_traffic_and_back() {
    let server = Server::with(&["--admin-listen=127.0.0.1:0"]).await;
    let drained = ask(&server, &Method::PUT, "/drain").send().await;
    assert_eq!(drained.value()["draining"], true);
    assert_eq!(
        server.get("/ready").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert!(server.get("/").await.text().contains("It is not ready"));
    assert_eq!(server.get("/api/v1/projects").await.status, StatusCode::OK);
    ask(&server, &Method::DELETE, "/drain").send().await;
    assert_eq!(server.get("/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_log_level_is_changed_while_the_server_runs() {
    let mut server = Server::with(&["--admin-listen=127.0.0.1:0"]).await;
    let set = |filter: &'static str| {
        ask(&server, &Method::PUT, "/log-level").body(Bytes::from_static(filter.as_bytes()))
    };
    assert_eq!(set("inof").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let changed = set("portcullis::refusal=debug,info").await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(
        ask(&server, &Method::GET, "/log-level")
            .send()
            .await
            .value(),
        changed.value()
    );
    assert_eq!(
        server.get(&format!("/{}", "a".repeat(9_000))).await.status,
        StatusCode::URI_TOO_LONG
    );
    server.logged("\"layer\":\"uri_limit\"").await;
}

#[tokio::test]
async fn each_request_is_one_line_of_the_access_log() {
    let mut server = Server::start().await;
    let spoofed = "spoofed\\\",\"level\":\"ERROR";
    let call = server.request(&Method::GET, "/api/v1/projects/p?token=hunter2");
    let answer = call
        .header("user-agent", spoofed)
        .header("cookie", "session=hunter2")
        .send()
        .await;
    let line = server.logged(answer.header("x-request-id")).await;
    assert!(!line.contains("hunter2"), "{line}");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["service"], "reference-server");
    assert_eq!(line["route"], "/api/v1/projects/{project}");
    assert_eq!(
        (&line["status"], &line["level"]),
        (&404.into(), &"INFO".into())
    );
    assert_eq!(line["user_agent"], spoofed);
    assert_eq!(line["client_ip"], "127.0.0.1");
}
