//! API keys in PostgreSQL, for many instances.

use super::rows::schema;
use super::sql::sql_store;

/// What [`PostgresStore::migrate`] runs. Times are milliseconds since 1970.
pub const SCHEMA: &str = schema!("BYTEA");

sql_store! {
    /// Keeps API keys in a table of PostgreSQL.
    // The database's own default may be a level at which two who replace one key at the same time are errors.
    PostgresStore, sqlx::PgPool, sqlx::PgConnection,
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED", schema: SCHEMA
}
