//! Secrets that are sent to the server in every way that there is, and none of which comes out of it:
//! not in its logs, spans and metrics, not in its standard error, and not in an answer that refuses.
//!
//! What is promised differs by where a secret stands. Headers, queries, paths and bodies are not
//! printed, so no secret in them is, whatever it looks like. The user agent, the method, the identity
//! that a trusted proxy gives, and names of members and parameters that nobody knows are: of
//! these, secrets are taken out that are recognised.

mod kinds;
mod people;
mod search;
mod wire;

use std::collections::HashSet;
use std::fs::File;

use bytes::Bytes;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use self::kinds::{Canary, random};
use self::search::Net;
use crate::support::{ADMIN, Answer, Call, Directory, PASSWORD, Server, command};

const PROJECTS: &str = "/api/v1/projects";

/// A server in production, and all that came out of it.
struct Cage {
    server: Server,
    net: Net,
    /// Whether it takes the identity of a request from whoever sends it.
    believes: bool,
    /// What was answered, by what it was an answer to.
    answers: Vec<(String, String)>,
    /// The identities of the requests that the log has to show.
    ids: Vec<String>,
}

impl Cage {
    fn call(&self, method: &Method, path: &str) -> Call {
        Call::new(self.server.address(), method, path).token(self.server.token())
    }

    /// Keeps what nobody may find a secret in: the head of an answer, and its body if it refuses.
    fn keep(&mut self, what: &str, answer: &Answer) {
        self.ids.push(answer.header("x-request-id").to_owned());
        let mut text = format!("{} {:?}", answer.status, answer.headers);
        if answer.status.as_u16() >= 400 {
            text.push_str(&String::from_utf8_lossy(&answer.body));
        }
        self.answers.push((what.to_owned(), text));
    }

    async fn send(&mut self, what: &str, call: Call, body: impl Into<Bytes>) -> StatusCode {
        let answer = call.body(body.into()).await;
        self.keep(what, &answer);
        answer.status
    }

