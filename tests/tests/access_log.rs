//! The access log of requests that came over sockets.

use std::sync::{Arc, Mutex};

use http::{HeaderValue, Version};
use portcullis_layer_core::origin::{ForwardedHeaders, OriginLayer, OriginPolicy, TrustedProxies};
use portcullis_observability_layers::access_log::{AccessLog, FlushGuard};
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_security_layers::limits::UriLimitLayer;
use portcullis_tests::serve::Greeter;
use portcullis_tests::{client, serve};
use serde_json::Value;
use tower::ServiceBuilder;

/// What the log has written, once its guard is dropped.
#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn log(&self) -> (AccessLog, FlushGuard) {
        let output = self.clone();
        AccessLog::builder("shop")
            .start_with(move |batch| {
                output
                    .0
                    .lock()
                    .expect("no writer panics")
                    .extend_from_slice(batch);
                Ok(())
            })
            .expect("there is a thread")
    }

    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().expect("no writer panics").clone();
        let text = String::from_utf8(bytes).expect("the log is text");
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }
}

/// Waits until the log has taken as many lines: the server notices the end of a response after its client.
async fn taken(log: &AccessLog, lines: u64) {
    while log.taken() < lines {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_request_is_a_line_whoever_answered_it() {
    let output = Output::default();
    let (log, guard) = output.log();
    let trust = OriginPolicy::new(TrustedProxies::loopback(), ForwardedHeaders::XForwarded);
    let gate = ServiceBuilder::new()
        .layer(OriginLayer::new(trust))
        .layer(RequestIdLayer::new())
        .layer(log.layer())
        .layer(UriLimitLayer::new(30.try_into().unwrap()));
    let axum = serve::axum(serve::routes().layer(gate.clone())).await;
    let hyper = serve::hyper(gate.service(Greeter)).await;

    let mut answers = Vec::new();
    let long = "/?token=secret78901234567890123";
    for (server, path) in [(&axum, "/items/7?q=secret"), (&axum, long), (&hyper, "/")] {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let mut request = client::get(path);
            let from = HeaderValue::from_static("192.0.2.60");
            request.headers_mut().insert("x-forwarded-for", from);
            let agent = HeaderValue::from_static("\"},{\"level\":\"ERROR\"");
            request.headers_mut().insert("user-agent", agent);
            answers.push(client::send(server.addr(), version, request).await);
            taken(&log, answers.len() as u64).await;
        }
    }
    drop(guard);
    let lines = output.lines();
    assert_eq!(lines.len(), answers.len());
    for (line, answer) in lines.iter().zip(&answers) {
        assert_eq!(line["service"], "shop");
        assert_eq!(line["request_id"], answer.header("x-request-id").unwrap());
        assert_eq!(line["status"], answer.head.status.as_u16());
        assert_eq!(line["bytes"], answer.body.len());
        assert_eq!(line["client_ip"], "192.0.2.60");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["user_agent"], "\"},{\"level\":\"ERROR\"");
        assert!(!line.to_string().contains("secret"));
    }
    assert_eq!(lines[0]["route"], "/items/{id}");
    assert_eq!(lines[2]["status"], 414);
}

#[tokio::test]
async fn grpc_calls_are_logged_with_the_status_of_their_trailers_or_headers() {
    const METHOD: &str = "/grpc.health.v1.Health/Check";
    for (max, code) in [(100, 0), (1, 8)] {
        let output = Output::default();
        let (log, guard) = output.log();
        let gate = ServiceBuilder::new()
            .layer(log.layer().routes([METHOD]))
            .layer(UriLimitLayer::new(max.try_into().unwrap()));
        let server = serve::tonic(gate.into_inner()).await;
        assert_eq!(client::check_health(server.addr()).await.is_ok(), code == 0);
        taken(&log, 1).await;
        drop(guard);
        let lines = output.lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["route"], METHOD);
        assert_eq!(lines[0]["status"], 200);
        assert_eq!(lines[0]["grpc_status"], code);
    }
}
