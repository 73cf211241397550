//! A server as a process that cannot outlive this one.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Waits for the server and ends it when stdin does: that is when the process that holds the other end is gone, be it by
/// `exit`, by a signal or by `kill -9`. A `Drop` alone would not do, since statics are never dropped; neither would
/// `prctl(PR_SET_PDEATHSIG)`, which fires when the *thread* that started the server ends, and each test is a thread.
const WATCHDOG: &str = r#"
    signal=$1 folder=$2
    shift 2
    exec 3<&0
    "$@" >"$folder/log" 2>&1 3<&- &
    server=$!
    { read -r _ <&3; kill -s "$signal" "$server"; } >/dev/null 2>&1 &
    reader=$!
    echo "$server"
    exec >&-
    wait "$server"
    kill "$reader"
    rm -rf "$folder"
"#;

/// How long a server may take to start on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of a server, and as whom it runs.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    owner: Option<(u32, u32)>,
}

impl Folder {
    /// An empty folder that only `owner` can read.
    pub(crate) fn new(owner: Option<(u32, u32)>) -> Self {
        let folder = tempfile::Builder::new().prefix("portcullis-").tempdir();
        let path = folder.expect("a temporary folder can be made").keep();
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&path, private).expect("the folder is ours");
        let folder = Self { path, owner };
        folder.give(Path::new(""));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only the server can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, text).expect("the folder is ours");
        self.give(Path::new(name));
        path
    }

    fn give(&self, name: &Path) {
        if let Some((user, group)) = self.owner {
            let given = chown(self.path.join(name), Some(user), Some(group));
            given.expect("root may give folders away");
        }
    }

    /// `program` as the server's user, in its folder.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A running server. It is ended when this is dropped, and when this process ends without dropping it.
#[derive(Debug)]
pub(crate) struct Server {
    watchdog: Child,
    folder: Folder,
    pid: u32,
}

impl Server {
    /// Starts what `command` is given a free port for, and waits until `is_ready`.
    ///
    /// `signal` is the one upon which it ends at once and takes its own children with it.
    pub(crate) fn start(
        folder: impl Fn() -> Folder,
        signal: &str,
        command: impl Fn(&Folder, u16) -> Vec<String>,
        is_ready: impl Fn(u16) -> bool,
    ) -> (Self, u16) {
        // Between the search for a free port and the server's start somebody else may have taken it.
        for _ in 0..5 {
            let port = free_port().expect("there is a free port");
            let folder = folder();
            let command = command(&folder, port);
            let mut server = Self::spawn(folder, signal, &command);
            let deadline = Instant::now() + PATIENCE;
            while !server.has_ended() {
                if is_ready(port) {
                    return (server, port);
                }
                assert!(
                    Instant::now() < deadline,
                    "{} does not answer",
                    command.join(" ")
                );
                thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("no server of five started; are all ports taken?");
    }

    fn spawn(folder: Folder, signal: &str, command: &[String]) -> Self {
        let mut watchdog = folder
            .command("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog", signal])
            .arg(folder.path())
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A group of its own: the Ctrl-C that ends the tests must not end the watchdog before its work is done.
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let output = watchdog.stdout.take().expect("the output is piped");
        let mut pid = String::new();
        let read = BufReader::new(output).read_line(&mut pid);
        read.expect("the watchdog can be listened to");
        let pid = pid.trim().parse().expect("the watchdog says a process id");
        Self {
            watchdog,
            folder,
            pid,
        }
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn has_ended(&mut self) -> bool {
        let ended = self.watchdog.try_wait();
        ended.expect("the watchdog is our child").is_some()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closes the watchdog's stdin, which is what it waits for; see `WATCHDOG`.
        drop(self.watchdog.stdin.take());
        let _reaped = self.watchdog.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// The folder of `PATH`, or else of `others`, that has all `programs`.
pub(crate) fn find(programs: &[&str], others: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(others)
        .find(|folder| programs.iter().all(|name| folder.join(name).is_file()))
}
