//! Gets connections out of a listener, also where that fails.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

// What tokio's and the standard library's listeners queue at most.
const BACKLOG: usize = 1024;

/// The next connection, however often accepting one fails.
pub(super) async fn accepted<F, T>(mut accept: impl FnMut() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut failures = 0;
    loop {
        match accept().await {
            Ok(connection) => return connection,
            // A client that went away while it waited. The next one may be fine.
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                let pause = pause_after(failures);
                tracing::error!(%error, ?pause, "connections cannot be accepted");
                failures += 1;
                sleep(pause).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

/// From 10 milliseconds, doubling, to one second.
fn pause_after(failures: u32) -> Duration {
    Duration::from_millis(10 << failures.min(7)).min(Duration::from_secs(1))
}

/// The connections that wait to be accepted; closes the listener.
pub(super) fn queued(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let connections = listener.into_std().map(|listener| {
        let accepts = std::iter::repeat_with(|| listener.accept()).take(BACKLOG);
        let live = accepts.filter(|accept| !accept.as_ref().is_err_and(is_of_the_client));
        live.map_while(|accept| {
            let (stream, peer) = accept.ok()?;
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, peer))
        })
        .collect()
    });
    connections.unwrap_or_else(|error| {
        tracing::error!(%error, "connections that wait to be accepted are lost");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accepting_goes_on_after_errors_without_a_busy_loop() {
        let start = Instant::now();
        let mut attempts = 0;
        // 24 is EMFILE: the file descriptors ran out.
        let connection = accepted(|| {
            attempts += 1;
            std::future::ready(match attempts {
                1..=100 => Err(io::Error::from_raw_os_error(24)),
                101..=200 => Err(ErrorKind::ConnectionAborted.into()),
                _ => Ok("connection"),
            })
        })
        .await;
        assert_eq!(connection, "connection");
        assert_eq!(attempts, 201);
        // 10 + 20 + .. + 640 milliseconds, then 93 times a second; nothing for aborted ones.
        assert_eq!(start.elapsed().as_secs(), 94);
    }
}
