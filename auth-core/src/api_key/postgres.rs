//! API keys in PostgreSQL, for many instances.

use super::sql::sql_store;

/// What [`PostgresStore::migrate`] runs.
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
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    replaces TEXT,
    replaced_by TEXT,
    pepper BIGINT NOT NULL,
    digest BYTEA NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_api_keys_owner ON auth_api_keys (tenant, owner);
";

sql_store! {
    /// Keeps API keys in a table of PostgreSQL.
    // The database's own default may be a level at which two who replace one key at the same time are errors.
    PostgresStore, sqlx::PgPool, sqlx::PgConnection,
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED", schema: SCHEMA
}
