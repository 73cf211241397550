//! A database with an administrator in it.

use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::server::{address_in, terminate};

/// Whoever may do everything in the tenant `default` of every server that is started here.
pub(crate) const ADMIN: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "difference engines need oil";

/// The same for all servers, so that a token of one is good for all.
pub(super) const SECRET: &str = "67+BiJ/ag0oOIhr62QTTu+5j5J1Pb8dEwlroX50crzo8wWKYXwQ5b9iBYQGBlNj9";
pub(super) const ISSUER: &str = "http://issuer.test";

/// A database with an administrator, and a token of theirs: made once, since passwords take their time.
pub(super) struct Template {
    database: PathBuf,
    pub(super) token: String,
}

pub(super) static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
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
