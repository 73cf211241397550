//! Families in PostgreSQL: for any number of instances.
//!
//! Every change is a transaction at READ COMMITTED, whatever the database's default is: at REPEATABLE READ the losers of a race,
//! who only have to see what the winner wrote, would get errors.
//!
//! What a transaction depends on is set within it, so a pooler in transaction mode may stand between. Statements are prepared
//! by name; a pooler has to know that, as PgBouncer does from 1.21 on where `max_prepared_statements` is not zero.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Database, PgPool, Pool, Postgres, Transaction};

use super::flight::Flights;
use super::{
    Created, Family, Outcome, RefreshPolicy, RefreshStore, RevokeReason, Rotate, Rotation, State,
    SubjectRevoked, rows, sql,
};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::sql::{DEADLINE as READ_DEADLINE, transact};
use crate::store::{Answer, StoreError};
use crate::time::Timestamp;

/// The tables. [`PostgresStore::migrate`] makes them. Times are milliseconds since 1970.
pub const SCHEMA: &str = rows::schema!("BYTEA");

/// With a lock of its own, as two who make the same table are in each other's way. Any number will do.
const MIGRATE: [&str; 2] = ["SELECT pg_advisory_xact_lock(7012483190)", SCHEMA];

/// How a transaction begins in which sessions are changed: both statements in one go to the server. Who waits longer for a row
/// is told to come again, and keeps the token.
pub const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '2s'";
/// More than one wait for a lock.
const DEADLINE: Duration = Duration::from_secs(5);

/// Those who lose the race for a row wait here for the winner, find `gen` changed then, and match nothing.
///
/// The epoch is read from before the wait. That is right because whoever raises it ends the families in the same transaction.
const ROTATE: &str = "UPDATE auth_refresh_family AS family SET gen = gen + 1, rotated_at = $3, idle_expires_at = $4,
    grace_uses = 0
    WHERE id = $1 AND gen = $2 AND gen < 4294967295 AND revoked_at IS NULL AND $3 < idle_expires_at
    AND $3 < abs_expires_at AND subject_epoch >= COALESCE((SELECT epoch FROM auth_refresh_subject AS known
        WHERE known.tenant = family.tenant AND known.subject = family.subject), 0)
    RETURNING subject_epoch";

const FIND_LOCKED: &str = rows::FIND_FOR_UPDATE;

/// Families of one subject are made one after the other, or each would leave room for the others; and none is made while
/// all are being ended.
const EPOCH_LOCKED: &str =
    "SELECT epoch FROM auth_refresh_subject WHERE tenant = $1 AND subject = $2 FOR UPDATE";

const PURGE: &str = "DELETE FROM auth_refresh_family WHERE id IN
    (SELECT id FROM auth_refresh_family WHERE abs_expires_at < $1 ORDER BY abs_expires_at LIMIT $2
        FOR UPDATE SKIP LOCKED)";

/// Keeps families in PostgreSQL. See the [module docs](self).
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    flights: Flights,
}

impl PostgresStore {
    /// A store on a database that [`migrate`](Self::migrate) has prepared. After 5 s a change, and after 2 s a look, counts as
    /// out of reach; the count of sessions at a start after 60 s.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        let flights = Flights::default();
        Self { pool, flights }
    }

    async fn in_turn<T>(&self, family: Option<SessionId>, work: impl Future<Output = T>) -> T {
        match family {
            Some(id) => self.flights.alone(id, work).await,
            None => work.await,
        }
    }
}

/// What most requests need, without reading the row first. None if it is not that simple.
async fn rotate_at_once(
    tx: &mut Transaction<'_, Postgres>,
    request: &Rotate,
    now: Timestamp,
) -> Result<Option<Rotation>, sqlx::Error> {
    // The statement knows nothing of either.
    if request.is_mismatch() || !request.policy().coalesce_within.is_zero() {
        return Ok(None);
    }
    let token = request.token();
    let idle_expires_at = request.policy().idle_end(token.family(), now);
    let epoch: Option<i64> = sqlx::query_scalar(ROTATE)
        .bind(&token.family().id.as_bytes()[..])
        .bind(i64::from(token.generation()))
        .bind(now.as_millis())
        .bind(idle_expires_at.as_millis())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(epoch) = epoch else {
        return Ok(None);
    };
    let outcome = Outcome::Rotated;
    let state = State {
        generation: token.generation() + 1,
        rotated_at: Some(now),
        idle_expires_at,
        epoch: epoch.try_into().map_err(rows::decode)?,
        grace_uses: 0,
        revoked: None,
    };
    Ok(Some(Rotation { outcome, state }))
}

sql::store!(PostgresStore, Postgres);
