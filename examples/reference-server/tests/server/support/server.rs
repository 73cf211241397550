//! The server as a child process.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::answer::Answer;
use super::call::Call;
use super::database::{Directory, ISSUER, SECRET, TEMPLATE};
use super::{PATIENCE, command, eventually};

pub(super) fn terminate(id: u32) {
    let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
}

/// A running server, which ends with this value.
pub(crate) struct Server {
    child: Child,
    /// Read all the time: a server that waits for its reader answers nobody.
    log: mpsc::UnboundedReceiver<String>,
    /// The lines that were taken from there.
    read: Vec<String>,
    address: SocketAddr,
    operators: Option<SocketAddr>,
    /// Whose requests are sent; nobody's without.
    token: Option<String>,
    /// Of a server that has a database of its own. After the child, which goes first.
    _directory: Option<Directory>,
}

impl Server {
    /// With a database in which [`ADMIN`] is alone, with no limits that a test could run into, and with requests sent by
    /// [`ADMIN`].
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(arguments: &[&str]) -> Self {
        let defaults = [
            "--listen=127.0.0.1:0",
            "--log-format=json",
            "--drain-delay=0s",
        ];
        let mut all: Vec<&str> = defaults.to_vec();
        let given = |flag: &str| arguments.iter().any(|argument| argument.starts_with(flag));
        let own = (!given("--database-url")).then(Directory::new);
        let database = own.as_ref().map(Directory::with_admin);
        all.extend(database.as_deref());
        if !given("--rate-limit") {
            all.push("--rate-limit=off");
        }
        if !given("--auth-rate-limit") {
            all.push("--auth-rate-limit=off");
        }
        all.extend(arguments);
        // The last of two flags would be an error, so a test that sets one of the defaults replaces it.
        all.retain(|argument| {
            let flag = argument.split('=').next().unwrap_or_default();
            let last = arguments
                .iter()
                .rfind(|other| other.split('=').next() == Some(flag));
            last.is_none_or(|last| last == argument)
        });
        let mut command = command(all);
        command
            .env("PORTCULLIS_TOKEN_SECRET", SECRET)
            .env("PORTCULLIS_ISSUER", ISSUER);
        let mut server = Self::run(command).await;
        server.token = Some(TEMPLATE.token.clone());
        server._directory = own;
        server
    }

    pub(crate) async fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, log) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                // The test may have ended before its server.
                drop(sender.send(line));
            }
        });
        let mut server = Self {
            child,
            log,
            read: Vec::new(),
            address: ([127, 0, 0, 1], 0).into(),
            operators: None,
            token: None,
            _directory: None,
        };
        let line = server.logged("serving on http://").await;
        server.address = address_in(&line);
        if line.contains("operators on http://") {
            let (_, rest) = line.split_once("operators on").unwrap();
            server.operators = Some(address_in(rest));
        }
        let ready = eventually(async || {
            let answer = server.get("/ready").await;
            (answer.status == StatusCode::OK).then_some(())
        });
        ready.await;
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn operators(&self) -> SocketAddr {
        self.operators.unwrap()
    }

    /// Reads the log up to a line that holds `text`, and returns that line.
    pub(crate) async fn logged(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.log.recv().await {
                self.read.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the server ended without having logged {text:?}");
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap()
    }

    pub(crate) fn terminate(&self) {
        terminate(self.child.id().unwrap());
    }

    /// Signs in, and returns the answer's body.
    pub(crate) async fn login(&self, email: &str, password: &str) -> Value {
        let body = json!({ "email": email, "password": password });
        let answer = self.nobody(&Method::POST, "/api/v1/auth/login");
        let answer = answer.json(&body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.value()
    }

    /// Has the requests to come sent by somebody else.
    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) {
        let tokens = self.login(email, password).await;
        self.token = Some(tokens["access_token"].as_str().unwrap().to_owned());
    }

    /// The token by which requests are sent.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// The line of a request's head by which [`ADMIN`] sends it.
    pub(crate) fn authorization(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.token())
    }

    /// Waits for the server to end by itself; returns its whole log as well.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let ended = async {
            while let Some(line) = self.log.recv().await {
                self.read.push(line);
            }
            (self.child.wait().await.unwrap(), self.read)
        };
        tokio::time::timeout(PATIENCE, ended).await.unwrap()
    }

    pub(crate) fn request(&self, method: &Method, path: &str) -> Call {
        let call = self.nobody(method, path);
        match &self.token {
            Some(token) => call.token(token),
            None => call,
        }
    }

    /// A request that nobody knows the sender of.
    pub(crate) fn nobody(&self, method: &Method, path: &str) -> Call {
        Call::new(self.address, method, path).described()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(&Method::GET, path).send().await
    }

    pub(crate) async fn delete(&self, path: &str, etag: &str) -> Answer {
        let call = self.request(&Method::DELETE, path);
        call.header("if-match", etag).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.request(&Method::POST, path).json(body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.request(&Method::PUT, path).json(body).await
    }

    /// PUT on top of the state that `etag` names.
    pub(crate) async fn replace(&self, path: &str, etag: &str, body: &str) -> Answer {
        let call = self.request(&Method::PUT, path);
        call.header("if-match", etag).json(body).await
    }

    /// Makes a project and returns the path of its configurations.
    pub(crate) async fn project(&self, name: &str) -> String {
        let body = format!("{{\"name\":\"{name}\"}}");
        let made = self.post("/api/v1/projects", &body).await;
        assert_eq!(made.status, StatusCode::CREATED);
        format!("/api/v1/projects/{name}/configs")
    }
}

pub(super) fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("http://").unwrap();
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | ':' | '[' | ']'));
    rest[..end.unwrap_or(rest.len())].parse().unwrap()
}
