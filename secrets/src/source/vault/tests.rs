//! Against a server on a loopback port that answers as Vault's HTTP API is documented to.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::time::{Instant, advance, pause, resume};

use super::http::parse;
use super::lease::{Step, Term};
use super::{Login, Vault, VaultSource};
use crate::SecretBytes;
use crate::source::SourceErrorKind::{
    BadName, Dangling, Denied, Empty, Malformed, NotFound, Unavailable,
};
use crate::source::{FileSource, Lease, SecretSource, SourceErrorKind, Versioned};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Lets time pass for the client. Sockets need the real clock, or the deadlines would pass first.
async fn pass(time: u64) {
    pause();
    advance(seconds(time)).await;
    resume();
}

#[derive(Clone)]
struct Fake {
    url: String,
    secret_id: Arc<NamedTempFile>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What has been asked for, in order.
    log: Vec<String>,
    /// Sent in the place of the next answers.
    instead: VecDeque<Instead>,
    /// How long a token lives, and whether it can be renewed.
    token: (u64, bool),
    /// What a renewal grants.
    renewal: u64,
    /// The number of the token that is good.
    good: u32,
    issued: u32,
    /// How often credentials have been made.
    made: u32,
    lease: (u64, bool),
    lease_renewal: u64,
    /// The connections that were left without an answer.
    open: Vec<TcpStream>,
}

#[derive(Clone)]
enum Instead {
    Status(u16),
    Bytes(Vec<u8>),
    Silence,
    HangUp,
}

impl Fake {
    fn start() -> Self {
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

    fn vault(&self) -> Vault {
        let login = Login::app_role("the role", FileSource::new(self.secret_id.path()));
        let vault = Vault::new(&self.url, login).unwrap();
        vault.namespace("team-a").unwrap()
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// What was asked for since the last time.
    fn log(&self) -> Vec<String> {
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

async fn text(source: &VaultSource) -> Result<String, SourceErrorKind> {
    let loaded = source.load().await.map_err(|error| error.kind())?;
    Ok(String::from_utf8(loaded.value().expose_secret().to_vec()).unwrap())
}

const LOGIN: &str = "POST auth/approle/login";
const READ: &str = "GET secret/data/app";
const RENEW: &str = "POST auth/token/renew-self";
const MAKE: &str = "GET database/creds/app";
const RENEW_LEASE: &str = "POST sys/leases/renew";

#[tokio::test]
async fn a_field_or_all_of_them() {
    let fake = Fake::start();
    let vault = fake.vault();
    let secret = || vault.kv2("secret", "app").unwrap();
    assert_eq!(text(&secret().field("key")).await.unwrap(), "the \"key\" é");
    let all: Value = serde_json::from_str(&text(&secret()).await.unwrap()).unwrap();
    assert_eq!(all["other"], "another");
    assert_eq!(secret().load().await.unwrap().lease_ref(), None);
    for (field, kind) in [
        ("absent", Dangling),
        ("number", Malformed),
        ("empty", Empty),
    ] {
        assert_eq!(text(&secret().field(field)).await, Err(kind), "{field}");
    }
    let cases = [
        ("secret", "none", NotFound),
        ("secret", "deleted", Dangling),
        ("elsewhere", "app", Dangling),
    ];
    for (mount, path, kind) in cases {
        assert_eq!(
            text(&vault.kv2(mount, path).unwrap()).await,
            Err(kind),
            "{mount}/{path}"
        );
    }
    assert_eq!(
        fake.log().iter().filter(|line| **line == LOGIN).count(),
        1,
        "one login serves all"
    );
}

#[tokio::test]
async fn a_token_is_renewed_after_two_thirds_and_replaced_when_it_gets_no_longer() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    // Of 3600 s, two thirds are 2400; a tenth of that earlier or later.
    pass(2150).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [LOGIN, READ, READ]);
    pass(500).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [RENEW, READ]);
    // Close to `max_ttl`, Vault grants only what is left.
    fake.set(|state| state.renewal = 1700);
    pass(2650).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [RENEW, LOGIN, READ]);
    fake.set(|state| state.token = (3600, false));
    pass(3600).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [LOGIN, READ]);
    // Not renewable.
    pass(2650).await;
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [LOGIN, READ]);
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_now_is_used_to_its_end_and_not_beyond() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    pass(2650).await;
    fake.log();
    fake.set(|state| state.instead = [Instead::Status(503)].into());
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [RENEW, READ]);
    pass(1000).await;
    fake.set(|state| state.instead = [Instead::Status(503)].into());
    assert_eq!(text(&source).await, Err(Unavailable));
    assert_eq!(fake.log(), [LOGIN]);
    text(&source).await.unwrap();
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    fake.log();
    // Revoked behind our back.
    fake.set(|state| state.good = 99);
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [READ, LOGIN, READ]);
    fake.set(|state| {
        state.instead = [Instead::Status(403)].into();
        state.token.0 = 0;
    });
    text(&source).await.unwrap();
    assert_eq!(fake.log(), [READ, LOGIN, READ]);

    // A policy that forbids it is not a matter of the token. One round, not a loop.
    let answers = |log: &[&str]| log.len();
    fake.set(|state| state.instead = [Instead::Status(403), Instead::Status(400)].into());
    assert_eq!(text(&source).await, Err(Denied));
    assert_eq!(fake.log().len(), answers(&[READ, LOGIN]));
}

