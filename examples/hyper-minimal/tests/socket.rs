//! The built program, over a socket.

use http::{StatusCode, Version};
use portcullis_tests::program::Program;
use portcullis_tests::{client, refusal};

#[tokio::test]
async fn requests_pass_the_gate_until_they_are_too_many_or_too_large() {
    let program = Program::start(env!("CARGO_BIN_EXE_hyper-minimal"));
    let send = async |version, request| client::send(program.addr(), version, request).await;

    for version in [Version::HTTP_11, Version::HTTP_2] {
        let answer = send(version, client::post("/", "text/plain", "hello")).await;
        assert_eq!(answer.text(), "hello");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
        assert!(answer.header("ratelimit").is_some());
        let line: serde_json::Value = serde_json::from_str(&program.line()).unwrap();
        assert_eq!(line["request_id"], answer.header("x-request-id").unwrap());
        assert_eq!(line["route"], "/");
    }

    let large = client::post("/", "text/plain", vec![b'x'; 10 * 1024 * 1024 + 1]);
    let answer = send(Version::HTTP_2, large).await;
    refusal::is_problem(&answer, StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
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
