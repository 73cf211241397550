use super::*;

// AUTH case 41
#[tokio::test]
async fn a_revoked_key_ends_here_at_once_and_elsewhere_within_the_time_of_the_cache() {
    let fixture = Fixture::new();
    let other = fixture.instance();
    let key = fixture.key("orders:read").await;
    assert!(fixture.verify(&key).await.is_ok() && verify(&other, &key).await.is_ok());

    let ann = fixture.ann(&["editor"]);
    let revoke = async |tenant: &str| {
        let context = Context::default();
        let tenant = id(tenant);
        let revoked = fixture.keys.revoke(&tenant, key.key.id, &ann, &context);
        revoked.await.unwrap()
    };
    assert!(!revoke("globex").await);
    assert!(fixture.verify(&key).await.is_ok());
    fixture.clock.advance(29 * SECOND);
    assert!(revoke("acme").await);
    assert_eq!(
        fixture.verify(&key).await.unwrap_err(),
        VerifyErrorKind::Revoked
    );
    assert!(verify(&other, &key).await.is_ok());
    fixture.clock.advance(SECOND);
    assert_eq!(
        verify(&other, &key).await.unwrap_err(),
        VerifyErrorKind::Revoked
    );

    // Again is no news.
    assert!(revoke("acme").await);
    let revoked = fixture.events.take();
    let revoked = revoked
        .iter()
        .filter(|event| event.kind() == EventKind::ApiKeyRevoked);
    let revoked = revoked.collect::<Vec<_>>();
    assert_eq!(revoked.len(), 1);
    assert_eq!(
        revoked[0].actor_ref().and_then(|actor| actor.id()),
        Some("ann")
    );
    assert_eq!(revoked[0].key_id_ref(), Some(key.key.id.as_str()));
}

#[tokio::test]
async fn a_key_that_was_being_looked_up_while_it_was_revoked_is_not_remembered() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    let held = fixture.store.0.held.write().await;
    let text = key.secret.expose_secret().to_owned();
    let keys = fixture.keys.clone();
    let looking = tokio::spawn(async move {
        let context = Context::default();
        keys.verify(&text, None, &context).await.map(drop)
    });
    while fixture.store.0.reads.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let ann = fixture.ann(&["editor"]);
    let revoked = fixture.keys.revoke(acme(), key.key.id, &ann, anywhere());
    assert!(revoked.await.unwrap());
    drop(held);
    // It was read before it was revoked, and that is all it is good for.
    assert!(looking.await.unwrap().is_ok());
    assert_eq!(
        fixture.verify(&key).await.unwrap_err(),
        VerifyErrorKind::Revoked
    );
}

#[tokio::test]
async fn a_verified_key_is_not_looked_up_again_for_30_seconds() {
    let fixture = Fixture::new();
    let new = NewApiKey::new("short", id("orders:read")).lifetime(40 * SECOND);
    let key = fixture.create(new).await;
    let context = Context::default();
    let text = key.secret.expose_secret();
    assert!(fixture.keys.verify_cached(text, None, &context).is_none());
    assert!(fixture.verify(&key).await.is_ok());
    fixture.store.reads();
    fixture.clock.advance(29 * SECOND);
    assert!(fixture.verify(&key).await.is_ok());
    assert!(
        fixture
            .keys
            .verify_cached(text, None, &context)
            .unwrap()
            .is_ok()
    );
    assert_eq!(fixture.store.reads(), 0);
    fixture.clock.advance(SECOND);
    assert!(fixture.verify(&key).await.is_ok());
    assert_eq!(fixture.store.reads(), 1);
    // And never past its end, though less than 30 seconds have passed.
    fixture
        .clock
        .advance(10 * SECOND - Duration::from_millis(1));
    assert!(fixture.verify(&key).await.is_ok());
    fixture.clock.advance(Duration::from_millis(1));
    drop(fixture.events.take());
    assert_eq!(
        fixture.verify(&key).await.unwrap_err(),
        VerifyErrorKind::Expired
    );
    assert_eq!(told(&fixture.events), [("apikey_expired", Some("expired"))]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_key_live_longer() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    assert!(fixture.verify(&key).await.is_ok());
    fixture.store.reads();
    fixture.clock.set(fixture.clock.now().minus(DAY));
    assert!(fixture.verify(&key).await.is_ok());
    assert_eq!(fixture.store.reads(), 1);
}

#[tokio::test]
async fn the_cache_has_a_limit_and_lets_go_of_the_oldest() {
    let fixture = Fixture::new();
    let small = ApiKeys::builder(
        KeyFormat::new("acme", Environment::Live).unwrap(),
        fixture.peppers.clone(),
        ISSUER,
        fixture.store.clone(),
        Everybody(fixture.rights.clone()),
    )
    .clock(fixture.clock.clone())
    .audit(fixture.events.clone())
    .max_per_owner(1000)
    .cache_capacity(std::num::NonZeroUsize::new(32).unwrap())
    .build();
    let ann = fixture.ann(&["editor"]);
    for _ in 0..100 {
        let new = NewApiKey::new("one of many", id("orders:read"));
        let key = small.create(new, &ann, anywhere()).await.unwrap();
        assert!(verify(&small, &key).await.is_ok());
        // What was just verified is always there.
        let text = key.secret.expose_secret();
        assert!(small.verify_cached(text, None, anywhere()).is_some());
        fixture.clock.advance(Duration::from_millis(1));
    }
    let shown = format!("{small:?}");
    let kept = shown.split("Cache { keys: ").nth(1).unwrap();
    let kept: usize = kept.split(',').next().unwrap().parse().unwrap();
    assert!((16..=32).contains(&kept), "{shown}");
}
