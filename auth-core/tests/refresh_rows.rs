//! What a session leaves in a store: one row, or as many keys as at first, however often it is refreshed.
#![cfg(all(feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

use std::num::NonZeroUsize;
use std::sync::Arc;

use portcullis_auth_core::refresh::MemoryStore;
use refresh_support::{Shared, World, text};

/// AUTH case 17
const ROTATIONS: u32 = 10_000;

async fn rotate(store: Shared) {
    let world = World::new(store).await;
    let mut token = text(&world.login().await);
    for _ in 0..ROTATIONS {
        token = text(&world.refresh(&token).await.unwrap());
    }
}

#[tokio::test]
async fn ten_thousand_rotations_leave_one_family_in_memory() {
    let store = Arc::new(MemoryStore::new(NonZeroUsize::new(10).unwrap()));
    rotate(store.clone()).await;
    assert_eq!(store.len(), 1);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn ten_thousand_rotations_leave_one_row_in_sqlite() {
    let (store, pool) = refresh_support::sqlite_in_memory().await;
    rotate(store).await;
    assert_eq!(refresh_support::rows::sqlite(&pool).await, 1);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn ten_thousand_rotations_leave_one_row_in_postgres() {
    let Some(server) = portcullis_test_services::Postgres::shared() else {
        return;
    };
    let database = server.database();
    let (store, pool) = refresh_support::postgres_at(database.url()).await;
    rotate(store).await;
    assert_eq!(refresh_support::rows::postgres(&pool).await, 1);
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn ten_thousand_rotations_leave_one_session_in_redis() {
    let Some(server) = portcullis_test_services::Redis::shared() else {
        return;
    };
    let prefix = server.key_prefix();
    let (store, mut connection) = refresh_support::redis_at(server.url(), &prefix).await;
    rotate(store).await;
    let mut keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{prefix}*"))
        .query_async(&mut connection)
        .await
        .unwrap();
    keys.sort_unstable();
    // The family, its state, and the set of the subject's families. All of them expire.
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        let kept: i64 = redis::cmd("TTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        let month = 30 * 24 * 60 * 60;
        assert!((month..=month + 3600).contains(&kept), "{key}: {kept}");
    }
}

/// Redis forgets by itself, and must not forget a subject's sessions, or that they all have ended, before the last is over.
#[cfg(feature = "redis")]
#[tokio::test]
async fn what_a_subject_has_in_redis_lasts_as_long_as_its_longest_session() {
    use portcullis_auth_core::audit::Context;
    use portcullis_auth_core::refresh::{RefreshPolicy, RevokeReason};

    const DAY: i64 = 24 * 60 * 60;

    let Some(server) = portcullis_test_services::Redis::shared() else {
        return;
    };
    let prefix = server.key_prefix();
    let (store, mut connection) = refresh_support::redis_at(server.url(), &prefix).await;
    let short = RefreshPolicy::settings().aal2().build().unwrap();
    let short = World::with(store.clone(), short).await;
    let long = World::new(store).await;
    let mut kept = async |of: &str| {
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{prefix}*"))
            .query_async(&mut connection)
            .await
            .unwrap();
        let key = keys.iter().find(|key| key.ends_with(of)).unwrap();
        let seconds: i64 = redis::cmd("TTL")
            .arg(key)
            .query_async(&mut connection)
            .await
            .unwrap();
        // Rounded, as some of the last second is gone.
        (seconds + 60) / DAY
    };
    short.login().await;
    assert_eq!(kept("}:rt").await, 1);
    long.login().await;
    assert_eq!(kept("}:rt").await, 30);
    short.login().await;
    assert_eq!(kept("}:rt").await, 30);

    let (tenant, subject) = (&long.tenant, &long.subject);
    let (reason, context) = (RevokeReason::Administrator, Context::default());
    let ended = long
        .service
        .end_all(tenant, subject, None, reason, &context);
    assert_eq!(ended.await.unwrap().len(), 3);
    assert_eq!(kept("}:epoch").await, 400);
}
