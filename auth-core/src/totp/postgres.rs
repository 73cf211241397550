//! Factors and all that belongs to them in PostgreSQL, for many instances.

use crate::totp::sql::sql_store;

/// What [`PostgresStore::migrate`] runs.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_totp_factor (
    id BYTEA PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    last_step BIGINT NOT NULL,
    drift BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_totp_factor_owner ON auth_totp_factor (tenant, subject);
CREATE INDEX IF NOT EXISTS auth_totp_factor_pending ON auth_totp_factor (created_at)
    WHERE activated_at IS NULL;
CREATE TABLE IF NOT EXISTS auth_totp_owner (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    since BIGINT NOT NULL DEFAULT 0,
    in_a_row BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, subject)
);
CREATE TABLE IF NOT EXISTS auth_totp_challenge (
    hash BYTEA PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX IF NOT EXISTS auth_totp_challenge_expires_at ON auth_totp_challenge (expires_at);
CREATE INDEX IF NOT EXISTS auth_totp_challenge_owner ON auth_totp_challenge (tenant, subject);
CREATE TABLE IF NOT EXISTS auth_recovery_code (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    hash BYTEA NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (tenant, subject, hash)
);
";

sql_store!(
    /// Keeps everything in tables of PostgreSQL.
    PostgresStore,
    sqlx::PgPool,
    // The database's own default may be a level at which parallel tries are errors.
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    " FOR UPDATE"
);
