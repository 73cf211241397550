//! API keys in SQLite, for one instance.

use super::sql::sql_store;

/// What [`SqliteStore::migrate`] runs.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_api_keys (
    id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    replaces TEXT,
    replaced_by TEXT,
    pepper INTEGER NOT NULL,
    digest BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_api_keys_owner ON auth_api_keys (tenant, owner);
";

sql_store! {
    /// Keeps API keys in a table of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    // A deferred transaction that reads first fails at once when it wants to write after somebody else did.
    SqliteStore, sqlx::SqlitePool, sqlx::SqliteConnection,
    begin: "BEGIN IMMEDIATE", schema: SCHEMA
}
