//! Revocations that are one step with what else is in the database.
#![cfg(all(feature = "revocation", feature = "sqlite"))]

use std::time::Duration;

use portcullis_auth_core::revocation::{
    Marks, Refused, Revocation, Revocations, SqliteStore, TokenLife,
};
use portcullis_auth_core::time::{Clock as _, SystemClock};
use sqlx::sqlite::SqlitePoolOptions;

#[tokio::test]
async fn tokens_end_when_the_transaction_is_committed() {
    // A database in memory is as old as its only connection.
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect("sqlite::memory:").await.unwrap();
    let store = SqliteStore::new(pool.clone());
    store.migrate().await.unwrap();
    let revocations = Revocations::builder(TokenLife::new(Duration::from_secs(600))).shared(store);
    let now = SystemClock.now();
    let until = revocations.remembered_until(now);
    assert!(until.since(now) >= Duration::from_secs(600));

    let (tenant, subject) = ("acme".parse().unwrap(), "ann".parse().unwrap());
    let below = Revocation::subject(&tenant, &subject, 7, until);
    let marks = |epoch| Marks::default().subject(&tenant, &subject, epoch);
    for committed in [false, true] {
        let mut transaction = pool.begin().await.unwrap();
        SqliteStore::add_within(&mut transaction, &below)
            .await
            .unwrap();
        if committed {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        revocations.sync().await.unwrap();
        let expected = if committed {
            Err(Refused::Revoked)
        } else {
            Ok(())
        };
        assert_eq!(revocations.check(&marks(6), now), expected);
        assert_eq!(revocations.check(&marks(7), now), Ok(()));
    }
}
