//! A binary of the workspace as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A running server, which is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    process: Child,
    addr: SocketAddr,
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
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        read.expect("the output is text");
        let addr = line.trim_end().strip_prefix("listening on http://");
        let addr = addr.and_then(|addr| addr.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("{binary} said {line:?}"));
        Self { process, addr }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to do.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
