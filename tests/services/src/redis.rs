use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use crate::server::{Folder, Server, find};
use crate::{missing, random};

/// A Redis server. See the [crate docs](crate).
#[derive(Debug)]
pub struct Redis {
    url: String,
    server: Option<Server>,
}

impl Redis {
    /// The server of this test binary, or the one that `REDIS_URL` names. It holds what all tests put there.
    ///
    /// # Panics
    ///
    /// If the server does not start, or is not installed where `PORTCULLIS_REQUIRE_SERVICES` is 1.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Redis>> = OnceLock::new();
        SHARED
            .get_or_init(|| match std::env::var("REDIS_URL") {
                Ok(url) => Some(Self { url, server: None }),
                Err(_) => Self::start(),
            })
            .as_ref()
    }

    /// A server for the caller alone, which ends when it is dropped.
    ///
    /// # Panics
    ///
    /// As [`shared`](Self::shared) does.
    pub fn start() -> Option<Self> {
        let Some(folder) = find(&["redis-server"], std::iter::empty()) else {
            missing("redis-server");
            return None;
        };
        let program = folder.join("redis-server").display().to_string();
        let password = random();
        let (server, port) = Server::start(
            || Folder::new(None),
            "TERM",
            |folder, port| {
                // In a file, since anybody can read the arguments of a process.
                let config = format!(
                    "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\nmaxmemory-policy noeviction\n"
                );
                let config = folder.write("redis.conf", &config);
                vec![program.clone(), config.display().to_string()]
            },
            |port| pings(port, &password).is_ok_and(|pings| pings),
        );
        let url = format!("redis://:{password}@127.0.0.1:{port}");
        let server = Some(server);
        Some(Self { url, server })
    }

    /// How clients reach it, the password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A prefix for keys that no other test has.
    pub fn key_prefix(&self) -> String {
        format!("test-{}:", random())
    }

    /// The server's process and folder; none for the one of `REDIS_URL`.
    pub fn process(&self) -> Option<(u32, &Path)> {
        let server = self.server.as_ref()?;
        Some((server.pid(), server.folder()))
    }
}

fn pings(port: u16, password: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"+OK\r\n+PONG\r\n")
}
