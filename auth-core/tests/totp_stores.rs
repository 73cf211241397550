//! All stores of second factors, put to the same test, against real servers.
#![cfg(all(feature = "totp", feature = "testing"))]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod pools;

use std::sync::Arc;

use portcullis_auth_core::totp::MemoryStore;
use portcullis_auth_core::totp::testing::store_conformance;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    store_conformance(Arc::new(MemoryStore::default())).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    use portcullis_auth_core::totp::sqlite::SqliteStore;

    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(pools::sqlite(&folder).await).deadline(pools::PATIENCE);
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store_conformance(Arc::new(store)).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    use portcullis_auth_core::totp::postgres::PostgresStore;

    let Some(server) = portcullis_test_services::Postgres::shared() else {
        return;
    };
    let database = server.database();
    let store = PostgresStore::new(pools::postgres(&database).await).deadline(pools::PATIENCE);
    let migrations = [(); 8].map(|()| {
        let store = store.clone();
        tokio::spawn(async move { store.migrate().await })
    });
    for migration in migrations {
        migration.await.unwrap().unwrap();
    }
    store_conformance(Arc::new(store)).await;
}
