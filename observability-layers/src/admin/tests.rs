use std::fmt::Debug;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use portcullis_layer_core::endpoint::{Endpoint, EndpointService};
use portcullis_layer_core::testing::{TestBody, body, contract};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Admin, BuildInfo, LogLevel};
use crate::health::{Check, Health, HealthGuard};

/// Somebody else's part.
#[derive(Clone, Debug)]
struct Metrics;

impl<B> Endpoint<B> for Metrics {
    type Future = Ready<Response<Bytes>>;

    fn owns(&self, path: &str) -> bool {
        path == "/metrics" || path == "/health"
    }

    fn answer(&self, _: Request<B>) -> Self::Future {
        ready(Response::new(Bytes::from_static(b"up 1\n")))
    }
}

fn log_level() -> LogLevel {
    let filter = Arc::new(Mutex::new("info".to_owned()));
    let current = Arc::clone(&filter);
    LogLevel::new(
        move || current.lock().unwrap().clone(),
        move |wanted| {
            if wanted.contains("loud") {
                return Err("invalid filter directive");
            }
            wanted.clone_into(&mut filter.lock().unwrap());
            Ok(())
        },
    )
}

fn start() -> (Health, HealthGuard) {
    let failing = Check::new("database", async || Err::<(), _>("db.internal is down"));
    Health::start([failing]).unwrap()
}

fn admin(health: &Health) -> EndpointService<impl Endpoint<TestBody> + Clone + Debug> {
    EndpointService::new(
        Admin::new(health)
            .with(Metrics)
            .with(BuildInfo::new([("version", "1.2.3"), ("commit", "abc")]))
            .with(log_level()),
    )
}

fn request(method: Method, path: &str, body: &'static [u8]) -> Request<TestBody> {
    let mut request = Request::new(TestBody::new([Bytes::from_static(body)]));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request
}

async fn send<E>(service: &EndpointService<E>, request: Request<TestBody>) -> (StatusCode, String)
where
    E: Endpoint<TestBody> + Clone,
{
    let response = contract::send(&mut service.clone(), request).await.unwrap();
    let status = response.status();
    let body = body::conforms(response.into_body()).await;
    (status, String::from_utf8(body.data).unwrap())
}

async fn json<E>(service: &EndpointService<E>, method: Method, path: &str) -> Value
where
    E: Endpoint<TestBody> + Clone,
{
    let (_, text) = send(service, request(method, path, b"")).await;
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_part_answers_its_path_and_nothing_else_is_there() {
    let (health, _guard) = start();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let admin = admin(&health);
    let detail = json(&admin, Method::GET, "/health").await;
    assert_eq!(detail["checks"][0]["error"], "db.internal is down");
    let build = json(&admin, Method::GET, "/build").await;
    assert_eq!(build, json!({"version": "1.2.3", "commit": "abc"}));
    let level = json(&admin, Method::GET, "/log-level").await;
    assert_eq!(level, json!({"filter": "info"}));
    let drain = json(&admin, Method::GET, "/drain").await;
    assert_eq!(drain, json!({"draining": false}));
    let metrics = send(&admin, request(Method::GET, "/metrics", b"")).await;
    assert_eq!(metrics, (StatusCode::OK, "up 1\n".to_owned()));
    for path in ["/", "/live", "/health/", "/log-level/x"] {
        let (status, _) = send(&admin, request(Method::GET, path, b"")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn drain_is_switched_on_and_off() {
    let (health, _guard) = start();
    let admin = admin(&health);
    for (method, expected) in [
        (Method::PUT, true),
        (Method::DELETE, false),
        (Method::POST, true),
        (Method::GET, true),
        (Method::DELETE, false),
    ] {
        let answer = json(&admin, method, "/drain").await;
        assert_eq!(answer, json!({ "draining": expected }));
        assert_eq!(health.drain_switch().is_draining(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn log_level_is_set_by_the_body_and_wrong_ones_are_refused() {
    let (health, _guard) = start();
    let admin = admin(&health);
    let put = |body| request(Method::PUT, "/log-level", body);
    let ok = |filter: &str| (StatusCode::OK, json!({ "filter": filter }).to_string());
    assert_eq!(
        send(&admin, put(b"debug,hyper=warn\n")).await,
        ok("debug,hyper=warn")
    );

    let (status, problem) = send(&admin, put(b"loud")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem.contains("invalid filter directive"), "{problem}");
    const TOO_LONG: &[u8] = &[b'x'; 4097];
    for (body, expected) in [
        (&b" \n"[..], StatusCode::UNPROCESSABLE_ENTITY),
        (b"\xff", StatusCode::UNPROCESSABLE_ENTITY),
        (TOO_LONG, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(send(&admin, put(body)).await.0, expected);
    }
    let mut broken = put(b"");
    *broken.body_mut() = TestBody::new([Bytes::from_static(b"war")]).then_fail();
    assert_eq!(send(&admin, broken).await.0, StatusCode::BAD_REQUEST);

    let start = Instant::now();
    let mut slow = put(b"");
    *slow.body_mut() = TestBody::new([Bytes::from_static(b"war")]).then_hang();
    assert_eq!(send(&admin, slow).await.0, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(start.elapsed().as_secs(), 10);

    // Whatever was refused changed nothing.
    let level = request(Method::GET, "/log-level", b"");
    assert_eq!(send(&admin, level).await, ok("debug,hyper=warn"));
}

#[tokio::test(start_paused = true)]
async fn browsers_change_nothing() {
    let (health, _guard) = start();
    let admin = admin(&health);
    let from = |method: Method, path: &str, header: &'static str, value: &'static str| {
        let mut request = request(method, path, b"debug");
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(header, value);
        request
    };
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:9090"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
    ] {
        for (method, path) in [
            (Method::PUT, "/drain"),
            (Method::POST, "/drain"),
            (Method::DELETE, "/drain"),
            (Method::PUT, "/log-level"),
        ] {
            let (status, problem) = send(&admin, from(method, path, header, value)).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{header}: {value}");
            assert!(problem.contains("browser-refused"), "{problem}");
        }
        let read = from(Method::GET, "/build", header, value);
        assert_eq!(send(&admin, read).await.0, StatusCode::OK);
    }
    assert!(!health.drain_switch().is_draining());
    let level = json(&admin, Method::GET, "/log-level").await;
    assert_eq!(level["filter"], "info");
}

#[tokio::test(start_paused = true)]
async fn wrong_methods_are_told_the_right_ones_and_nothing_is_kept() {
    let (health, _guard) = start();
    let admin = admin(&health);
    for (path, allow) in [
        ("/health", "GET, HEAD"),
        ("/build", "GET, HEAD"),
        ("/log-level", "GET, HEAD, PUT"),
        ("/drain", "GET, HEAD, PUT, POST, DELETE"),
    ] {
        let wrong = request(Method::OPTIONS, path, b"");
        let response = contract::send(&mut admin.clone(), wrong).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()[ALLOW], allow);
        for method in [Method::GET, Method::HEAD] {
            let read = request(method, path, b"");
            let response = contract::send(&mut admin.clone(), read).await.unwrap();
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{path}");
        }
    }
}
