use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use portcullis_observability_layers::metrics::Format;
use tower::ServiceExt as _;

use super::*;
use crate::redaction::redactor;
use crate::settings::{LogFilter, LogFormat, Task};

fn settings() -> Settings {
    let arguments = ["reference-server", "--database-url=sqlite::memory:"];
    match crate::settings::read(arguments.map(Into::into), []) {
        Ok(Task::Serve(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

const STARTED_AGAIN: &str = "PORTCULLIS_TEST_PANIC";
const SECRETS: [&str; 3] = ["hunter2hunter2", "c2VjcmV0LWtleQ", "kT7mq2Lx9Zp4wVbN"];

/// What this process prints when handlers panic with secrets in their words.
async fn panic_and_print() {
    let [_, _, own] = SECRETS;
    known()
        .insert("own", own.as_bytes(), std::time::Instant::now())
        .unwrap();
    redactor().install_panic_hook();
    let LogFilter(filter) = "trace".parse().unwrap();
    let _level = crate::telemetry::start(filter, LogFormat::Json);
    let (health, _checks) = Health::start([]).unwrap();
    let (log, flush) = AccessLog::builder("test")
        .redact(redactor().clone())
        .start(std::io::stdout())
        .unwrap();
    let watch = Watch::new(health, log).unwrap();
    async fn bug() {
        let [password, key, own] = SECRETS;
        panic!("postgres://app:{password}@db/app answered {{\"api_key\":\"{key}\"}} to {own}");
    }
    async fn failed() {
        let [password, ..] = SECRETS;
        let parsed = password.parse::<std::net::IpAddr>();
        parsed
            .map_err(|error| format!("{error} in password={password}"))
            .unwrap();
    }
    let routes = Router::new()
        .route("/bug", get(bug))
        .route("/failed", get(failed));
    let stack = public(&settings(), routes, &watch).unwrap();
    for path in ["/bug", "/failed"] {
        let request = Request::get(path).header("host", "localhost");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = stack.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        drop(answer.into_body().collect().await.map_err(Into::into));
    }
    drop(flush);
}

// In a process of its own, because a hook is for all threads.
#[test]
fn a_panic_is_printed_without_the_secrets_in_its_words() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::var_os(STARTED_AGAIN).is_some() {
        return runtime.block_on(panic_and_print());
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "stack::tests::a_panic_is_printed_without_the_secrets_in_its_words",
            "--nocapture",
        ])
        .env(STARTED_AGAIN, "1")
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{out}{err}");
    for secret in SECRETS {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
    }
    // The standard error has them from the hook, and the log from the layer that answered.
    let words = "postgres://***@db/app answered";
    for printed in [&out, &err] {
        assert!(
            printed.contains(words) && printed.contains("password=[REDACTED]"),
            "{printed}"
        );
    }
    let panicked = out
        .lines()
        .filter(|line| line.contains("\"target\":\"portcullis::panic\""));
    assert_eq!(panicked.count(), 2, "{out}");
    let answered = out
        .lines()
        .filter(|line| line.contains("\"service\":\"test\""));
    assert_eq!(answered.count(), 2, "{out}");
}

#[tokio::test]
async fn a_secret_of_the_server_is_masked_in_what_it_says_itself() {
    const SECRET: &str = "Zq8vTn3KxW5yRb7LmP2c";
    known()
        .insert("said", SECRET.as_bytes(), std::time::Instant::now())
        .unwrap();
    let (health, _checks) = Health::start([]).unwrap();
    let (log, _flush) = AccessLog::builder("test").start(std::io::sink()).unwrap();
    let watch = Watch::new(health, log).unwrap();
    let said = async |request: Request<axum::body::Body>| {
        assert!(request.headers()["authorization"].is_sensitive());
        format!("it is {SECRET}")
    };
    let stored = async || {
        (
            [("content-type", "application/json")],
            format!("{SECRET:?}"),
        )
    };
    let routes = Router::new()
        .route("/said", get(said))
        .route("/stored", get(stored));
    let stack = public(&settings(), routes, &watch).unwrap();
    for (path, expected) in [
        ("/said", "it is [REDACTED]".to_owned()),
        ("/stored", format!("{SECRET:?}")),
    ] {
        let request = Request::get(path).header("host", "localhost");
        let request = request.header("authorization", "Bearer x");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = stack.clone().oneshot(request).await.unwrap();
        let body = answer.into_body().collect().await.map_err(Into::into);
        assert_eq!(body.unwrap().to_bytes(), expected);
    }
    let numbers = watch
        .metrics
        .encode(Format::negotiate(&http::HeaderMap::new()));
    assert!(numbers.contains("mask_replacements_total{kind=\"secret\"} 1"));
}

#[tokio::test]
async fn a_panic_is_an_answer_like_any_other_and_says_nothing_of_itself() {
    let (health, _checks) = Health::start([]).unwrap();
    let (log, _flush) = AccessLog::builder("test").start(std::io::sink()).unwrap();
    let watch = Watch::new(health, log).unwrap();
    async fn bug() {
        panic!("hunter2");
    }
    let routes = Router::new().route("/bug", get(bug));
    let stack = public(&settings(), routes, &watch).unwrap();

    let request = Request::get("/bug").header("host", "localhost");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = stack.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(Into::into)
        .unwrap();
    let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    assert!(body.contains(&id) && !body.contains("hunter2"), "{body}");

    let format = Format::negotiate(&http::HeaderMap::new());
    let numbers = watch.metrics.encode(format);
    let panicked = r#"http_requests_unfinished_total{outcome="panicked"} 1"#;
    assert!(numbers.contains(panicked), "{numbers}");
}
