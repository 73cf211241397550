//! Factors and all that belongs to them in SQLite, for one instance.

use crate::totp::sql::sql_store;

/// What [`SqliteStore::migrate`] runs. Times are milliseconds since 1970.
pub const SCHEMA: &str = rows::schema!("BLOB");

sql_store!(
    /// Keeps everything in tables of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    SqliteStore,
    sqlx::SqlitePool,
    // A deferred transaction that reads first fails at once when it wants to write after somebody else did.
    "BEGIN IMMEDIATE",
    ""
);
