//! Families in SQLite: for one machine, any number of processes.
//!
//! A change is one transaction that takes the lock for writing when it begins. One that reads first and writes then would fail
//! at once, without waiting, if another had written in between.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Database, Pool, Sqlite, SqlitePool, Transaction};
use tokio::sync::Mutex;

use super::{
    Created, Family, RefreshPolicy, RefreshStore, RevokeReason, Rotate, Rotation, State,
    SubjectRevoked, rows, sql,
};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::sql::{DEADLINE as READ_DEADLINE, transact};
use crate::store::{Answer, StoreError};
use crate::time::Timestamp;

/// The tables. [`SqliteStore::migrate`] makes them. Times are milliseconds since 1970.
pub const SCHEMA: &str = rows::schema!("BLOB");

const MIGRATE: [&str; 1] = [SCHEMA];

/// How a transaction begins in which sessions are changed.
pub const BEGIN: &str = "BEGIN IMMEDIATE";
/// How long a writer waits for those of other processes.
const BUSY: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(6);

/// Whoever has begun holds the lock on all rows.
const FIND_LOCKED: &str = rows::FIND;
const EPOCH_LOCKED: &str = rows::EPOCH;

const PURGE: &str = "DELETE FROM auth_refresh_family WHERE id IN
    (SELECT id FROM auth_refresh_family WHERE abs_expires_at < $1 ORDER BY abs_expires_at LIMIT $2)";

/// Keeps families in SQLite. See the [module docs](self).
#[derive(Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
    /// There is one writer at a time in any case. Those of this process queue here, in turn and without a connection,
    /// instead of waking up now and then to look whether the file is free.
    writer: Mutex<()>,
}

impl SqliteStore {
    /// A store on a database that [`migrate`](Self::migrate) has prepared, with connections as
    /// [`options`](Self::options) makes them. After 6 s a change, and after 2 s a look, counts as out of reach; the count of
    /// sessions at a start after 60 s.
    #[must_use]
    pub fn new(pool: SqlitePool) -> Self {
        let writer = Mutex::new(());
        Self { pool, writer }
    }

    /// Sets what the store depends on: a write-ahead log, so that readers wait for nobody; every commit on disk before it
    /// is answered, since one that a power cut takes back makes good tokens look forged; 5 s of patience with other writers.
    #[must_use]
    pub fn options(options: SqliteConnectOptions) -> SqliteConnectOptions {
        options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
    }

    async fn in_turn<T>(&self, _family: Option<SessionId>, work: impl Future<Output = T>) -> T {
        let _turn = self.writer.lock().await;
        work.await
    }
}

/// There is no way to the server that could be spared: reading first is as fast.
async fn rotate_at_once(
    _tx: &mut Transaction<'_, Sqlite>,
    _request: &Rotate,
    _now: Timestamp,
) -> Result<Option<Rotation>, sqlx::Error> {
    Ok(None)
}

sql::store!(SqliteStore, Sqlite);
