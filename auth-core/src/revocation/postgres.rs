//! Revocations in PostgreSQL, for many instances.

use super::sql::sql_store;

/// What [`PostgresStore::migrate`] runs. Times are milliseconds since 1970.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_revocations (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what BYTEA NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_revocations_ends_at ON auth_revocations (ends_at);
";

// A place is given before the commit: without this lock, which is held beyond it, a reader could be shown a later place first
// and never look back for the earlier one.
const ORDER: &str = "SELECT pg_advisory_xact_lock(hashtext('auth_revocations'))";

sql_store! {
    /// Keeps revocations in a table of PostgreSQL.
    PostgresStore, sqlx::PgPool, sqlx::PgConnection,
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED", order: ORDER, schema: SCHEMA
}
