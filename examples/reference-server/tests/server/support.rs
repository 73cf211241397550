//! The server as a child process, and a client that holds every answer to what all answers promise.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, ETAG, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// Longer than anything here may take on a busy machine; only failures wait for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The description of the API, to which every answer is held.
pub(crate) static OPENAPI: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../openapi.json")).unwrap());

/// The binary with no settings but its arguments: no variables, no home of anybody's.
pub(crate) fn command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command.env_clear().args(arguments).kill_on_drop(true);
    command
}

/// Whoever may do everything in the tenant `default` of every server that is started here.
pub(crate) const ADMIN: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "difference engines need oil";

/// The same for all servers, so that a token of one is good for all.
const SECRET: &str = "67+BiJ/ag0oOIhr62QTTu+5j5J1Pb8dEwlroX50crzo8wWKYXwQ5b9iBYQGBlNj9";
const ISSUER: &str = "http://issuer.test";

/// A database with an administrator, and a token of theirs: made once, since passwords take their time.
struct Template {
    database: PathBuf,
    token: String,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let name = format!("accounts-{}", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let database = directory.join("template.db");
    create_admin(&database, "default", ADMIN, PASSWORD);

    let url = format!("--database-url=sqlite:{}", database.display());
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_reference-server"))
        .args(["--listen=127.0.0.1:0", "--drain-delay=0s", &url])
        .env_clear()
        .env("PORTCULLIS_TOKEN_SECRET", SECRET)
        .env("PORTCULLIS_ISSUER", ISSUER)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = std::io::BufReader::new(server.stdout.take().unwrap()).lines();
    let line = log.find_map(|line| line.ok().filter(|line| line.contains("serving on http://")));
    let address = address_in(&line.unwrap());
    // Read all the time, or the server waits for it.
    let rest = std::thread::spawn(move || log.count());
    let body = json!({ "email": ADMIN, "password": PASSWORD }).to_string();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let tokens: Value = serde_json::from_str(body).unwrap();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    // It leaves nothing in the write-ahead log.
    terminate(server.id());
    assert!(server.wait().unwrap().success());
    rest.join().unwrap();
    Template { database, token }
});

/// Makes an administrator as an operator does.
pub(crate) fn create_admin(database: &Path, tenant: &str, email: &str, password: &str) {
    let url = format!("--database-url=sqlite:{}", database.display());
    let mut made = std::process::Command::new(env!("CARGO_BIN_EXE_reference-server"))
        .args(["create-admin", "--tenant", tenant, "--email", email, &url])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = made.stdin.take().unwrap();
    input.write_all(format!("{password}\n").as_bytes()).unwrap();
    drop(input);
    assert!(made.wait().unwrap().success());
}

fn terminate(id: u32) {
    let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
}

/// A directory that is gone with this value.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portcullis-server-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("test.db")
    }

    pub(crate) fn database(&self) -> String {
        format!("--database-url=sqlite:{}", self.path().display())
    }

    /// The same, with [`ADMIN`] in it.
    pub(crate) fn with_admin(&self) -> String {
        if !self.path().exists() {
            std::fs::copy(&TEMPLATE.database, self.path()).unwrap();
        }
        self.database()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A server that was killed a moment ago may still write.
        for _ in 0..100 {
            if std::fs::remove_dir_all(&self.0).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
    }
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
        Call {
            token: self.token.clone(),
            ..self.nobody(method, path)
        }
    }

    /// A request that nobody knows the sender of.
    pub(crate) fn nobody(&self, method: &Method, path: &str) -> Call {
        Call {
            described: true,
            ..Call::new(self.address, method, path)
        }
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

fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("http://").unwrap();
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | ':' | '[' | ']'));
    rest[..end.unwrap_or(rest.len())].parse().unwrap()
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "it did not happen");
        pause.tick().await;
    }
}

/// A request that is being put together.
pub(crate) struct Call {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: HeaderMap,
    /// Whether OpenAPI has to say that the answer may come.
    described: bool,
    /// Sent, unless the headers have another credential.
    token: Option<String>,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: &Method, path: &str) -> Self {
        Self {
            address,
            method: method.clone(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            described: false,
            token: None,
        }
    }

    /// Sends it as whoever has this access token.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    pub(crate) async fn json(self, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.header("content-type", "application/json")
            .body(body)
            .await
    }

    pub(crate) async fn send(self) -> Answer {
        self.body(Bytes::new()).await
    }

    pub(crate) async fn body(self, body: Bytes) -> Answer {
        let (method, path, described) = (self.method.clone(), self.path.clone(), self.described);
        let (address, request) = self.into_request(body);
        let mut connection = connect(address).await.unwrap();
        let answer = exchange(&mut connection, request).await.unwrap();
        if described {
            let path = path.split('?').next().unwrap_or_default();
            let known = is_described(&method, path, answer.status);
            assert!(known, "undocumented: {method} {path}: {answer:?}");
            answer.is_of_a_known_type();
        }
        answer
    }

    pub(crate) fn into_request(self, body: Bytes) -> (SocketAddr, Request<Full<Bytes>>) {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        let host = self.address.to_string().parse().unwrap();
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert(host);
        let has_another = headers.contains_key(AUTHORIZATION) || headers.contains_key("x-api-key");
        if let Some(token) = self.token.filter(|_| !has_another) {
            let value = format!("Bearer {token}").parse().unwrap();
            headers.insert(AUTHORIZATION, value);
        }
        (self.address, request)
    }
}

pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    Ok(connection)
}

/// Sends a request, and holds the answer to what all answers promise.
pub(crate) async fn exchange(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Answer> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (parts, body) = connection.send_request(request).await?.into_parts();
    let answer = Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    };
    answer.keeps_the_promises_of_all(&method, &path);
    Ok(answer)
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("there is no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    pub(crate) fn etag(&self) -> String {
        self.header(ETAG.as_str()).to_owned()
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The last part of a problem's type.
    pub(crate) fn problem(&self) -> String {
        assert!(self.is_refusal(), "{self:?}");
        let value = self.value();
        let kind = value["type"].as_str().unwrap();
        kind.rsplit(':').next().unwrap().to_owned()
    }

    /// The pointers of a problem's `errors`.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let errors = self.value()["errors"].clone();
        let pointer = |error: &Value| error["pointer"].as_str().unwrap().to_owned();
        errors.as_array().unwrap().iter().map(pointer).collect()
    }

    /// The description has all types, and the README those that have the status of this answer.
    fn is_of_a_known_type(&self) {
        let Ok(problem) = serde_json::from_slice::<Value>(&self.body) else {
            return;
        };
        let Some(kind) = problem["type"].as_str().filter(|_| self.is_refusal()) else {
            return;
        };
        let known = &OPENAPI["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
        let known = known.as_array().unwrap();
        assert!(known.contains(&problem["type"]), "{self:?}");
        let slug = format!("`{}`", kind.rsplit([':', '#']).next().unwrap());
        let status = format!("| {} |", self.status.as_u16());
        let mut rows = include_str!("../../README.md").lines();
        let row = rows.find(|row| row.contains(&slug) && row.contains(&status));
        assert!(row.is_some(), "the README has another status: {self:?}");
    }

    fn is_refusal(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }

    fn keeps_the_promises_of_all(&self, method: &Method, path: &str) {
        let of = format!("{method} {path}: {self:?}");
        let id = self.header("x-request-id");
        assert!(
            !id.is_empty() && self.headers.get_all("x-request-id").iter().count() == 1,
            "{of}"
        );
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{of}");
        assert!(
            self.header("content-security-policy")
                .starts_with("default-src 'none'"),
            "{of}"
        );
        for leak in ["server", "x-powered-by"] {
            assert!(!self.headers.contains_key(leak), "{of}");
        }
        let probe = ["/health", "/live", "/ready", "/startup"].contains(&path);
        // Who sent a form is answered as RFC 6749 5.2 has it.
        let grant = self.status == StatusCode::BAD_REQUEST
            && self.header(CONTENT_TYPE.as_str()) == "application/json";
        if grant {
            let names = self.value();
            let names: Vec<_> = names.as_object().unwrap().keys().collect();
            assert_eq!(names, ["error", "error_description"], "{of}");
        } else if self.status.as_u16() >= 400 && !probe {
            assert_eq!(
                self.header(CONTENT_TYPE.as_str()),
                "application/problem+json",
                "{of}"
            );
            if *method != Method::HEAD {
                let problem = self.value();
                assert_eq!(problem["status"], self.status.as_u16(), "{of}");
                assert!(
                    problem["type"].is_string() && problem["title"].is_string(),
                    "{of}"
                );
                assert_eq!(problem["instance"], format!("urn:request:{id}"), "{of}");
            }
        }
        assert_eq!(
            self.status == StatusCode::METHOD_NOT_ALLOWED,
            self.headers.contains_key(ALLOW),
            "{of}"
        );
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            status,
            headers,
            body,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(f, "{status} {headers:?} {body}")
    }
}

/// Whether the description says that this may be the answer. What no route gives is left out of it:
/// wrong methods and hosts, heads that are too large, plain http where there should be https.
fn is_described(method: &Method, path: &str, status: StatusCode) -> bool {
    if matches!(status.as_u16(), 308 | 403 | 405 | 414 | 421 | 431) {
        return true;
    }
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let sent = segments(path);
    let fits = |template: &str| {
        let template = segments(template);
        template.len() == sent.len()
            && template
                .iter()
                .zip(&sent)
                .all(|(part, sent)| part.starts_with('{') || part == sent)
    };
    let paths = OPENAPI["paths"].as_object().unwrap();
    let mut known = paths.iter().filter(|(template, _)| fits(template));
    let Some((_, item)) = known.next() else {
        return matches!(status.as_u16(), 404 | 429);
    };
    let method = if *method == Method::HEAD {
        Method::GET
    } else {
        method.clone()
    };
    item[method.as_str().to_lowercase()]["responses"]
        .get(status.as_str())
        .is_some()
}