    /// In places that are never printed.
    async fn send_unseen(&mut self, canary: &Canary) {
        let text = &canary.text;
        // What a header can hold.
        let line = text.trim_end().replace('\n', " ");
        let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let get = |cage: &Self, path: &str| cage.call(&Method::GET, path);
        let post = |cage: &Self| cage.call(&Method::POST, PROJECTS);
        let what = |place: &str| format!("{} in {place}", canary.kind);

        for header in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "x-api-key",
            "x-vault-token",
            "x-made-up",
            "referer",
            "origin",
            "x-forwarded-for",
            "x-forwarded-host",
            "forwarded",
            "traceparent",
            "idempotency-key",
            "accept",
            "accept-encoding",
            "if-match",
            "if-none-match",
            "range",
        ] {
            let call = get(self, PROJECTS).header(header, &line);
            self.send(&what(header), call, "").await;
        }
        if !self.believes {
            let call = get(self, PROJECTS).header("x-request-id", &line);
            self.send(&what("x-request-id"), call, "").await;
        }
        let bearer = get(self, PROJECTS).header("authorization", &format!("Bearer {line}"));
        self.send(&what("a bearer token"), bearer, "").await;
        for path in [
            format!("{PROJECTS}?token={encoded}"),
            format!("{PROJECTS}?limit={encoded}"),
            format!("{PROJECTS}?cursor={encoded}"),
            format!("{PROJECTS}/{encoded}"),
            format!("{PROJECTS}/{encoded}/configs/{encoded}/versions/{encoded}"),
            format!("/nowhere/{encoded}?sig={encoded}"),
            format!("/{encoded}"),
        ] {
            let call = get(self, &path);
            self.send(&what("the path"), call, "").await;
        }
        for (place, kind, body) in [
            (
                "a member",
                "json",
                json!({ "name": "Not A Name", "password": text }).to_string(),
            ),
            (
                "a name",
                "json",
                json!({ "name": format!("{text}!") }).to_string(),
            ),
            (
                "a member of a wrong type",
                "json",
                json!({ "name": [text], "description": { "a": text } }).to_string(),
            ),
            (
                "a document that is no object",
                "json",
                json!(text).to_string(),
            ),
            ("what is no JSON", "json", format!("{{\"name\": {text}")),
            (
                "what is behind the JSON",
                "json",
                format!("{{\"name\":\"p\"}} {text}"),
            ),
            (
                "a duplicate",
                "json",
                format!("{{\"name\":{0},\"name\":{0}}}", json!(text)),
            ),
            (
                "a form",
                "x-www-form-urlencoded",
                format!("password={encoded}"),
            ),
            ("XML", "xml", format!("<a>{text}</a>")),
        ] {
            let call = post(self).header("content-type", &format!("application/{kind}"));
            let status = self.send(&what(place), call, body).await;
            assert!(status.is_client_error(), "{place}: {status}");
        }
        let multipart = format!(
            "--b\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\n{text}\r\n--b--\r\n"
        );
        for kind in [
            "multipart/form-data; boundary=b",
            &format!("text/plain; x=\"{line}\""),
        ] {
            if let Ok(kind) = kind.parse::<http::HeaderValue>() {
                let call = post(self).header("content-type", kind.to_str().unwrap());
                self.send(&what("a body of another type"), call, multipart.clone())
                    .await;
            }
        }
        self.send_documents(canary).await;
        let operators = self.server.operators();
        for (method, path) in [
            (Method::PUT, "/log-level".to_owned()),
            (Method::GET, format!("/{encoded}?token={encoded}")),
        ] {
            let call = Call::new(operators, &method, &path);
            let what = what("what operators are sent");
            let status = self.send(&what, call, text.clone()).await;
            assert!(status.is_client_error(), "{what}: {status}");
        }
    }

    /// As a document that is stored, and as one that its schema forbids.
    async fn send_documents(&mut self, canary: &Canary) {
        let config = format!("{PROJECTS}/p/configs/c{}", random(b"abcdef", 16));
        let schema = json!({
            "properties": { "a": { "type": "integer" }, "b": { "maxLength": 1 }, "c": { "pattern": "^$" } },
            "additionalProperties": { "const": 1 },
        });
        let text = &canary.text;
        for (place, path, body, status) in [
            ("a schema", format!("{config}/schema"), schema, 201),
            (
                "a document",
                config.clone(),
                json!({ "a": text, "b": text, "c": text, "password": text }),
                422,
            ),
            (
                "a document without a schema",
                format!("{config}x"),
                json!({ "password": text, "a": [text] }),
                201,
            ),
            (
                "a document that is there",
                format!("{config}x"),
                json!(text),
                428,
            ),
        ] {
            let call = self.call(&Method::PUT, &path);
            let call = call.header("content-type", "application/json");
            let what = format!("{} in {place}", canary.kind);
            assert_eq!(
                self.send(&what, call, body.to_string()).await,
                status,
                "{what}"
            );
        }
    }

    /// In places that are printed, or told to the client again.
    async fn send_seen(&mut self, canary: &Canary, marker: &str) {
        let text = &canary.text;
        let line = text.trim_end().replace('\n', " ");
        let what = |place: &str| format!("{} in {place}", canary.kind);
        for agent in [line.clone(), format!("{marker} ({line}) x/1")] {
            let call = self.call(&Method::GET, PROJECTS);
            let call = call.header("user-agent", &agent);
            self.send(&what("the user agent"), call, "").await;
        }
        if let Ok(method) = Method::from_bytes(text.as_bytes()) {
            let call = self.call(&method, PROJECTS);
            self.send(&what("the method"), call, "").await;
        }
        if self.believes {
            // Who gives a request its identity is answered with it: only the log is quiet.
            let request = format!(
                "GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: {line}\r\n\r\n"
            );
            wire::exchange(self.server.address(), request.as_bytes()).await;
        }
        let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC);
        for query in [encoded.to_string(), format!("{encoded}=1")] {
            let call = self.call(&Method::GET, &format!("{PROJECTS}?{query}"));
            assert_eq!(self.send(&what("the query"), call, "").await, 400);
        }
        let body = json!({ "name": "p", text: 1 }).to_string();
        let call = self.call(&Method::POST, PROJECTS);
        let call = call.header("content-type", "application/json");
        assert_eq!(self.send(&what("a member's name"), call, body).await, 422);
    }

    /// As a part of what cannot be read as a request.
    async fn send_broken(&mut self, canary: &Canary, http2: bool) {
        let address = self.server.address();
        let line = canary.text.trim_end().replace('\n', " ");
        for request in wire::http1(&line) {
            let answer = wire::exchange(address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 "), "{request}: {answer}");
            self.answers.push((request, answer));
        }
        if http2 {
            let answer = wire::exchange(address, &wire::http2(&line)).await;
            self.answers.push(("broken HTTP/2".to_owned(), answer));
        }
    }

    /// As metadata of gRPC calls.
    async fn send_grpc(&mut self, canaries: &[Canary]) {
        use http_body_util::{BodyExt as _, Full};
        use hyper_util::rt::{TokioExecutor, TokioIo};

        let stream = tokio::net::TcpStream::connect(self.server.address());
        let stream = TokioIo::new(stream.await.unwrap());
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        for canary in canaries {
            let line = canary.text.trim_end().replace('\n', " ");
            let request = http::Request::post("http://localhost/grpc.health.v1.Health/Check")
                .header("content-type", "application/grpc")
                .header("authorization", &line)
                .header("x-session-token", &line)
                .header("x-blob-bin", &line)
                .body(Full::new(Bytes::from(canary.text.clone())))
                .unwrap();
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            let id = head.headers["x-request-id"].to_str().unwrap().to_owned();
            let body = body.collect().await.unwrap();
            let answer = format!(
                "{head:?} {:?} {:?}",
                body.trailers().cloned(),
                body.to_bytes()
            );
            self.ids.push(id);
            self.answers
                .push((format!("{} as metadata", canary.kind), answer));
        }
    }

    /// What operators and scrapers read.
    async fn watch(&mut self) {
        let operators = self.server.operators();
        for (address, path) in [
            (self.server.address(), "/metrics"),
            (self.server.address(), "/health"),
            (self.server.address(), "/ready"),
            (self.server.address(), "/"),
            (operators, "/metrics"),
            (operators, "/health"),
            (operators, "/build"),
            (operators, "/log-level"),
        ] {
            let answer = Call::new(address, &Method::GET, path).send().await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            self.answers.push((path.to_owned(), format!("{answer:?}")));
        }
    }
}

