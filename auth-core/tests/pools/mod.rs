//! Databases for stores that are put to the test.

use std::time::Duration;

/// Longer than anything takes on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A new file in `folder`, as services open it.
#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite(folder: &tempfile::TempDir) -> sqlx::SqlitePool {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("test.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(5));
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
