//! The server as a child process, and a client that holds every answer to what all answers promise.

mod answer;
mod call;
mod database;
mod server;

use std::time::{Duration, Instant};

use tokio::process::Command;

pub(crate) use self::answer::{Answer, OPENAPI};
pub(crate) use self::call::{Call, connect, exchange};
pub(crate) use self::database::{ADMIN, Directory, PASSWORD, create_admin};
pub(crate) use self::server::Server;

/// Longer than anything here may take on a busy machine; only failures wait for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary with no settings but its arguments: no variables, no home of anybody's.
pub(crate) fn command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command.env_clear().args(arguments).kill_on_drop(true);
    command
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
