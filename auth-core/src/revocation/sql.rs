//! What the SQL stores have in common.

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::Revocation;
use crate::time::Timestamp;

/// A row's place in the list, and what it says.
pub(super) fn read<R: Row>(row: &R) -> Result<(u64, Revocation), sqlx::Error>
where
    for<'c> &'c str: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let corrupt = || sqlx::Error::Decode("a revocation has a value that nobody wrote".into());
    let until = Timestamp::from_millis(row.try_get("ends_at")?).ok_or_else(corrupt)?;
    let what = row.try_get::<Vec<u8>, _>("what")?;
    let revocation = Revocation::from_bytes(&what, until).ok_or_else(corrupt)?;
    let place = u64::try_from(row.try_get::<i64, _>("place")?).map_err(|_| corrupt())?;
    Ok((place, revocation))
}

macro_rules! sql_store {
    (
        $(#[$docs:meta])*
        $store:ident, $pool:ty, $connection:ty,
        begin: $begin:expr, order: $order:expr, schema: $schema:expr
    ) => {
        use super::sql::read;
        use super::{BATCH, Changes, Cursor, Revocation, RevocationStore};
        use crate::sql::{pool_store, transact};
        use crate::store::Answer;
        use crate::time::Timestamp;

        pool_store!($(#[$docs])* $store, $pool, $schema);

        impl $store {
            /// Does what [`RevocationStore::add`] does within a transaction of the caller, so that a change and the end of the
            /// tokens from before it are one step: no crash leaves the one without the other. Until when it has to be
            /// remembered, [`Revocations::remembered_until`](super::Revocations::remembered_until) says; instances learn of it
            /// when they [read the list](super::Revocations::sync), for which the caller asks after the commit.
            ///
            /// # Errors
            ///
            /// When the database does not answer.
            pub async fn add_within(
                connection: &mut $connection,
                revocation: &Revocation,
            ) -> Result<(), sqlx::Error> {
                sqlx::query($order).execute(&mut *connection).await?;
                sqlx::query("INSERT INTO auth_revocations (what, ends_at) VALUES ($1, $2)")
                    .bind(&revocation.to_bytes()[..])
                    .bind(revocation.until().as_millis())
                    .execute(&mut *connection)
                    .await?;
                Ok(())
            }
        }

        impl RevocationStore for $store {
            fn add<'a>(&'a self, revocation: &'a Revocation, _now: Timestamp) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    Self::add_within(&mut transaction, revocation).await?;
                    transaction.commit().await
                }))
            }

            fn changes(&self, after: Cursor, now: Timestamp) -> Answer<'_, Changes> {
                let position = i64::try_from(after.position()).unwrap_or(i64::MAX);
                Box::pin(transact(self.deadline, move || async move {
                    let rows = sqlx::query(
                        "SELECT place, what, ends_at FROM auth_revocations
                         WHERE place > $1 AND ends_at > $2 ORDER BY place LIMIT $3",
                    )
                    .bind(position)
                    .bind(now.as_millis())
                    .bind(i64::from(BATCH))
                    .try_map(|row| read(&row))
                    .fetch_all(&self.pool)
                    .await?;
                    Ok(Changes {
                        cursor: rows.last().map_or(after, |(place, _)| Cursor::new(*place)),
                        more: rows.len() == usize::from(BATCH),
                        revocations: rows.into_iter().map(|(_, entry)| entry).collect(),
                    })
                }))
            }

            fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
                Box::pin(transact(self.deadline, move || async move {
                    let purged = sqlx::query(
                        "DELETE FROM auth_revocations WHERE place IN
                         (SELECT place FROM auth_revocations WHERE ends_at <= $1 LIMIT $2)",
                    )
                    .bind(now.as_millis())
                    .bind(i64::from(limit))
                    .execute(&self.pool)
                    .await?;
                    Ok(purged.rows_affected())
                }))
            }
        }
    };
}

pub(super) use sql_store;
