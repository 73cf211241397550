//! `reference-server healthcheck`: asks the running server, as a container's health check does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// Succeeds if the server at `address` is ready for requests.
pub(crate) fn ask(address: SocketAddr) -> ExitCode {
    match status(address) {
        Ok(200) => ExitCode::SUCCESS,
        Ok(status) => failed(&format!(
            "the server at {address} is not ready: status {status}"
        )),
        Err(error) => failed(&format!("the server at {address} does not answer: {error}")),
    }
}

fn failed(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

/// The status of `/ready`. The probe is ours and so is the server: the start of the answer will do.
fn status(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut line)?;
    let digits = line.last_chunk::<3>().map(|digits| str::from_utf8(digits));
    digits
        .and_then(|digits| digits.ok()?.parse().ok())
        .ok_or_else(|| std::io::Error::other("this is not HTTP"))
}