#[tokio::test]
async fn a_token_from_a_file_is_looked_up_and_read_again_when_it_is_refused() {
    let fake = Fake::start();
    let file = NamedTempFile::new().unwrap();
    let write = |token: &str| fs::write(file.path(), token).unwrap();
    let vault = Vault::new(&fake.url, Login::token(FileSource::new(file.path()))).unwrap();
    let source = vault
        .namespace("team-a")
        .unwrap()
        .kv2("secret", "app")
        .unwrap();
    write("hvs.token-1\n");
    fake.set(|state| state.good = 1);
    text(&source).await.unwrap();
    assert_eq!(fake.log(), ["GET auth/token/lookup-self", READ]);
    fake.set(|state| state.good = 2);
    assert_eq!(text(&source).await, Err(Denied));
    write("hvs.token-2\n");
    text(&source).await.unwrap();
    write("not\r\na: token");
    fake.set(|state| state.good = 3);
    assert_eq!(text(&source).await, Err(Malformed));
}

#[tokio::test]
async fn leased_credentials_are_renewed_and_made_anew_near_their_end() {
    let fake = Fake::start();
    let source = fake.vault().credentials("database/creds/app").unwrap();
    let load = async || source.load().await.unwrap();
    let user = |loaded: &Versioned<SecretBytes>| {
        let all: Value = serde_json::from_slice(loaded.value().expose_secret()).unwrap();
        all["username"].as_str().unwrap().to_owned()
    };
    let first = load().await;
    assert_eq!(user(&first), "app-1");
    let lease = first.lease_ref().unwrap();
    // Whatever the real time that has passed meanwhile.
    assert!(
        lease.valid_for <= seconds(600) && lease.valid_for > seconds(590),
        "{lease:?}"
    );
    assert!(
        lease.renew_after <= seconds(440) && lease.renew_after > seconds(350),
        "{lease:?}"
    );
    fake.log();
    pass(300).await;
    let again = load().await;
    assert_eq!(
        (user(&again), again.version()),
        ("app-1".into(), first.version())
    );
    assert!(again.lease_ref().unwrap().valid_for <= seconds(300));
    assert_eq!(
        fake.log(),
        [""; 0],
        "nothing is asked while the lease lasts"
    );

    pass(141).await;
    let renewed = load().await;
    assert_eq!(user(&renewed), "app-1");
    assert!(renewed.lease_ref().unwrap().valid_for > seconds(590));
    assert_eq!(fake.log(), [RENEW_LEASE]);

    // Near `max_ttl`.
    fake.set(|state| state.lease_renewal = 299);
    pass(441).await;
    assert_eq!(user(&load().await), "app-2");
    assert_eq!(fake.log(), [RENEW_LEASE, MAKE]);
    // Not known any more.
    fake.set(|state| state.made = 50);
    pass(441).await;
    assert_eq!(user(&load().await), "app-51");
    assert_eq!(fake.log(), [RENEW_LEASE, MAKE]);
    // Not renewable.
    fake.set(|state| state.lease.1 = false);
    pass(441).await;
    load().await;
    fake.log();
    pass(441).await;
    assert_eq!(user(&load().await), "app-53");
}

