//! Buckets in SQLite, for one instance.

use sqlx::SqliteConnection;

use super::rows::{self, Kept};
use super::sql::sql_store;
use super::{Bucket, Charge};

/// What [`SqliteStore::migrate`] runs. Times are milliseconds since 1970.
pub const SCHEMA: &str = "\
CREATE TABLE IF NOT EXISTS auth_throttle (
    key BLOB PRIMARY KEY,
    count INTEGER NOT NULL,
    total INTEGER NOT NULL,
    at INTEGER NOT NULL,
    members BLOB NOT NULL,
    forgotten_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS auth_throttle_forgotten_at ON auth_throttle (forgotten_at);
";

// A deferred transaction that reads first fails at once when it wants to write after somebody else did.
const BEGIN: &str = "BEGIN IMMEDIATE";

const PURGE: &str = "DELETE FROM auth_throttle WHERE key IN
    (SELECT key FROM auth_throttle WHERE forgotten_at <= $1 LIMIT $2)";

sql_store!(
    /// Keeps buckets in a table of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    SqliteStore,
    sqlx::SqlitePool
);

/// Reads the buckets. The transaction is the only one that writes.
async fn hold(
    connection: &mut SqliteConnection,
    charge: &Charge,
) -> Result<Vec<Bucket>, sqlx::Error> {
    let mut buckets = Vec::new();
    for (_, key) in charge.slots() {
        let bucket =
            sqlx::query("SELECT count, total, at, members FROM auth_throttle WHERE key = $1")
                .bind(&key[..])
                .try_map(|row| rows::bucket(&row))
                .fetch_optional(&mut *connection)
                .await?;
        buckets.push(bucket.unwrap_or_default());
    }
    Ok(buckets)
}

async fn write(connection: &mut SqliteConnection, changed: &[Kept]) -> Result<(), sqlx::Error> {
    for kept in changed {
        sqlx::query(
            "INSERT INTO auth_throttle (key, count, total, at, members, forgotten_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (key) DO UPDATE SET count = excluded.count, total = excluded.total,
                 at = excluded.at, members = excluded.members, forgotten_at = excluded.forgotten_at",
        )
        .bind(&kept.key[..])
        .bind(kept.count)
        .bind(kept.total)
        .bind(kept.at)
        .bind(&kept.members)
        .bind(kept.forgotten_at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
