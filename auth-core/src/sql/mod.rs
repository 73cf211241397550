//! What the SQL stores have in common: a deadline, another try after a lost race, and what their errors mean.

#[cfg(any(
    feature = "api-key",
    feature = "revocation",
    feature = "throttle",
    feature = "totp"
))]
mod pool;

use std::time::Duration;

use tokio::time::{sleep, timeout};

#[cfg(any(
    feature = "api-key",
    feature = "revocation",
    feature = "throttle",
    feature = "totp"
))]
pub(crate) use self::pool::{InTurn, pool_store};
use crate::store::{StoreError, StoreErrorKind};

/// How long a store may take, unless it is told otherwise: less than clients wait, more than a busy database needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

const TRIES: u32 = 4;

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
