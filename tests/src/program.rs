//! A binary of the workspace as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

/// A running server, which is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    process: Child,
    addr: SocketAddr,
    lines: Receiver<String>,
}

impl Program {
    /// Runs `binary` with a free loopback port as its argument, and waits until it says where it listens.
    ///
    /// `binary` is `env!("CARGO_BIN_EXE_...")`. It says `listening on http://ADDRESS`, as the first line of its output.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn start(binary: &str) -> Self {
        let mut process = Command::new(binary)
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        let output = process.stdout.take().expect("the output is piped");
        let (taken, lines) = sync_channel(1024);
        // Reads on when nobody wants the lines any more: the program would fail to write them.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _unwanted = taken.try_send(line);
            }
        });
        let first = next(&lines);
        let addr = first.strip_prefix("listening on http://");
        let addr = addr.and_then(|addr| addr.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("{binary} said {first:?}"));
        Self {
            process,
            addr,
            lines,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next line of its output.
    ///
    /// # Panics
    ///
    /// If it writes none within 10 seconds.
    pub fn line(&self) -> String {
        next(&self.lines)
    }
}

fn next(lines: &Receiver<String>) -> String {
    let line = lines.recv_timeout(Duration::from_secs(10));
    line.expect("the program writes a line")
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
