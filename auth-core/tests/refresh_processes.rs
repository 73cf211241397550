//! Sessions shared by several processes, of which one is killed.
#![cfg(all(feature = "refresh", feature = "sqlite", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use portcullis_auth_core::refresh::{RefreshKeys, RefreshPolicy};
use portcullis_secrets::SecretBytes;
use refresh_support::{Shared, World, text};

/// Set in a child: where the sessions are, and the token that it refreshes. All clocks stand at the same moment.
const STORE: &str = "PORTCULLIS_TEST_STORE";
const TOKEN: &str = "PORTCULLIS_TEST_TOKEN";

/// That of all processes.
fn keys() -> RefreshKeys {
    let key = "7b1e0c5a93d2f4684fa6c81d3e90b7527b1e0c5a93d2f4684fa6c81d3e90b753";
    RefreshKeys::new(1, &SecretBytes::from_hex(key).unwrap()).unwrap()
}

/// The store at `sqlite:PATH`, `redis://...#PREFIX` or `postgres://...`.
async fn open(place: &str) -> Shared {
    if let Some(path) = place.strip_prefix("sqlite:") {
        return refresh_support::sqlite_at(path.as_ref()).await.0;
    }
    #[cfg(feature = "redis")]
    if let Some((url, prefix)) = place.split_once('#') {
        return refresh_support::redis_at(url, prefix).await.0;
    }
    #[cfg(feature = "postgres")]
    if place.starts_with("postgres") {
        return refresh_support::postgres_at(place).await.0;
    }
    panic!("{place} is no store");
}

async fn world(place: &str) -> World {
    World::of(open(place).await, keys(), RefreshPolicy::default()).await
}

