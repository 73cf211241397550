//! Factors and all that belongs to them in SQLite, for one instance.

use crate::totp::sql::sql_store;

/// What [`SqliteStore::migrate`] runs.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_totp_factor (
    id BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    key_id INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    activated_at INTEGER,
    last_step INTEGER NOT NULL,
    drift INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_totp_factor_owner ON auth_totp_factor (tenant, subject);
CREATE INDEX IF NOT EXISTS auth_totp_factor_pending ON auth_totp_factor (created_at)
    WHERE activated_at IS NULL;
CREATE TABLE IF NOT EXISTS auth_totp_owner (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL DEFAULT 0,
    in_a_row INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, subject)
);
CREATE TABLE IF NOT EXISTS auth_totp_challenge (
    hash BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    used_at INTEGER
);
CREATE INDEX IF NOT EXISTS auth_totp_challenge_expires_at ON auth_totp_challenge (expires_at);
CREATE INDEX IF NOT EXISTS auth_totp_challenge_owner ON auth_totp_challenge (tenant, subject);
CREATE TABLE IF NOT EXISTS auth_recovery_code (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    hash BLOB NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (tenant, subject, hash)
);
";

sql_store!(
    /// Keeps everything in tables of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    SqliteStore,
    sqlx::SqlitePool,
    // A deferred transaction that reads first fails at once when it wants to write after somebody else did.
    "BEGIN IMMEDIATE",
    ""
);
