//! A server on a loopback port that answers as Vault's HTTP API is documented to.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::time::{advance, pause, resume};

use crate::source::vault::{Login, Vault, VaultSource};
use crate::source::{FileSource, SecretSource, SourceErrorKind};

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Lets time pass for the client. Sockets need the real clock, or the deadlines would pass first.
pub(super) async fn pass(time: u64) {
    pause();
    advance(seconds(time)).await;
    resume();
}

#[derive(Clone)]
pub(super) struct Fake {
    pub(super) url: String,
    pub(super) secret_id: Arc<NamedTempFile>,
    pub(super) state: Arc<Mutex<State>>,
}

pub(super) struct State {
    /// What has been asked for, in order.
    pub(super) log: Vec<String>,
    /// Sent in the place of the next answers.
    pub(super) instead: VecDeque<Instead>,
    /// How long a token lives, and whether it can be renewed.
    pub(super) token: (u64, bool),
    /// What a renewal grants.
    pub(super) renewal: u64,
    /// The number of the token that is good.
    pub(super) good: u32,
    pub(super) issued: u32,
    /// How often credentials have been made.
    pub(super) made: u32,
    pub(super) lease: (u64, bool),
    pub(super) lease_renewal: u64,
    /// The connections that were left without an answer.
    pub(super) open: Vec<TcpStream>,
}

#[derive(Clone)]
pub(super) enum Instead {
    Status(u16),
    Bytes(Vec<u8>),
    Silence,
    HangUp,
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            log: Vec::new(),
            instead: VecDeque::new(),
            token: (3600, true),
            renewal: 3600,
            good: 0,
            issued: 0,
            made: 0,
            lease: (600, true),
            lease_renewal: 600,
            open: Vec::new(),
        }));
        let secret_id = Arc::new(NamedTempFile::new().unwrap());
        fs::write(secret_id.path(), "the secret id\n").unwrap();
        let fake = Self {
            url,
            secret_id,
            state,
        };
        let server = Arc::downgrade(&fake.state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(state) = server.upgrade() else {
                    return;
                };
                serve(stream.unwrap(), &state);
            }
        });
        fake
    }

    pub(super) fn vault(&self) -> Vault {
        let login = Login::app_role("the role", FileSource::new(self.secret_id.path()));
        let vault = Vault::new(&self.url, login).unwrap();
        vault.namespace("team-a").unwrap()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// What was asked for since the last time.
    pub(super) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().log)
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let prefix = format!("{name}: ");
        lines
            .iter()
            .find_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
    };
    let mut body = vec![0; header("content-length").unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let mut state = state.lock().unwrap();
    let Some(what) = lines
        .first()
        .and_then(|line| line.strip_suffix(" HTTP/1.1"))
    else {
        panic!("no request: {lines:?}");
    };
    assert_eq!(header("x-vault-request").as_deref(), Some("true"));
    state.log.push(what.replace(" /v1/", " "));
    match state.instead.pop_front() {
        None => {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let (status, answer) = state.answer(
                what,
                &body,
                header("x-vault-token").as_deref(),
                header("x-vault-namespace").as_deref(),
            );
            let answer = answer.to_string();
            // Vault sends long answers in chunks; here, each of an odd number of parts.
            if state.log.len().is_multiple_of(2) {
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{answer}",
                    answer.len()
                )
                .unwrap();
            } else {
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                .unwrap();
                for chunk in answer.as_bytes().chunks(7) {
                    write!(stream, "{:x}\r\n", chunk.len()).unwrap();
                    stream.write_all(chunk).unwrap();
                    write!(stream, "\r\n").unwrap();
                }
                write!(stream, "0\r\n\r\n").unwrap();
            }
        }
        Some(Instead::Status(status)) => {
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: 13\r\n\r\n{{\"errors\":[]}}"
            )
            .unwrap();
        }
        // The client may have had enough before all is written.
        Some(Instead::Bytes(bytes)) => drop(stream.write_all(&bytes)),
        Some(Instead::Silence) => state.open.push(stream),
        Some(Instead::HangUp) => {}
    }
}

impl State {
    fn answer(
        &mut self,
        what: &str,
        body: &Value,
        token: Option<&str>,
        namespace: Option<&str>,
    ) -> (u16, Value) {
        assert_eq!(namespace, Some("team-a"));
        let denied = (403, json!({"errors": ["permission denied"]}));
        if what == "POST /v1/auth/approle/login" {
            if body != &json!({"role_id": "the role", "secret_id": "the secret id"}) {
                return (400, json!({"errors": ["invalid role or secret ID"]}));
            }
            self.issued += 1;
            self.good = self.issued;
            return (
                200,
                json!({"auth": self.auth(self.token.0, self.token.1), "data": null}),
            );
        }
        if token != Some(&*format!("hvs.token-{}", self.good)) {
            return denied;
        }
        match what {
            "POST /v1/auth/token/renew-self" => {
                (200, json!({"auth": self.auth(self.renewal, true)}))
            }
            "GET /v1/auth/token/lookup-self" => (
                200,
                json!({"data": {"ttl": self.token.0, "renewable": self.token.1}}),
            ),
            "GET /v1/secret/data/app" => {
                let data =
                    json!({"key": "the \"key\" é", "other": "another", "number": 7, "empty": ""});
                let metadata = json!({"version": 3, "deletion_time": "", "destroyed": false});
                (
                    200,
                    json!({"lease_id": "", "lease_duration": 0, "renewable": false, "data": {"data": data, "metadata": metadata}}),
                )
            }
            "GET /v1/secret/data/deleted" => {
                let metadata = json!({"version": 3, "deletion_time": "2026-01-01T00:00:00Z", "destroyed": false});
                (404, json!({"data": {"data": null, "metadata": metadata}}))
            }
            "GET /v1/secret/data/none" => (404, json!({"errors": []})),
            "GET /v1/database/creds/app" => {
                self.made += 1;
                let data = json!({"username": format!("app-{}", self.made), "password": "p"});
                let id = format!("database/creds/app/{}", self.made);
                let (duration, renewable) = self.lease;
                (
                    200,
                    json!({"lease_id": id, "lease_duration": duration, "renewable": renewable, "data": data}),
                )
            }
            "POST /v1/sys/leases/renew" => {
                if body != &json!({"lease_id": format!("database/creds/app/{}", self.made)}) {
                    return (400, json!({"errors": ["lease not found"]}));
                }
                (
                    200,
                    json!({"lease_id": body["lease_id"], "lease_duration": self.lease_renewal, "renewable": true}),
                )
            }
            _ => (404, json!({"errors": ["no handler for route"]})),
        }
    }

    fn auth(&self, duration: u64, renewable: bool) -> Value {
        json!({"client_token": format!("hvs.token-{}", self.good), "lease_duration": duration, "renewable": renewable})
    }
}

pub(super) async fn text(source: &VaultSource) -> Result<String, SourceErrorKind> {
    let loaded = source.load().await.map_err(|error| error.kind())?;
    Ok(String::from_utf8(loaded.value().expose_secret().to_vec()).unwrap())
}

pub(super) const LOGIN: &str = "POST auth/approle/login";
pub(super) const READ: &str = "GET secret/data/app";
pub(super) const RENEW: &str = "POST auth/token/renew-self";
pub(super) const MAKE: &str = "GET database/creds/app";
pub(super) const RENEW_LEASE: &str = "POST sys/leases/renew";
