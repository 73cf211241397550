//! Buckets in SQLite, for one instance.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::rows::{Kept, changed};
use super::{Admission, Bucket, Charge, Key, Settlement, ThrottleStore, Verdict};
use crate::sql::{pool_store, transact};
use crate::store::{Answer, StoreError};
use crate::time::Timestamp;

/// What [`SqliteStore::migrate`] runs.
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

pool_store!(
    /// Keeps buckets in a table of SQLite. The pool should be in WAL mode and have a `busy_timeout`.
    SqliteStore,
    SqlitePool,
    SCHEMA
);

impl SqliteStore {
    async fn with<T>(
        &self,
        charge: &Charge,
        f: impl Fn(&mut [Bucket]) -> T,
    ) -> Result<T, StoreError> {
        transact(self.deadline, || async {
            let mut transaction = self.pool.begin_with(BEGIN).await?;
            let mut before = Vec::new();
            for (_, key) in charge.slots() {
                before.push(read(&mut transaction, key).await?);
            }
            let mut after = before.clone();
            let result = f(&mut after);
            for kept in changed(charge, &before, &after) {
                write(&mut transaction, &kept).await?;
            }
            transaction.commit().await?;
            Ok(result)
        })
        .await
    }
}

async fn read(connection: &mut SqliteConnection, key: &Key) -> Result<Bucket, sqlx::Error> {
    let row = sqlx::query("SELECT count, total, at, members FROM auth_throttle WHERE key = $1")
        .bind(&key[..])
        .try_map(|row: SqliteRow| {
            super::rows::bucket(
                row.try_get("count")?,
                row.try_get("total")?,
                row.try_get("at")?,
                row.try_get("members")?,
            )
        })
        .fetch_optional(connection)
        .await?;
    Ok(row.unwrap_or_default())
}

async fn write(connection: &mut SqliteConnection, kept: &Kept) -> Result<(), sqlx::Error> {
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
    .execute(connection)
    .await
    .map(drop)
}

impl ThrottleStore for SqliteStore {
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> Answer<'a, Verdict> {
        Box::pin(self.with(charge, move |buckets| charge.decide(buckets, now)))
    }

    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(self.with(charge, move |buckets| {
            charge.settle(admission, settlement, buckets, now);
        }))
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        Box::pin(transact(self.deadline, move || async move {
            let deleted = sqlx::query(
                "DELETE FROM auth_throttle WHERE key IN
                 (SELECT key FROM auth_throttle WHERE forgotten_at <= $1 LIMIT $2)",
            )
            .bind(now.as_millis())
            .bind(i64::from(limit))
            .execute(&self.pool)
            .await?;
            Ok(deleted.rows_affected())
        }))
    }
}
