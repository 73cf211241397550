//! The stores of API keys do all that is asked of one, on real databases.
#![cfg(all(feature = "api-key", feature = "testing"))]

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    use std::sync::Arc;
    use std::time::Duration;

    use portcullis_auth_core::api_key::PostgresStore;
    use portcullis_auth_core::api_key::testing::store_conformance;
    use portcullis_test_services::Postgres;

    let Some(server) = Postgres::shared() else {
        return;
    };
    // Whatever an operator sets for all: see the isolation levels of the store.
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let database = server.database();
        database.default_setting("default_transaction_isolation", isolation);
        let pool = sqlx::PgPool::connect(database.url()).await.unwrap();
        let store = PostgresStore::new(pool.clone()).deadline(Duration::from_secs(30));
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        store_conformance(Arc::new(store)).await;
        pool.close().await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    use std::sync::Arc;
    use std::time::Duration;

    use portcullis_auth_core::api_key::SqliteStore;
    use portcullis_auth_core::api_key::testing::store_conformance;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("keys.db"))
        .journal_mode(SqliteJournalMode::Wal)
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap();
    let store = SqliteStore::new(pool).deadline(Duration::from_secs(30));
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store_conformance(Arc::new(store)).await;
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[tokio::test]
async fn a_database_that_cannot_be_reached_is_unavailable() {
    use portcullis_auth_core::api_key::ApiKeyStore;
    use portcullis_auth_core::store::StoreErrorKind;

    let id = "0123456789AB".parse().unwrap();
    #[cfg(feature = "postgres")]
    {
        // The port of discard, where nothing listens.
        let pool = sqlx::PgPool::connect_lazy("postgres://nobody:secret@127.0.0.1:9/none").unwrap();
        let store = portcullis_auth_core::api_key::PostgresStore::new(pool);
        let store = store.deadline(std::time::Duration::from_millis(50));
        let error = store.find(id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(!format!("{store:?} {error:?}").contains("secret"));
    }
    #[cfg(feature = "sqlite")]
    {
        let pool = sqlx::SqlitePool::connect_lazy("sqlite:/nowhere/at/all.db").unwrap();
        let store = portcullis_auth_core::api_key::SqliteStore::new(pool);
        let store = store.deadline(std::time::Duration::from_millis(50));
        let error = store.find(id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }
}
