//! A store that is a pool with a deadline.

/// How those who make tables at the same time keep out of each other's way.
pub(crate) trait InTurn {
    const BEGIN: &'static str;
    const LOCK: Option<&'static str>;
}

#[cfg(feature = "sqlite")]
impl InTurn for sqlx::SqlitePool {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const LOCK: Option<&'static str> = None;
}

/// `IF NOT EXISTS` of PostgreSQL looks before it leaps, and two can look before one leaps.
#[cfg(feature = "postgres")]
impl InTurn for sqlx::PgPool {
    const BEGIN: &'static str = "BEGIN";
    const LOCK: Option<&'static str> =
        Some("SELECT pg_advisory_xact_lock(hashtext('portcullis-auth-migrate'))");
}

/// A store over `$pool` with the tables of `$schema`; the trait is the module's.
macro_rules! pool_store {
    ($(#[$docs:meta])* $store:ident, $pool:ty, $schema:expr) => {
        $(#[$docs])*
        #[derive(Clone, Debug)]
        pub struct $store {
            pool: $pool,
            deadline: std::time::Duration,
        }

        impl $store {
            /// A store with a deadline of two seconds.
            #[must_use]
            pub fn new(pool: $pool) -> Self {
                let deadline = $crate::sql::DEADLINE;
                Self { pool, deadline }
            }

            /// Sets how long the database may take before it counts as out of reach.
            #[must_use]
            pub fn deadline(self, deadline: std::time::Duration) -> Self {
                Self { deadline, ..self }
            }

            /// Makes the tables, if there are none. Instances that start at once do it in turn.
            ///
            /// # Errors
            ///
            /// When the database cannot be reached or refuses.
            pub async fn migrate(&self) -> Result<(), $crate::store::StoreError> {
                use sqlx::Executor as _;
                use $crate::sql::InTurn as _;

                $crate::sql::transact(self.deadline, || async {
                    let mut transaction = self.pool.begin_with(<$pool>::BEGIN).await?;
                    if let Some(lock) = <$pool>::LOCK {
                        transaction.execute(lock).await?;
                    }
                    transaction.execute($schema).await?;
                    transaction.commit().await
                })
                .await
            }
        }
    };
}

pub(crate) use pool_store;