/// This binary once more, to run `test` as a child does.
struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(test: &str, place: &str, token: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(STORE, place)
            .env(TOKEN, token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let input = child.stdin.take().unwrap();
        Self {
            child,
            input,
            output,
        }
    }

    /// The next thing that it says, past what the harness does.
    fn says(&mut self) -> String {
        loop {
            let line = self.output.next().expect("the child says more").unwrap();
            if let Some((_, said)) = line.split_once("child: ") {
                return said.to_owned();
            }
        }
    }

    fn tell(&mut self) {
        writeln!(self.input, "go on").unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What a child was started for; none in the test itself.
fn errand() -> Option<(String, String)> {
    Some((std::env::var(STORE).ok()?, std::env::var(TOKEN).ok()?))
}

fn say(what: &str) {
    println!("child: {what}");
}

fn wait() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// A process refreshes, and is killed with the answer in its hands.
async fn refresh_and_be_killed(test: &str, place: &str) -> (World, String) {
    let world = world(place).await;
    let first = text(&world.login().await);
    let mut child = Process::start(test, place, &first);
    let unsent = child.says();
    // SIGKILL: it cannot put anything right.
    child.child.kill().unwrap();
    child.child.wait().unwrap();

    let retry = world.refresh(&first).await.unwrap();
    assert!(retry.is_replay(), "the child's rotation was lost");
    assert_eq!(text(&retry), unsent);
    assert!(!world.refresh(&unsent).await.unwrap().is_replay());
    (world, unsent)
}

async fn run_the_errand() -> bool {
    let Some((place, token)) = errand() else {
        return false;
    };
    let issued = world(&place).await.refresh(&token).await.unwrap();
    assert!(!issued.is_replay());
    say(&text(&issued));
    wait();
    true
}

// AUTH case 11
#[tokio::test]
async fn an_answer_that_died_with_its_process_is_given_again_by_sqlite() {
    if run_the_errand().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let place = format!("sqlite:{}", path.display());
    let test = "an_answer_that_died_with_its_process_is_given_again_by_sqlite";
    refresh_and_be_killed(test, &place).await;
    let (_, pool) = refresh_support::sqlite_at(&path).await;
    assert_eq!(refresh_support::rows::sqlite(&pool).await, 1);
}

// AUTH case 11
#[cfg(feature = "postgres")]
#[tokio::test]
async fn an_answer_that_died_with_its_process_is_given_again_by_postgres() {
    if run_the_errand().await {
        return;
    }
    let Some(server) = portcullis_test_services::Postgres::shared() else {
        return;
    };
    let database = server.database();
    let test = "an_answer_that_died_with_its_process_is_given_again_by_postgres";
    refresh_and_be_killed(test, database.url()).await;
    let (_, pool) = refresh_support::postgres_at(database.url()).await;
    assert_eq!(refresh_support::rows::postgres(&pool).await, 1);
}

// AUTH case 11
#[cfg(feature = "redis")]
#[tokio::test]
async fn an_answer_that_died_with_its_process_is_given_again_by_redis() {
    if run_the_errand().await {
        return;
    }
    let Some(server) = portcullis_test_services::Redis::shared() else {
        return;
    };
    let place = format!("{}#{}", server.url(), server.key_prefix());
    let test = "an_answer_that_died_with_its_process_is_given_again_by_redis";
    refresh_and_be_killed(test, &place).await;
}

/// What a child does for [`of_two_processes_one_rotates`]: all instances present one token at once, and then each its own.
async fn race() -> bool {
    const REFRESHES: usize = 20;
    let Some((place, token)) = errand() else {
        return false;
    };
    // An instance for each thread: within one the callers would queue, and not meet in the database. PostgreSQL has not as many
    // connections for everybody.
    let instances = if place.starts_with("postgres") { 6 } else { 16 };
    let mut worlds = Vec::new();
    for _ in 0..instances {
        worlds.push(world(&place).await);
    }
    say("ready");
    wait();
    let mut tasks = tokio::task::JoinSet::new();
    for world in worlds {
        let token = token.clone();
        tasks.spawn(async move {
            // First all want the same row, then each its own.
            let issued = world.refresh(&token).await.unwrap();
            let mut own = text(&world.login().await);
            for _ in 0..REFRESHES {
                own = text(&world.refresh(&own).await.unwrap());
            }
            (!issued.is_replay(), text(&issued))
        });
    }
    let answers = tasks.join_all().await;
    let rotated = answers.iter().filter(|(rotated, _)| *rotated).count();
    let (_, successor) = &answers[0];
    assert!(answers.iter().all(|(_, token)| token == successor));
    say(&rotated.to_string());
    say(successor);
    true
}

async fn of_two_processes_one_rotates(test: &str, place: &str) {
    let world = world(place).await;
    for _ in 0..3 {
        let first = text(&world.login().await);
        let mut children = [(); 2].map(|()| Process::start(test, place, &first));
        for child in &mut children {
            assert_eq!(child.says(), "ready");
        }
        children.iter_mut().for_each(Process::tell);
        let [one, other] = children.each_mut().map(|child| {
            let rotated: usize = child.says().parse().unwrap();
            (rotated, child.says())
        });
        assert_eq!(one.0 + other.0, 1);
        assert_eq!(one.1, other.1, "all are told of the same token");
    }
}

// AUTH case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn two_processes_of_sixteen_threads_never_find_the_database_locked() {
    if race().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let test = "two_processes_of_sixteen_threads_never_find_the_database_locked";
    of_two_processes_one_rotates(test, &place).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn of_two_processes_on_one_postgres_one_rotates() {
    if race().await {
        return;
    }
    let Some(server) = portcullis_test_services::Postgres::shared() else {
        return;
    };
    let database = server.database();
    let test = "of_two_processes_on_one_postgres_one_rotates";
    of_two_processes_one_rotates(test, database.url()).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn of_two_processes_on_one_redis_one_rotates() {
    if race().await {
        return;
    }
    let Some(server) = portcullis_test_services::Redis::shared() else {
        return;
    };
    let place = format!("{}#{}", server.url(), server.key_prefix());
    let test = "of_two_processes_on_one_redis_one_rotates";
    of_two_processes_one_rotates(test, &place).await;
}
