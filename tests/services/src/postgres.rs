use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::server::{Folder, Server, find};
use crate::{missing, random};

/// Where Debian and its kin put the programs that are not in `PATH`: a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A PostgreSQL server. See the [crate docs](crate).
#[derive(Debug)]
pub struct Postgres {
    /// Of the database in which others are made.
    url: String,
    psql: PathBuf,
    server: Option<Server>,
}

impl Postgres {
    /// The server of this test binary, or the one that `DATABASE_URL` names, whose user must be allowed to create databases.
    ///
    /// # Panics
    ///
    /// If the server does not start, or is not installed where `PORTCULLIS_REQUIRE_SERVICES` is 1.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED
            .get_or_init(|| match std::env::var("DATABASE_URL") {
                Ok(url) if url.starts_with("postgres") => {
                    let Some(folder) = find(&["psql"], versions()) else {
                        missing("psql");
                        return None;
                    };
                    let psql = folder.join("psql");
                    let server = None;
                    Some(Self { url, psql, server })
                }
                _ => Self::start(),
            })
            .as_ref()
    }

    /// A server for the caller alone, which ends when it is dropped.
    ///
    /// It does not write to disk what it commits: a crash of the machine loses it, a crash of the server does not.
    ///
    /// # Panics
    ///
    /// As [`shared`](Self::shared) does.
    pub fn start() -> Option<Self> {
        let Some(programs) = find(&["initdb", "postgres", "psql"], versions()) else {
            missing("PostgreSQL");
            return None;
        };
        let owner = (id("-u", None) == 0).then(|| {
            let postgres = Some("postgres");
            (id("-u", postgres), id("-g", postgres))
        });
        let psql = programs.join("psql");
        let password = random();
        let url = |port| format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        let folder = || {
            let folder = Folder::new(owner);
            let password = folder.write("password", &password);
            let mut initdb = folder.command(programs.join("initdb"));
            initdb
                .args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
                .args(["--encoding=UTF8", "--locale=C", "--pgdata=data"])
                .arg(format!("--pwfile={}", password.display()));
            run(&mut initdb);
            folder
        };
        let (server, port) = Server::start(
            folder,
            // The immediate shutdown: it ends all connections, and there is nothing to save.
            "QUIT",
            |_, port| {
                let mut command = vec![
                    programs.join("postgres").display().to_string(),
                    "-Ddata".to_owned(),
                    format!("-p{port}"),
                ];
                for setting in [
                    "listen_addresses=127.0.0.1",
                    "unix_socket_directories=",
                    "max_connections=400",
                    "fsync=off",
                    "full_page_writes=off",
                ] {
                    command.extend(["-c".to_owned(), setting.to_owned()]);
                }
                command
            },
            |port| {
                let output = sql(&psql, &url(port), "SELECT 1").output();
                output.expect("psql runs").status.success()
            },
        );
        Some(Self {
            url: url(port),
            psql,
            server: Some(server),
        })
    }

    /// An empty database that no other test has.
    ///
    /// # Panics
    ///
    /// If the server does not make one.
    pub fn database(&self) -> Database<'_> {
        let name = format!("test_{}", random());
        self.execute(&format!("CREATE DATABASE {name}"));
        let url = with_database(&self.url, &name);
        Database {
            name,
            url,
            server: self,
        }
    }

    /// The server's process and folder; none for the one of `DATABASE_URL`.
    pub fn process(&self) -> Option<(u32, &Path)> {
        let server = self.server.as_ref()?;
        Some((server.pid(), server.folder()))
    }

    fn execute(&self, statement: &str) {
        run(&mut sql(&self.psql, &self.url, statement));
    }
}

/// A database of a test. It is dropped with this where the server is not.
#[derive(Debug)]
pub struct Database<'a> {
    name: String,
    url: String,
    server: &'a Postgres,
}

impl Database<'_> {
    /// How clients reach it, the password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sets what `name` is for connections made from now on, as an operator can for all clients.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub fn default_setting(&self, name: &str, value: &str) {
        let database = &self.name;
        self.server
            .execute(&format!("ALTER DATABASE {database} SET {name} = '{value}'"));
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if self.server.server.is_none() {
            let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
            // A panic here would hide the one of the test that failed, and a left database does no harm.
            let _left = sql(&self.server.psql, &self.server.url, &statement).output();
        }
    }
}

/// `url` with `name` in the place of its database.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = address.find("://").map_or(0, |colon| colon + 3);
    let end = address[authority..]
        .find('/')
        .map_or(address.len(), |slash| authority + slash);
    format!("{}/{name}{query}", &address[..end])
}

fn versions() -> impl Iterator<Item = PathBuf> {
    let mut versions: Vec<u32> = std::fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable();
    let folder = |version| Path::new(DEBIAN).join(format!("{version}/bin"));
    versions.into_iter().rev().map(folder)
}

fn sql(psql: &Path, url: &str, statement: &str) -> Command {
    let mut command = Command::new(psql);
    command.args(["-XqAt", "-d", url, "-c", statement]);
    command
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{:?}: {}",
        command.get_program(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn id(which: &str, user: Option<&str>) -> u32 {
    let id = run(Command::new("id").arg(which).args(user));
    id.trim().parse().expect("an id is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (url, expected) in [
            ("postgres://u:p@h:5/db", "postgres://u:p@h:5/x"),
            ("postgres://u:p@h", "postgres://u:p@h/x"),
            (
                "postgresql://h/db?sslmode=disable&a=/",
                "postgresql://h/x?sslmode=disable&a=/",
            ),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
