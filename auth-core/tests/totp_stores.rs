//! All stores of second factors, put to the same test, against real servers.
#![cfg(all(feature = "totp", feature = "testing"))]

use std::sync::Arc;

use portcullis_auth_core::totp::MemoryStore;
use portcullis_auth_core::totp::testing::conformance;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    conformance(Arc::new(MemoryStore::default())).await;
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::time::Duration;

    use portcullis_auth_core::totp::sqlite::SqliteStore;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("totp.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(8);
        let pool = pool.connect_with(options).await.unwrap();
        let store = SqliteStore::new(pool).deadline(Duration::from_secs(30));
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        conformance(Arc::new(store)).await;
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::time::Duration;

    use portcullis_auth_core::totp::postgres::PostgresStore;
    use portcullis_test_services::Postgres;
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn postgres() {
        let Some(server) = Postgres::shared() else {
            return;
        };
        let database = server.database();
        // As some administrators have it, and as it would break every race.
        database.default_setting("default_transaction_isolation", "repeatable read");
        let pool = PgPoolOptions::new().max_connections(16);
        let pool = pool.connect(database.url()).await.unwrap();
        let store = PostgresStore::new(pool).deadline(Duration::from_secs(30));
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        conformance(Arc::new(store)).await;
    }
}
