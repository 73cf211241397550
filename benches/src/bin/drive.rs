//! Drives one case, for callgrind: `drive --list`, or `drive CASE TIMES`.
//!
//! Only what happens within `measured_requests` is to be counted (`--toggle-collect`). The
//! difference between two runs would not do: a peer calibrates a clock when it is built, and takes
//! more or fewer instructions for it every time.

use std::process::ExitCode;

use portcullis_benches::{Drive, cases};

#[inline(never)]
fn measured_requests(drive: &mut Drive, times: u64) {
    drive(times);
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--list"] => {
            for case in cases() {
                println!("{case}");
            }
            ExitCode::SUCCESS
        }
        [name, times] => {
            let case = cases().into_iter().find(|case| case.to_string() == name);
            let (Some(case), Ok(times)) = (case, times.parse()) else {
                eprintln!("drive: there is no case {name}, or {times} is not a number");
                return ExitCode::FAILURE;
            };
            let mut drive = case.build();
            // What grows once (a map, a reused buffer) is not a request's cost.
            drive(100);
            measured_requests(&mut drive, times);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: drive --list | drive CASE TIMES");
            ExitCode::FAILURE
        }
    }
}
