//! No server outlives the test binary that started it, however that ends.
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use portcullis_test_services::{Postgres, Redis};

/// Set for the process that starts the servers: this binary once more.
const CHILD: &str = "PORTCULLIS_TEST_SERVICES_CHILD";

fn start_the_shared_servers_and_wait() {
    let servers = [
        Redis::shared().and_then(Redis::process),
        Postgres::shared().and_then(Postgres::process),
    ];
    let mut output = std::io::stdout();
    for (pid, folder) in servers.into_iter().flatten() {
        writeln!(output, "server {pid} {}", folder.display()).unwrap();
    }
    writeln!(output, "server ready").unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// A process with servers, the rest of its output, and the servers: their ids and folders.
fn child(test: &str) -> (Child, impl Sized, Vec<(u32, PathBuf)>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env_remove("REDIS_URL")
        .env_remove("DATABASE_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut servers = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in &mut lines {
        let line = line.unwrap();
        // The harness may have begun the line.
        let Some((_, said)) = line.split_once("server ") else {
            continue;
        };
        let Some((pid, folder)) = said.split_once(' ') else {
            break;
        };
        servers.push((pid.parse().unwrap(), folder.into()));
    }
    (child, lines, servers)
}

fn runs(pid: u32) -> bool {
    let mut kill = Command::new("kill");
    let kill = kill.args(["-0", &pid.to_string()]).stderr(Stdio::null());
    kill.status().unwrap().success()
}

fn assert_gone(servers: &[(u32, PathBuf)]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let remains = |(pid, folder): &(u32, PathBuf)| runs(*pid) || Path::new(folder).exists();
    while servers.iter().any(remains) {
        assert!(Instant::now() < deadline, "{servers:?} are still there");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn servers_end_with_a_binary_that_is_killed() {
    if std::env::var_os(CHILD).is_some() {
        return start_the_shared_servers_and_wait();
    }
    let (mut child, _output, servers) = child("servers_end_with_a_binary_that_is_killed");
    assert!(servers.iter().all(|(pid, _)| runs(*pid)));
    // SIGKILL: nothing in that process runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_gone(&servers);
}

#[test]
fn servers_end_with_a_binary_that_is_done() {
    if std::env::var_os(CHILD).is_some() {
        return start_the_shared_servers_and_wait();
    }
    let (mut child, _output, servers) = child("servers_end_with_a_binary_that_is_done");
    assert!(servers.iter().all(|(pid, _)| runs(*pid)));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_gone(&servers);
}

#[test]
fn a_server_of_ones_own_ends_when_it_is_dropped() {
    if let Some(redis) = Redis::start() {
        let (pid, folder) = redis.process().unwrap();
        let server = [(pid, folder.to_owned())];
        assert!(runs(pid));
        drop(redis);
        assert_gone(&server);
    }
    if let Some(postgres) = Postgres::start() {
        let (pid, folder) = postgres.process().unwrap();
        let server = [(pid, folder.to_owned())];
        assert!(runs(pid));
        drop(postgres);
        assert_gone(&server);
    }
}

#[test]
fn databases_and_prefixes_are_not_shared() {
    if let Some(postgres) = Postgres::shared() {
        let (mine, yours) = (postgres.database(), postgres.database());
        mine.default_setting("default_transaction_isolation", "repeatable read");
        assert_ne!(mine.url(), yours.url());
    }
    if let Some(redis) = Redis::shared() {
        assert_ne!(redis.key_prefix(), redis.key_prefix());
    }
}
