//! Sessions that end in one step with what else is in the database, or do not.
#![cfg(all(
    feature = "refresh",
    feature = "testing",
    any(feature = "postgres", feature = "sqlite")
))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

macro_rules! within {
    ($name:ident, $Store:ty, $begin:expr, $database:expr) => {
        mod $name {
            use portcullis_auth_core::audit::Context;
            use portcullis_auth_core::refresh::{LoginErrorKind, RefreshErrorKind, RevokeReason};
            use portcullis_auth_core::time::Clock as _;

            use super::refresh_support::{self, World, text};

            #[tokio::test]
            async fn sessions_end_when_the_transaction_is_committed() {
                let Some((store, pool, _guard)) = $database.await else {
                    return;
                };
                let world = World::new(store).await;
                let (acting, other) = (world.login().await, world.login().await);
                let epoch = world.service.epoch(&world.tenant, &world.subject).await;
                for committed in [false, true] {
                    let mut transaction = pool.begin_with($begin).await.unwrap();
                    let revoked = <$Store>::revoke_subject_within(
                        &mut transaction,
                        &world.tenant,
                        &world.subject,
                        Some(acting.session()),
                        RevokeReason::CredentialChange,
                        world.clock.now(),
                    );
                    assert_eq!(revoked.await.unwrap().ended, [other.session()]);
                    if committed {
                        transaction.commit().await.unwrap();
                        assert_eq!(
                            world.refused(&text(&other)).await,
                            RefreshErrorKind::Revoked
                        );
                    } else {
                        transaction.rollback().await.unwrap();
                        assert!(world.refresh(&text(&other)).await.is_ok());
                    }
                    assert!(world.refresh(&text(&acting)).await.is_ok());
                }
                let late = world
                    .service
                    .login(&world.who(), epoch.unwrap(), &Context::default())
                    .await;
                assert_eq!(late.unwrap_err().kind(), LoginErrorKind::EpochMoved);
            }

            #[tokio::test]
            async fn nothing_is_left_of_the_sessions_of_an_account_that_is_deleted() {
                let Some((store, pool, _guard)) = $database.await else {
                    return;
                };
                let world = World::new(store).await;
                let stranger = World {
                    subject: "u-2".parse().unwrap(),
                    ..world.clone()
                };
                let (first, second) = (world.login().await, world.login().await);
                let foreign = stranger.login().await;
                assert!(world.revoke(&text(&second)).await.is_some());
                let epoch = world.service.epoch(&world.tenant, &world.subject).await;
                let mut transaction = pool.begin_with($begin).await.unwrap();
                <$Store>::forget_subject_within(&mut transaction, &world.tenant, &world.subject)
                    .await
                    .unwrap();
                transaction.commit().await.unwrap();
                assert_eq!(refresh_support::rows::$name(&pool).await, 1);
                for gone in [&first, &second] {
                    assert_eq!(world.refused(&text(gone)).await, RefreshErrorKind::Invalid);
                }
                assert!(stranger.refresh(&text(&foreign)).await.is_ok());
                let late = world
                    .service
                    .login(&world.who(), epoch.unwrap(), &Context::default())
                    .await;
                assert_eq!(late.unwrap_err().kind(), LoginErrorKind::EpochMoved);
            }
        }
    };
}

#[cfg(feature = "sqlite")]
within! {
    sqlite,
    portcullis_auth_core::refresh::sqlite::SqliteStore,
    portcullis_auth_core::refresh::sqlite::BEGIN,
    async {
        let (store, pool) = refresh_support::sqlite_in_memory().await;
        Some((store, pool, ()))
    }
}

#[cfg(feature = "postgres")]
within! {
    postgres,
    portcullis_auth_core::refresh::postgres::PostgresStore,
    portcullis_auth_core::refresh::postgres::BEGIN,
    async {
        let database = portcullis_test_services::Postgres::shared()?.database();
        let (store, pool) = refresh_support::postgres_at(database.url()).await;
        Some((store, pool, database))
    }
}
