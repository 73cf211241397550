//! The stores of revocations do all that is asked of one, on real servers.
#![cfg(all(feature = "revocation", feature = "testing"))]

mod pools;

pools::stores_conform!(revocation);

#[cfg(feature = "redis")]
mod redis {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use portcullis_auth_core::audit::Context;
    use portcullis_auth_core::id::SessionId;
    use portcullis_auth_core::revocation::{
        Cursor, Marks, RedisStore, Refused, Revocation, RevocationStore, Revocations, TokenLife,
        testing::store_conformance,
    };
    use portcullis_auth_core::store::StoreErrorKind;
    use portcullis_auth_core::testing::ManualClock;
    use portcullis_auth_core::time::{Clock, SystemClock};
    use portcullis_test_services::Redis;

    const SECOND: Duration = Duration::from_secs(1);

    async fn connect(server: &Redis, prefix: &str) -> RedisStore {
        let client = ::redis::Client::open(server.url()).expect("it is a url");
        let store = RedisStore::connect(client, prefix).await;
        store.expect("it answers").deadline(30 * SECOND)
    }

    async fn until(condition: impl Fn() -> bool) {
        let deadline = Instant::now() + 20 * SECOND;
        while !condition() {
            assert!(Instant::now() < deadline, "it does not happen");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn redis_conforms() {
        let Some(server) = Redis::shared() else {
            return;
        };
        store_conformance(Arc::new(connect(server, &server.key_prefix()).await)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_is_told_to_all_who_wait_without_a_poll() {
        let Some(server) = Redis::shared() else {
            return;
        };
        let prefix = server.key_prefix();
        let (a, b) = (
            connect(server, &prefix).await,
            connect(server, &prefix).await,
        );
        let c = connect(server, &prefix).await;
        let until = SystemClock.now().plus(60 * SECOND);
        for _ in 0..3 {
            let revocation = Revocation::session(SessionId::generate(), until);
            a.add(&revocation, SystemClock.now()).await.unwrap();
            for waiting in [&b, &c] {
                tokio::time::timeout(20 * SECOND, waiting.changed())
                    .await
                    .unwrap();
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_instance_revokes_others_see_and_those_that_start_later() {
        let Some(server) = Redis::shared() else {
            return;
        };
        let prefix = server.key_prefix();
        let instance = async || {
            Revocations::builder(TokenLife::new(600 * SECOND))
                .shared(connect(server, &prefix).await)
        };
        let (a, b) = (instance().await, instance().await);
        let following = [a.clone(), b.clone()].map(|each| tokio::spawn(each.follow()));
        let now = || SystemClock.now();
        until(|| b.check(&Marks::default(), now()).is_ok()).await;

        let anywhere = Context::default();
        let session = SessionId::generate();
        let marks = Marks::default().session(session);
        assert_eq!(b.check(&marks, now()), Ok(()));
        a.revoke_session(session, &anywhere).await.unwrap();
        assert_eq!(a.check(&marks, now()), Err(Refused::Revoked));
        until(|| b.check(&marks, now()) == Err(Refused::Revoked)).await;

        let (tenant, subject) = ("acme".parse().unwrap(), "ann".parse().unwrap());
        let revoked = b.revoke_subject(&tenant, &subject, 7, &anywhere);
        revoked.await.unwrap();
        let old = Marks::default().subject(&tenant, &subject, 6);
        until(|| a.check(&old, now()) == Err(Refused::Revoked)).await;
        let new = Marks::default().subject(&tenant, &subject, 7);
        assert_eq!(a.check(&new, now()), Ok(()));

        let late = instance().await;
        late.sync().await.unwrap();
        assert_eq!(late.check(&marks, now()), Err(Refused::Revoked));
        assert_eq!(late.check(&old, now()), Err(Refused::Revoked));
        for task in following {
            task.abort();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_list_that_was_lost_and_began_anew_is_read_from_its_beginning() {
        let Some(server) = Redis::start() else {
            return;
        };
        let store = connect(&server, "lost").await;
        let now = SystemClock.now();
        let session = || Revocation::session(SessionId::generate(), now.plus(60 * SECOND));
        for _ in 0..5 {
            store.add(&session(), now).await.unwrap();
        }
        let read = store.changes(Cursor::default(), now).await.unwrap();
        assert_eq!(read.revocations.len(), 5);

        let client = ::redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        ::redis::cmd("FLUSHALL")
            .exec_async(&mut connection)
            .await
            .unwrap();
        let new = session();
        store.add(&new, now).await.unwrap();
        let read = store.changes(read.cursor, now).await.unwrap();
        assert_eq!(read.revocations, [new]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_over_goes_when_something_is_added() {
        let Some(server) = Redis::shared() else {
            return;
        };
        let store = connect(server, &server.key_prefix()).await;
        let now = SystemClock.now();
        let session = |until| Revocation::session(SessionId::generate(), until);
        for _ in 0..10 {
            store.add(&session(now.plus(SECOND)), now).await.unwrap();
        }
        let lasting = session(now.plus(60 * SECOND));
        store.add(&lasting, now.plus(SECOND)).await.unwrap();
        let list = store.changes(Cursor::default(), now).await.unwrap();
        assert_eq!(list.revocations, [lasting]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_are_told_again_after_a_connection_was_lost() {
        let Some(server) = Redis::start() else {
            return;
        };
        let (teller, store) = (connect(&server, "cut").await, connect(&server, "cut").await);
        let client = ::redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut kill = ::redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("pubsub");
        kill.exec_async(&mut connection).await.unwrap();
        // That the connection is gone is told as well: something may have been missed.
        let told = async || tokio::time::timeout(20 * SECOND, store.changed()).await;
        told().await.unwrap();

        let now = SystemClock.now();
        let revocation = Revocation::session(SessionId::generate(), now.plus(60 * SECOND));
        let deadline = Instant::now() + 20 * SECOND;
        while store.changes(Cursor::default(), now).await.is_err()
            || teller.add(&revocation, now).await.is_err()
        {
            assert!(Instant::now() < deadline, "it does not come back");
        }
        told().await.unwrap();
        let read = store.changes(Cursor::default(), now).await.unwrap();
        assert!(read.revocations.contains(&revocation));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redis_that_is_gone_is_not_believed_for_long() {
        let Some(server) = Redis::start() else {
            return;
        };
        let client = ::redis::Client::open(server.url()).unwrap();
        let store = RedisStore::connect(client.clone(), "gone").await.unwrap();
        let clock = ManualClock::default();
        let revocations = Revocations::builder(TokenLife::new(600 * SECOND))
            .clock(clock.clone())
            .shared(store);
        revocations.sync().await.unwrap();
        drop(server);
        let error = revocations.sync().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let marks = Marks::default().session(SessionId::generate());
        assert_eq!(revocations.check(&marks, clock.now()), Ok(()));
        clock.advance(30 * SECOND + Duration::from_millis(1));
        assert_eq!(
            revocations.check(&marks, clock.now()),
            Err(Refused::Unavailable)
        );
        let error = RedisStore::connect(client, "gone").await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }
}
