//! The built program, over a socket.

use http::{StatusCode, Version};
use portcullis_tests::program::Program;
use portcullis_tests::{client, refusal};

#[tokio::test]
async fn requests_pass_the_gate_until_they_are_too_many_or_of_another_kind() {
    let program = Program::start(env!("CARGO_BIN_EXE_axum-minimal"));
    let send = async |version, request| client::send(program.addr(), version, request).await;

    for version in [Version::HTTP_11, Version::HTTP_2] {
        let json = client::post("/greetings", "application/json", r#"{"name":"Ada"}"#);
        let answer = send(version, json).await;
        assert_eq!(answer.text(), r#"{"greeting":"hello, Ada"}"#);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
        assert!(answer.header("ratelimit").is_some());
        let line: serde_json::Value = serde_json::from_str(&program.line()).unwrap();
        assert_eq!(line["request_id"], answer.header("x-request-id").unwrap());
        assert_eq!(line["route"], "/greetings");
    }

    let answer = send(
        Version::HTTP_11,
        client::post("/greetings", "text/xml", "<a/>"),
    )
    .await;
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    refusal::is_problem(&answer, status, "unsupported-content-type");
    assert_eq!(answer.header("accept-post"), Some("application/json"));
    // The router's own refusals stand inside the gate, too.
    let answer = send(Version::HTTP_11, client::get("/nowhere")).await;
    assert_eq!(answer.head.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));

    let mut answers = Vec::new();
    for _ in 0..25 {
        answers.push(send(Version::HTTP_11, client::get("/")).await);
    }
    let refused = answers
        .iter()
        .find(|answer| answer.head.status == StatusCode::TOO_MANY_REQUESTS);
    let refused = refused.expect("the burst is 20");
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    assert!(refused.header("retry-after").is_some());

    // Probes are not counted.
    let answer = send(Version::HTTP_11, client::get("/ready")).await;
    assert_eq!(answer.head.status, StatusCode::OK);
}
