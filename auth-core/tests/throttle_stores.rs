//! All stores of the throttle, put to the same test, against real servers.
#![cfg(all(feature = "throttle", feature = "testing"))]

use std::sync::Arc;

use portcullis_auth_core::throttle::{MemoryStore, testing::conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory() {
    conformance(Arc::new(MemoryStore::default())).await;
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::time::Duration;

    use portcullis_auth_core::throttle::sqlite::SqliteStore;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("throttle.db"))
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

    use portcullis_auth_core::throttle::postgres::PostgresStore;
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

#[cfg(feature = "redis")]
mod redis {
    use std::time::Duration;

    use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
    use portcullis_auth_core::throttle::redis::RedisStore;
    use portcullis_auth_core::throttle::{Attempt, AuthGate, Decision, DeviceKeys};
    use portcullis_secrets::SecretBytes;
    use portcullis_test_services::Redis;

    use super::*;

    async fn connect(server: &Redis) -> ConnectionManager {
        let client = ::redis::Client::open(server.url()).expect("it is a url");
        let config = ConnectionManagerConfig::new().set_response_timeout(None);
        ConnectionManager::new_with_config(client, config)
            .await
            .expect("it answers")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn redis() {
        let Some(server) = Redis::shared() else {
            return;
        };
        let store = RedisStore::new(connect(server).await)
            .prefix(server.key_prefix())
            .deadline(Duration::from_secs(30));
        conformance(Arc::new(store)).await;
    }

    #[tokio::test]
    async fn a_redis_that_is_gone_does_not_stop_the_gate() {
        let Some(server) = Redis::start() else {
            return;
        };
        let store = RedisStore::new(connect(&server).await).deadline(Duration::from_secs(1));
        let key = SecretBytes::generate(32).unwrap();
        let devices = DeviceKeys::new(1, &key).unwrap();
        let gate = AuthGate::new(&key, devices).unwrap().store(store);
        let tenant = "acme".parse().unwrap();
        let attempt = Attempt::password(&tenant, "ann");
        assert!(matches!(gate.begin(&attempt).await, Decision::Permit(_)));
        drop(server);
        for _ in 0..5 {
            assert!(matches!(gate.begin(&attempt).await, Decision::Permit(_)));
        }
        assert!(matches!(gate.begin(&attempt).await, Decision::Limited(_)));
    }
}
