//! Redis and PostgreSQL for tests: real servers on free loopback ports, which end with the test binary, however it ends.
//!
//! ```
//! use portcullis_test_services::{Postgres, Redis};
//!
//! // None where the programs are not installed. It was said on stderr then, and the test has nothing to do.
//! let Some(redis) = Redis::shared() else { return };
//! assert!(redis.url().starts_with("redis://"));
//! assert_ne!(redis.key_prefix(), redis.key_prefix());
//!
//! let Some(postgres) = Postgres::shared() else { return };
//! let (mine, yours) = (postgres.database(), postgres.database());
//! assert_ne!(mine.url(), yours.url());
//! ```
//!
//! - [`Redis::shared`] and [`Postgres::shared`] start one server for the whole test binary. Tests keep apart by a
//!   [key prefix](Redis::key_prefix) or a [database of their own](Postgres::database).
//! - [`Redis::start`] and [`Postgres::start`] start one for a single test, which may stop or break it.
//! - `REDIS_URL` and `DATABASE_URL` name servers that run already; the shared ones are these then.
//! - Where a program is missing the answer is `None`. With `PORTCULLIS_REQUIRE_SERVICES=1`, as in `tests/run`, it is a panic.
//!
//! The programs are looked for in `PATH`, those of PostgreSQL also in `/usr/lib/postgresql/*/bin`, where Debian puts them.
//! A user called `postgres` has to exist if the tests run as root, which PostgreSQL refuses to run as.

mod postgres;
mod redis;
mod server;

pub use postgres::{Database, Postgres};
pub use redis::Redis;

use std::io::Write as _;

/// Says that tests are skipped for want of a program, or panics where that must not be.
fn missing(program: &str) {
    let required = std::env::var_os("PORTCULLIS_REQUIRE_SERVICES").is_some_and(|set| set == "1");
    assert!(
        !required,
        "{program} is not installed, and PORTCULLIS_REQUIRE_SERVICES is 1"
    );
    // Not `eprintln!`: the harness would keep it to itself, and a skipped test looks like one that passed.
    let said = writeln!(
        std::io::stderr(),
        "skipped: {program} is not installed, tests that need it prove nothing"
    );
    said.expect("stderr can be written to");
}

/// 32 hexadecimal digits that nobody can guess.
fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
