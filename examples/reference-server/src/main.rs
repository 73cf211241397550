//! A configuration service behind every Portcullis layer: projects, and JSON documents in versions,
//! each changed only by who saw its present state.
//!
//! - [`settings`]: flags, environment and file, read once into types that cannot be wrong.
//! - [`domain`]: what the service decides, free of everything below.
//! - [`accounts`]: who somebody is and what they may do.
//! - [`store`]: where all of it is kept.
//! - [`routes`] and [`problem`]: the HTTP side, and its error answers.
//! - [`stack`]: the layers around it, in their order.
//! - [`redaction`]: what nothing of this may print.
//! - [`server`]: start, listeners, shutdown.
//! - [`create_admin`]: the first account.

mod accounts;
mod create_admin;
mod domain;
mod healthcheck;
mod problem;
mod redaction;
mod routes;
mod server;
mod settings;
mod stack;
mod store;
mod telemetry;

use std::process::ExitCode;

use crate::redaction::redactor;
use crate::settings::{Stop, Task};

fn main() -> ExitCode {
    redactor().install_panic_hook();
    match settings::read(std::env::args_os(), std::env::vars_os()) {
        Ok(Task::Serve(settings)) => server::run(*settings),
        Ok(Task::Checked) => {
            println!("the settings are right");
            ExitCode::SUCCESS
        }
        Ok(Task::HealthCheck(address)) => healthcheck::ask(address),
        Ok(Task::CreateAdmin(admin)) => create_admin::run(&admin),
        Err(Stop::Usage(usage)) => usage.exit(),
        Err(Stop::Faults(faults)) => {
            for fault in faults {
                eprintln!("error: {fault}");
            }
            // As for a command line that cannot be read.
            ExitCode::from(2)
        }
    }
}
