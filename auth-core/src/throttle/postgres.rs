//! Buckets in PostgreSQL, for many instances.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::rows::{self, Kept};
use super::sql::sql_store;
use super::{Bucket, Charge, Key};

/// What [`PostgresStore::migrate`] runs. Times are milliseconds since 1970. The table is a logged one: an unlogged one is empty
/// after a crash and on a standby.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_throttle (
    key BYTEA PRIMARY KEY,
    count BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL DEFAULT 0,
    at BIGINT NOT NULL DEFAULT 0,
    members BYTEA NOT NULL DEFAULT '',
    forgotten_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS auth_throttle_forgotten_at ON auth_throttle (forgotten_at);
";

// The database's own default may be a level at which parallel attempts are errors.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const PURGE: &str = "DELETE FROM auth_throttle WHERE key IN
    (SELECT key FROM auth_throttle WHERE forgotten_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

sql_store!(
    /// Keeps buckets in a table of PostgreSQL.
    PostgresStore,
    sqlx::PgPool
);

/// Reads the buckets and locks their rows, those that are not there included, in an order that is the same for all.
async fn hold(connection: &mut PgConnection, charge: &Charge) -> Result<Vec<Bucket>, sqlx::Error> {
    let keys: Vec<&[u8]> = charge.slots().iter().map(|(_, key)| &key[..]).collect();
    let held: Vec<(Vec<u8>, Bucket)> = sqlx::query(
        "INSERT INTO auth_throttle AS held (key) SELECT key FROM unnest($1) AS key ORDER BY key
         ON CONFLICT (key) DO UPDATE SET key = excluded.key
         RETURNING held.key, held.count, held.total, held.at, held.members",
    )
    .bind(keys)
    .try_map(|row: PgRow| Ok((row.try_get("key")?, rows::bucket(&row)?)))
    .fetch_all(connection)
    .await?;
    let find = |key: &Key| held.iter().find(|(found, _)| found == key);
    charge
        .slots()
        .iter()
        .map(|(_, key)| find(key).map(|(_, bucket)| bucket.clone()))
        .map(|bucket| bucket.ok_or(sqlx::Error::RowNotFound))
        .collect()
}

async fn write(connection: &mut PgConnection, changed: &[Kept]) -> Result<(), sqlx::Error> {
    fn column<'k, T>(changed: &'k [Kept], field: impl Fn(&'k Kept) -> T) -> Vec<T> {
        changed.iter().map(field).collect()
    }
    sqlx::query(
        "UPDATE auth_throttle AS held SET count = new.count, total = new.total, at = new.at,
             members = new.members, forgotten_at = new.forgotten_at
         FROM unnest($1, $2, $3, $4, $5, $6) AS new (key, count, total, at, members, forgotten_at)
         WHERE held.key = new.key",
    )
    .bind(column(changed, |kept| &kept.key[..]))
    .bind(column(changed, |kept| kept.count))
    .bind(column(changed, |kept| kept.total))
    .bind(column(changed, |kept| kept.at))
    .bind(column(changed, |kept| &kept.members[..]))
    .bind(column(changed, |kept| kept.forgotten_at))
    .execute(connection)
    .await
    .map(drop)
}