/// How the server is run.
struct Run<'a> {
    format: &'a str,
    filter: &'a str,
    believes_proxies: bool,
}

/// Sends all canaries, and returns the log in which none of them is.
async fn all_is_quiet(run: Run<'_>) -> Vec<String> {
    let directory = Directory::new();
    let own = random(
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
        64,
    );
    let canaries = kinds::all(&own);
    let kinds: HashSet<_> = canaries.iter().map(|canary| canary.kind).collect();
    assert!(kinds.len() >= 40 && kinds.len() == canaries.len());

    let secret_file = directory.0.join("token-secret");
    std::fs::write(&secret_file, format!("{own}\n")).unwrap();
    let stderr = directory.0.join("stderr");
    let mut command = command([
        "--env=production",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        "--drain-delay=0s",
        &directory.with_admin(),
        "--rate-limit=off",
        "--auth-rate-limit=off",
    ]);
    if run.believes_proxies {
        command.arg("--trusted-proxies=loopback");
    }
    command
        .env("PORTCULLIS_TOKEN_SECRET_FILE", &secret_file)
        .env("PORTCULLIS_LOG", run.filter)
        .env("PORTCULLIS_LOG_FORMAT", run.format)
        .stderr(File::create(&stderr).unwrap());
    let mut server = Server::run(command).await;
    server.sign_in(ADMIN, PASSWORD).await;
    let real = people::live(&server).await;
    let all: Vec<_> = canaries.iter().chain(&real).cloned().collect();
    let mut cage = Cage {
        server,
        net: Net::new(&all),
        believes: run.believes_proxies,
        answers: Vec::new(),
        ids: Vec::new(),
    };
    cage.server.project("p").await;

    let marker = random(b"abcdefghijklmnopqrstuvwxyz", 24);
    for canary in &canaries {
        cage.send_unseen(canary).await;
        if canary.is_recognised {
            cage.send_seen(canary, &marker).await;
        }
        // Where `h2` prints what it reads, it takes a form to be recognised.
        let h2_is_quiet = !run.filter.contains("h2");
        cage.send_broken(canary, canary.is_recognised || h2_is_quiet)
            .await;
    }
    cage.send_grpc(&canaries).await;
    cage.watch().await;

    let Cage {
        server,
        net,
        answers,
        ids,
        ..
    } = cage;
    server.terminate();
    let (status, log) = server.ended().await;
    assert!(status.success());
    for line in &log {
        assert_eq!(net.find(line), None);
    }
    assert_eq!(net.find(&log.join("\n")), None);
    assert_eq!(std::fs::read_to_string(&stderr).unwrap(), "");
    for (what, answer) in &answers {
        assert_eq!(net.find(answer), None, "the answer to {what}");
    }

    // It was not silence that kept the secrets.
    let told: HashSet<_> = log
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["service"] == "reference-server")
        .filter_map(|line| line["request_id"].as_str().map(ToOwned::to_owned))
        .collect();
    assert!(ids.len() > 1_500, "{}", ids.len());
    for id in &ids {
        assert!(told.contains(id), "no line of {id}");
    }
    let marked = log.iter().filter(|line| line.contains(&marker));
    let recognised = canaries.iter().filter(|canary| canary.is_recognised);
    assert_eq!(marked.count(), recognised.count());
    // And what was sent beside the secrets is found by the same means.
    let control = Canary {
        kind: "control",
        text: marker.clone(),
        secrets: vec![marker],
        is_recognised: false,
    };
    assert!(Net::new(&[control]).find(&log.join("\n")).is_some());
    log
}

#[tokio::test]
async fn no_secret_comes_out_of_a_server_that_logs_json_as_verbosely_as_it_can() {
    let log = all_is_quiet(Run {
        format: "json",
        filter: "trace,h2=trace",
        believes_proxies: false,
    })
    .await;
    for line in &log {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    // The libraries did log.
    for target in ["\"h2::", "\"sqlx::query\"", "recv GOAWAY", "malformed path"] {
        assert!(log.iter().any(|line| line.contains(target)), "{target}");
    }
}

#[tokio::test]
async fn no_secret_comes_out_of_a_server_that_logs_for_people_and_believes_proxies() {
    let log = all_is_quiet(Run {
        format: "pretty",
        filter: "trace",
        believes_proxies: true,
    })
    .await;
    assert!(log.iter().any(|line| line.contains("DEBUG sqlx::query")));
    assert!(!log.iter().any(|line| line.contains("h2::")));
}
