//! API keys in SQLite, for one instance.

use super::rows::schema;
use super::sql::sql_store;

/// What [`SqliteStore::migrate`] runs. Times are milliseconds since 1970.
pub const SCHEMA: &str = schema!("BLOB");

sql_store! {
    /// Keeps API keys in a table of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    // A deferred transaction that reads first fails at once when it wants to write after somebody else did.
    SqliteStore, sqlx::SqlitePool, sqlx::SqliteConnection,
    begin: "BEGIN IMMEDIATE", schema: SCHEMA
}
