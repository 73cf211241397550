//! Factors and all that belongs to them in PostgreSQL, for many instances.

use crate::totp::sql::sql_store;

/// What [`PostgresStore::migrate`] runs. Times are milliseconds since 1970.
pub const SCHEMA: &str = rows::schema!("BYTEA");

sql_store!(
    /// Keeps everything in tables of PostgreSQL.
    PostgresStore,
    sqlx::PgPool,
    // The database's own default may be a level at which parallel tries are errors.
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    " FOR UPDATE"
);
