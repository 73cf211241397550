//! The store of both databases, written once. What differs is in the modules that use [`sql_store!`]: how rows are held until
//! the end of a transaction, and how many are written at once.

/// Writes `$store` over `$pool`. The module has to have `SCHEMA`, `BEGIN`, `PURGE`, and the functions `hold` and `write`.
macro_rules! sql_store {
    ($(#[$docs:meta])* $store:ident, $pool:ty) => {
        use $crate::sql::{pool_store, transact};
        use $crate::store::{Answer, StoreError};
        use $crate::throttle::{Admission, Settlement, ThrottleStore, Verdict, rows::changed};
        use $crate::time::Timestamp;

        pool_store!($(#[$docs])* $store, $pool, SCHEMA);

        impl $store {
            async fn with<T>(
                &self,
                charge: &Charge,
                f: impl Fn(&mut [Bucket]) -> T,
            ) -> Result<T, StoreError> {
                transact(self.deadline, || async {
                    let mut transaction = self.pool.begin_with(BEGIN).await?;
                    let before = hold(&mut transaction, charge).await?;
                    let mut after = before.clone();
                    let result = f(&mut after);
                    let changed = changed(charge, &before, &after);
                    if changed.is_empty() {
                        // Nor are rows kept that were made to be held.
                        transaction.rollback().await?;
                    } else {
                        write(&mut transaction, &changed).await?;
                        transaction.commit().await?;
                    }
                    Ok(result)
                })
                .await
            }
        }

        impl ThrottleStore for $store {
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
                    let purge = sqlx::query(PURGE)
                        .bind(now.as_millis())
                        .bind(i64::from(limit));
                    Ok(purge.execute(&self.pool).await?.rows_affected())
                }))
            }
        }
    };
}
pub(super) use sql_store;
