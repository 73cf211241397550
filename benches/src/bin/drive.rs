//! Drives one case, for callgrind: `drive --list`, or `drive CASE TIMES`.
//!
//! What one request costs is the difference between two runs, over the difference in their numbers
//! of requests: start-up and building the stack then cancel out.

use std::process::ExitCode;

use portcullis_benches::cases;

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
            case.build()(times);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: drive --list | drive CASE TIMES");
            ExitCode::FAILURE
        }
    }
}