#[tokio::test]
async fn credentials_end_with_their_token() {
    let fake = Fake::start();
    fake.set(|state| {
        state.token = (300, false);
        state.lease = (6000, true);
    });
    let source = fake.vault().credentials("database/creds/app").unwrap();
    let lease = source.load().await.unwrap().lease_ref().unwrap();
    assert!(lease.valid_for <= seconds(300), "{lease:?}");
    pass(250).await;
    fake.log();
    source.load().await.unwrap();
    assert_eq!(fake.log(), [LOGIN, MAKE]);
}

#[tokio::test]
async fn rotation_keeps_leased_credentials_until_their_end_and_then_fails_closed() {
    // The client's time and the rotation's are the same clock; polling is off, so that only this test loads.
    #[cfg(feature = "rotate")]
    {
        use crate::rotate::{LeaseEnded, Rotation};
        let fake = Fake::start();
        let source = fake.vault().credentials("database/creds/app").unwrap();
        let rotation = Rotation::new("database", source).without_polling();
        let credentials = rotation.start().await.unwrap();
        fake.set(|state| state.instead = vec![Instead::Status(500); 9].into());
        pass(441).await;
        credentials.reload().await.unwrap_err();
        assert!(credentials.load().is_ok());
        pass(160).await;
        credentials.reload().await.unwrap_err();
        assert_eq!(credentials.load().unwrap_err(), LeaseEnded);
        fake.set(|state| state.instead.clear());
        credentials.reload().await.unwrap();
        assert!(credentials.load().is_ok());
    }
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_of_its_kind() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    let bytes = |text: &str| Instead::Bytes(text.as_bytes().to_vec());
    let mut oversized = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    oversized.resize(2 << 20, b' ');
    let mut endless_head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    endless_head.resize(2 << 20, b'x');
    let cases = [
        (Instead::HangUp, Unavailable),
        (Instead::Status(500), Unavailable),
        (Instead::Status(502), Unavailable),
        (Instead::Status(503), Unavailable),
        (Instead::Status(429), Unavailable),
        (Instead::Status(307), Unavailable),
        (Instead::Status(412), Unavailable),
        (Instead::Status(400), Malformed),
        (Instead::Status(204), Malformed),
        (Instead::Status(100), Malformed),
        (Instead::Bytes(oversized), Malformed),
        (Instead::Bytes(endless_head), Malformed),
        (bytes("SSH-2.0-OpenSSH_9.9\r\n\r\n"), Malformed),
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
            Malformed,
        ),
        (bytes("HTTP/1.1 200 OK\r\n\r\n{\"data\":"), Malformed),
        (
            bytes("HTTP/1.1 200 OK\r\n\r\n{\"data\":{\"data\":[1]}}"),
            Malformed,
        ),
        (
            Instead::Bytes(b"HTTP/1.1 200 OK\r\n\r\n\xff".to_vec()),
            Malformed,
        ),
        // Two lengths, or a length that is none, or more than allowed: who can say where the answer ends.
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{}"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: 262145\r\n\r\n{}"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}--"),
            Malformed,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
            Malformed,
        ),
        // Cut off.
        (
            bytes("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}"),
            Unavailable,
        ),
        (
            bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            Unavailable,
        ),
        (bytes("HTTP/1.1 200"), Unavailable),
    ];
    for (number, (instead, kind)) in cases.into_iter().enumerate() {
        fake.set(|state| state.instead = [instead].into());
        assert_eq!(text(&source).await, Err(kind), "case {number}");
    }
    text(&source).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let fake = Fake::start();
    let source = fake.vault().kv2("secret", "app").unwrap();
    text(&source).await.unwrap();
    fake.set(|state| state.instead = [Instead::Silence].into());
    let begun = Instant::now();
    // Nothing will come from the socket, so the clock may run to the deadline.
    let waiting = tokio::spawn(async move { text(&source).await });
    while fake.state.lock().unwrap().open.is_empty() {
        tokio::task::yield_now().await;
    }
    pass(5).await;
    assert_eq!(waiting.await.unwrap(), Err(Unavailable));
    assert!(begun.elapsed() < seconds(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let login = Login::app_role("role", crate::source::EnvSource::new("PATH"));
    let source = Vault::new(&url, login)
        .unwrap()
        .kv2("secret", "app")
        .unwrap();
    assert_eq!(text(&source).await, Err(Unavailable));
}

#[test]
fn a_token_travels_in_clear_on_this_machine_only() {
    let login = || Login::kubernetes("role");
    for url in [
        "http://127.0.0.1:8200",
        "http://127.0.0.1:8200/",
        "http://[::1]:8200",
        "http://localhost:8100",
    ] {
        assert!(Vault::new(url, login()).is_ok(), "{url}");
    }
    let others = [
        "http://10.0.0.1:8200",
        "http://vault:8200",
        "http://localhost.evil.example:8200",
        "http://127.0.0.1",
        "http://user:pw@127.0.0.1:8200",
        "http://127.0.0.1:8200/base",
        "https://127.0.0.1:8200",
        "127.0.0.1:8200",
        "",
    ];
    for url in others {
        let error = Vault::new(url, login()).unwrap_err();
        assert_eq!(error.kind(), Malformed, "{url}");
        assert!(!error.to_string().contains("pw"));
    }
}

#[test]
fn a_path_is_only_a_path() {
    let vault = Vault::new("http://127.0.0.1:8200", Login::kubernetes("role")).unwrap();
    assert!(vault.credentials("database/creds/app").is_ok());
    for path in [
        "",
        "/",
        "a//b",
        "a/",
        "/a",
        "a/../b",
        "./a",
        "a?b",
        "a#b",
        "a%2fb",
        "a b",
        "a\r\nx: y",
        "é",
        "a\\b",
    ] {
        assert_eq!(
            vault.credentials(path).unwrap_err().kind(),
            BadName,
            "{path:?}"
        );
        assert_eq!(
            vault.kv2("secret", path).unwrap_err().kind(),
            BadName,
            "{path:?}"
        );
    }
    assert_eq!(
        vault.clone().namespace("a\r\nb: c").unwrap_err().kind(),
        BadName
    );
    assert!(!format!("{vault:?}").contains("hvs."));
}

#[tokio::test]
async fn a_login_without_its_secret_is_not_a_missing_secret() {
    let fake = Fake::start();
    let nowhere = || FileSource::new("/nowhere");
    let ways = [
        Login::token(nowhere()),
        Login::app_role("role", nowhere()),
        Login::kubernetes("role").service_account(nowhere()),
    ];
    for way in ways {
        let source = Vault::new(&fake.url, way)
            .unwrap()
            .kv2("secret", "app")
            .unwrap();
        assert_eq!(text(&source).await, Err(Dangling), "{source:?}");
    }
    assert_eq!(fake.log(), [""; 0]);
    let odd = Login::kubernetes("role").mount("../sys");
    assert_eq!(Vault::new(&fake.url, odd).unwrap_err().kind(), BadName);
}

proptest! {
    #[test]
    fn whatever_is_received_is_parsed_without_a_panic(bytes in any::<Vec<u8>>(), chunked in any::<bool>(), ended in any::<bool>()) {
        let header = if chunked { "transfer-encoding: chunked" } else { "content-length: 9" };
        let mut answer = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n").into_bytes();
        answer.extend_from_slice(&bytes);
        drop(parse(&answer, ended));
        drop(parse(&bytes, ended));
    }

    #[test]
    fn an_answer_is_whole_or_not_there_yet(body in vec(any::<u8>(), 1..200), chunk in 1..50_usize) {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(chunk) {
            answer.extend(format!("{:X}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
        }
        answer.extend(b"0\r\n");
        for end in 0..answer.len() {
            prop_assert!(parse(&answer[..end], false).unwrap().is_none(), "{end}");
        }
        prop_assert_eq!(&*parse(&answer, false).unwrap().unwrap().body, &body);
    }
}

#[test]
fn a_term_is_renewed_after_two_thirds_give_or_take_a_tenth() {
    let now = Instant::now();
    let granted = seconds(9000);
    let renew_after = |jitter| {
        Term::new(now, granted, true, jitter)
            .unwrap()
            .left(now)
            .renew_after
            .as_secs_f64()
    };
    assert!((renew_after(0) - 5400.0).abs() < 0.001);
    assert!((renew_after(u32::MAX / 2) - 6000.0).abs() < 0.001);
    assert!((renew_after(u32::MAX) - 6600.0).abs() < 0.001);

    assert_eq!(Term::new(now, Duration::ZERO, true, 0), None, "no end");
    let term = Term::new(now, granted, true, u32::MAX / 2).unwrap();
    let fixed = Term::new(now, granted, false, u32::MAX / 2).unwrap();
    let cases = [
        (0, Step::Keep, Step::Keep, false),
        (5999, Step::Keep, Step::Keep, false),
        (6001, Step::Renew, Step::Replace, false),
        (8999, Step::Renew, Step::Replace, false),
        (9000, Step::Replace, Step::Replace, true),
    ];
    for (after, step, step_of_fixed, ended) in cases {
        let then = now + seconds(after);
        assert_eq!(
            (term.step(then), fixed.step(then), term.ended(then)),
            (step, step_of_fixed, ended),
            "{after}"
        );
    }
    let then = now + seconds(6001);
    assert!(term.renewed(then, seconds(4500), true, 0).is_some());
    assert_eq!(term.renewed(then, seconds(4499), true, 0), None);
    // Measured by the first grant, or it would shrink by half again and again.
    let shorter = term.renewed(then, seconds(5000), true, 0).unwrap();
    assert_eq!(shorter.renewed(then, seconds(4000), true, 0), None);
    let left = shorter.left(then + seconds(9999));
    assert_eq!(
        left,
        Lease {
            valid_for: Duration::ZERO,
            renew_after: Duration::ZERO
        }
    );
}

#[cfg(feature = "vault-tls")]
#[tokio::test]
async fn over_tls_only_a_server_of_our_authority_gets_the_token() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], key)
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(AtomicBool::new(false));
    tokio::spawn({
        let heard = heard.clone();
        async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut request = vec![0; 4096];
                let n = stream.read(&mut request).await.unwrap();
                let request = str::from_utf8(&request[..n]).unwrap();
                heard.fetch_or(
                    request.contains("x-vault-token: hvs.1\r\n"),
                    Ordering::SeqCst,
                );
                let body = match request.contains("lookup-self") {
                    true => r#"{"data":{"ttl":0}}"#,
                    false => r#"{"data":{"data":{"key":"value"}}}"#,
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                // Without the end of TLS: the length says where the answer ends.
                stream.flush().await.unwrap();
            }
        }
    });
    let pem = |certificate: &rcgen::Certificate| {
        let text = STANDARD.encode(certificate.der());
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    let token = NamedTempFile::new().unwrap();
    fs::write(token.path(), "hvs.1").unwrap();
    let login = || Login::token(FileSource::new(token.path()));
    let load = async |host: &str, ca: String| {
        let vault =
            Vault::with_tls(&format!("https://{host}:{port}"), ca.as_bytes(), login()).unwrap();
        text(&vault.kv2("secret", "app").unwrap().field("key")).await
    };
    // Neither by another authority nor under another name.
    assert_eq!(load("localhost", pem(&other.cert)).await, Err(Unavailable));
    assert_eq!(load("127.0.0.1", pem(&ours.cert)).await, Err(Unavailable));
    assert!(!heard.load(Ordering::SeqCst));
    let both = pem(&other.cert) + &pem(&ours.cert);
    assert_eq!(load("localhost", both).await.unwrap(), "value");
    assert!(heard.load(Ordering::SeqCst));

    let pem = pem(&ours.cert);
    let cases = [
        ("http://localhost:8200", &*pem),
        ("https://localhost", &*pem),
        ("https://a b:8200", &*pem),
        ("https://u:p@localhost:8200", &*pem),
        ("https://localhost:8200/v1", &*pem),
        ("https://localhost:8200", ""),
        (
            "https://localhost:8200",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
    ];
    for (url, ca) in cases {
        assert_eq!(
            Vault::with_tls(url, ca.as_bytes(), login())
                .unwrap_err()
                .kind(),
            Malformed,
            "{url} {ca}"
        );
    }
}
