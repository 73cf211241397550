//! All stores of the throttle, put to the same test, against real servers.
#![cfg(all(feature = "throttle", feature = "testing"))]

mod pools;

pools::stores_conform!(throttle);

#[cfg(feature = "redis")]
mod redis {
    use std::sync::Arc;
    use std::time::Duration;

    use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
    use portcullis_auth_core::throttle::redis::RedisStore;
    use portcullis_auth_core::throttle::{
        Attempt, AuthGate, Decision, DeviceKeys, testing::store_conformance,
    };
    use portcullis_secrets::SecretBytes;
    use portcullis_test_services::Redis;

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
        store_conformance(Arc::new(store)).await;
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
