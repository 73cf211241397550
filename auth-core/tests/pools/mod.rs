//! Databases for stores that are put to the test, and the test.

/// The stores of a module, each put to the module's own test; the SQL stores on real databases, whose tables several instances
/// make at once.
macro_rules! stores_conform {
    ($module:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn memory_conforms() {
            use portcullis_auth_core::$module::{MemoryStore, testing::store_conformance};

            store_conformance(std::sync::Arc::new(MemoryStore::default())).await;
        }

        #[cfg(feature = "sqlite")]
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn sqlite_conforms() {
            use portcullis_auth_core::$module::{sqlite::SqliteStore, testing::store_conformance};

            let folder = tempfile::tempdir().unwrap();
            let pool = $crate::pools::sqlite(&folder).await;
            let store = SqliteStore::new(pool).deadline($crate::pools::PATIENCE);
            store.migrate().await.unwrap();
            store.migrate().await.unwrap();
            store_conformance(std::sync::Arc::new(store)).await;
        }

        #[cfg(feature = "postgres")]
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn postgres_conforms() {
            use portcullis_auth_core::$module::{
                postgres::PostgresStore, testing::store_conformance,
            };

            let Some(server) = portcullis_test_services::Postgres::shared() else {
                return;
            };
            let database = server.database();
            let pool = $crate::pools::postgres(&database).await;
            let store = PostgresStore::new(pool).deadline($crate::pools::PATIENCE);
            let migrations = [(); 8].map(|()| {
                let store = store.clone();
                tokio::spawn(async move { store.migrate().await })
            });
            for migration in migrations {
                migration.await.unwrap().unwrap();
            }
            store_conformance(std::sync::Arc::new(store)).await;
        }
    };
}
pub(crate) use stores_conform;

/// Longer than anything takes on a machine that does much else.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A new file in `folder`, as services open it.
#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite(folder: &tempfile::TempDir) -> sqlx::SqlitePool {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("test.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(std::time::Duration::from_secs(5));
    let pool = SqlitePoolOptions::new().max_connections(8);
    let pool = pool.connect_with(options).await;
    pool.expect("the file can be made")
}

/// `database`, with the isolation that some administrators set for all, and that would break every race.
#[cfg(feature = "postgres")]
pub(crate) async fn postgres(database: &portcullis_test_services::Database<'_>) -> sqlx::PgPool {
    database.default_setting("default_transaction_isolation", "repeatable read");
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(16);
    pool.connect(database.url()).await.expect("it answers")
}
