//! Revocations in SQLite, for processes of one machine.

use super::sql::sql_store;

/// What [`SqliteStore::migrate`] runs. Times are milliseconds since 1970. Places are never used again, or what is added in one
/// that is read already would be passed over.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_revocations (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    what BLOB NOT NULL,
    ends_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_revocations_ends_at ON auth_revocations (ends_at);
";

sql_store! {
    /// Keeps revocations in a table of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    // There is one writer at a time, so places are in the order of commits.
    SqliteStore, sqlx::SqlitePool, sqlx::SqliteConnection,
    begin: "BEGIN IMMEDIATE", order: "SELECT 1", schema: SCHEMA
}
