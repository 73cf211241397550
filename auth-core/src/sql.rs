//! What the SQL stores have in common: a deadline, another try after a lost race, and what their errors mean.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::store::{StoreError, StoreErrorKind};

/// How long a store may take, unless it is told otherwise: less than clients wait, more than a busy database needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

const TRIES: u32 = 4;

/// How those who make tables at the same time keep out of each other's way.
#[cfg(any(
    feature = "api-key",
    feature = "revocation",
    feature = "throttle",
    feature = "totp"
))]
pub(crate) trait InTurn {
    const BEGIN: &'static str;
    const LOCK: Option<&'static str>;
}

#[cfg(all(
    feature = "sqlite",
    any(
        feature = "api-key",
        feature = "revocation",
        feature = "throttle",
        feature = "totp"
    )
))]
impl InTurn for sqlx::SqlitePool {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const LOCK: Option<&'static str> = None;
}

/// `IF NOT EXISTS` of PostgreSQL looks before it leaps, and two can look before one leaps.
#[cfg(all(
    feature = "postgres",
    any(
        feature = "api-key",
        feature = "revocation",
        feature = "throttle",
        feature = "totp"
    )
))]
impl InTurn for sqlx::PgPool {
    const BEGIN: &'static str = "BEGIN";
    const LOCK: Option<&'static str> =
        Some("SELECT pg_advisory_xact_lock(hashtext('portcullis-auth-migrate'))");
}

/// A store over `$pool` with the tables of `$schema`; the trait is the module's.
#[cfg(any(
    feature = "api-key",
    feature = "revocation",
    feature = "throttle",
    feature = "totp"
))]
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

#[cfg(any(
    feature = "api-key",
    feature = "revocation",
    feature = "throttle",
    feature = "totp"
))]
pub(crate) use pool_store;

/// Runs `transaction` until it is through, a few times if others are in its way, and not past `deadline`. What it began and
/// did not finish is rolled back.
pub(crate) async fn transact<T, F>(
    deadline: Duration,
    transaction: impl Fn() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let tries = async {
        let mut tries = 1;
        loop {
            let error = match transaction().await {
                Ok(done) => return Ok(done),
                Err(error) => failed(error),
            };
            if error.kind() != StoreErrorKind::Contended || tries == TRIES {
                return Err(error);
            }
            // Those who were in each other's way should not meet again: up to 16 ms, of which the last try waits longest.
            let jitter = getrandom::u32().unwrap_or_default() % (4 << tries);
            sleep(Duration::from_millis(u64::from(jitter))).await;
            tries += 1;
        }
    };
    match timeout(deadline, tries).await {
        Ok(result) => result,
        Err(late) => Err(StoreError::new(StoreErrorKind::Unavailable, late)),
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    let kind = match &error {
        sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_) => StoreErrorKind::Corrupt,
        sqlx::Error::Database(error) if error.code().is_some_and(|code| contended(&code)) => {
            StoreErrorKind::Contended
        }
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

/// `serialization_failure`, `deadlock_detected` and `lock_not_available` of PostgreSQL; `SQLITE_BUSY`, its extended forms and
/// `SQLITE_LOCKED` of SQLite.
fn contended(code: &str) -> bool {
    matches!(
        code,
        "40001" | "40P01" | "55P03" | "5" | "261" | "517" | "773" | "6" | "262"
    )
}
