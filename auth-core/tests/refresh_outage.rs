//! Databases that do not answer: nobody loses a session for it.
#![cfg(all(
    feature = "refresh",
    feature = "testing",
    any(feature = "postgres", feature = "redis")
))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use portcullis_auth_core::refresh::{RefreshError, RefreshErrorKind};

fn assert_unavailable(error: &RefreshError) {
    assert_eq!(error.kind(), RefreshErrorKind::Unavailable);
    assert!(!error.kind().is_invalid_grant());
    assert!(error.retry_after().is_some());
}

#[cfg(feature = "postgres")]
mod postgres_store {
    use portcullis_test_services::Postgres;

    use super::assert_unavailable;
    use super::refresh_support::{self, World, text};

    #[tokio::test]
    async fn a_row_that_others_hold_for_too_long_costs_no_session() {
        let Some(server) = Postgres::shared() else {
            return;
        };
        let database = server.database();
        let (store, pool) = refresh_support::postgres_at(database.url()).await;
        let world = World::new(store).await;
        let first = text(&world.login().await);
        let mut others = pool.begin().await.unwrap();
        sqlx::query("SELECT 1 FROM auth_refresh_family FOR UPDATE")
            .execute(&mut *others)
            .await
            .unwrap();
        assert_unavailable(&world.refresh(&first).await.unwrap_err());
        others.rollback().await.unwrap();
        assert!(!world.refresh(&first).await.unwrap().is_replay());
    }

    #[tokio::test]
    async fn a_database_that_is_gone_costs_no_session() {
        let Some(server) = Postgres::start() else {
            return;
        };
        let database = server.database();
        let (store, _) = refresh_support::postgres_at(database.url()).await;
        let world = World::new(store).await;
        let first = text(&world.login().await);
        drop(database);
        drop(server);
        assert_unavailable(&world.refresh(&first).await.unwrap_err());
    }
}

#[cfg(feature = "redis")]
mod redis_store {
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::time::Duration;

    use portcullis_auth_core::refresh::redis::RedisStore;
    use portcullis_auth_core::refresh::{RefreshKeys, RefreshPolicy};
    use portcullis_secrets::SecretBytes;
    use portcullis_test_services::Redis;

    use super::refresh_support::{self, World, text};
    use super::{RefreshErrorKind, assert_unavailable};

    #[tokio::test]
    async fn a_redis_that_is_gone_costs_no_session() {
        let Some(server) = Redis::start() else {
            return;
        };
        let (store, _) = refresh_support::redis_at(server.url(), "").await;
        let world = World::new(store).await;
        let first = text(&world.login().await);
        drop(server);
        assert_unavailable(&world.refresh(&first).await.unwrap_err());
    }

    #[tokio::test]
    async fn a_redis_that_forgot_the_scripts_is_told_them_again() {
        let Some(server) = Redis::start() else {
            return;
        };
        let (store, mut connection) = refresh_support::redis_at(server.url(), "").await;
        let world = World::new(store).await;
        let mut token = text(&world.login().await);
        for _ in 0..3 {
            let flush = redis::cmd("SCRIPT").arg("FLUSH").to_owned();
            let () = flush.query_async(&mut connection).await.unwrap();
            token = text(&world.refresh(&token).await.unwrap());
        }
    }

    /// A rotation that no replica has is not answered, and not lost either: it is the one that is answered later.
    #[tokio::test]
    async fn a_rotation_is_answered_when_replicas_have_it() {
        let (Some(primary), Some(replica)) = (Redis::start(), Redis::start()) else {
            return;
        };
        let (_, mut connection) = refresh_support::redis_at(primary.url(), "").await;
        let one = NonZeroU32::MIN;
        let keys = RefreshKeys::new(1, &SecretBytes::generate(32).unwrap()).unwrap();
        let policy = RefreshPolicy::default();
        let plain = RedisStore::new(connection.clone());
        let careful = plain.clone().replicas(one, Duration::from_millis(100));
        let plain = World::of(Arc::new(plain), keys.clone(), policy).await;
        let careful = World::of(Arc::new(careful), keys, policy).await;

        let first = text(&plain.login().await);
        assert_unavailable(&careful.refresh(&first).await.unwrap_err());
        let unsent = plain.refresh(&first).await.unwrap();
        assert!(unsent.is_replay());
        // What nobody is told of twice is told at once: a theft.
        let stolen = text(&plain.login().await);
        let next = text(&plain.refresh(&stolen).await.unwrap());
        plain.refresh(&next).await.unwrap();
        assert_eq!(careful.refused(&stolen).await, RefreshErrorKind::Reuse);

        let address = primary.url().rsplit_once('@').unwrap().1;
        let (host, port) = address.split_once(':').unwrap();
        let password = primary.url().split([':', '@']).nth(2).unwrap();
        let (_, mut follower) = refresh_support::redis_at(replica.url(), "").await;
        let mut commands = redis::pipe();
        commands
            .cmd("CONFIG")
            .arg("SET")
            .arg("masterauth")
            .arg(password);
        commands.cmd("REPLICAOF").arg(host).arg(port);
        let () = commands.query_async(&mut follower).await.unwrap();
        // Until the replica follows: the command itself does the waiting.
        let mut probe = redis::pipe();
        probe.set("probe", 1).ignore();
        probe.cmd("WAIT").arg(1).arg(300);
        let mut followers = 0_u32;
        for _ in 0..100 {
            (followers,) = probe.query_async(&mut connection).await.unwrap();
            if followers > 0 {
                break;
            }
        }
        assert_eq!(followers, 1);
        // A replica that is slow for once makes it a matter of another try, and not of another token.
        let mut second = careful.refresh(&text(&unsent)).await;
        for _ in 0..50 {
            if second.is_ok() {
                break;
            }
            assert_unavailable(&second.unwrap_err());
            second = careful.refresh(&text(&unsent)).await;
        }
        let second = text(&second.unwrap());
        assert_ne!(second, text(&unsent));
        assert_eq!(text(&plain.refresh(&text(&unsent)).await.unwrap()), second);
    }
}
