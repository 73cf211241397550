use super::*;

#[tokio::test]
async fn a_gate_without_limits_admits_all_and_still_tells() {
    let mut world = world();
    let store = Arc::new(MemoryStore::default());
    world.gate = world.gate.store_from_shared(Arc::clone(&store) as _);
    let limited = world.gate.clone();
    world.gate = world.gate.danger_unlimited();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    for _ in 0..200 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert!(world.succeed(&ann).await);
    assert!(store.is_empty(), "nothing is counted");
    let told = drain(&world.events);
    let fail = (EventKind::LoginFail, Some("wrong_password"), None);
    assert_eq!(told[..200], [fail; 200]);
    assert_eq!(told[200..], [(EventKind::LoginSuccess, None, None)]);
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    let known = ann.device(Some(cookie.value().expose_secret()));
    let permit = world.permit(&known).await;
    assert!(permit.trusted_device());
    // Setting it made another gate.
    world.gate = limited;
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert!(world.fail(&ann).await.is_err());
}

/// A store that is out of reach while it is told to be.
#[derive(Debug, Default)]
struct Flaky {
    inner: MemoryStore,
    down: std::sync::atomic::AtomicBool,
    asked: std::sync::atomic::AtomicU32,
}

impl Flaky {
    fn check(&self) -> Result<(), crate::store::StoreError> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match self.down.load(std::sync::atomic::Ordering::SeqCst) {
            true => Err(crate::store::StoreErrorKind::Unavailable.into()),
            false => Ok(()),
        }
    }
}

impl ThrottleStore for Flaky {
    fn charge<'a>(
        &'a self,
        charge: &'a Charge,
        now: Timestamp,
    ) -> crate::store::Answer<'a, Verdict> {
        Box::pin(async move {
            self.check()?;
            self.inner.charge(charge, now).await
        })
    }

    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> crate::store::Answer<'a, ()> {
        Box::pin(async move {
            self.check()?;
            self.inner.settle(charge, admission, settlement, now).await
        })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> crate::store::Answer<'_, u64> {
        self.inner.purge(now, limit)
    }
}

#[tokio::test]
async fn while_the_store_is_down_the_instance_counts_by_itself() {
    let mut world = world();
    let store = Arc::new(Flaky::default());
    world.gate = world.gate.store_from_shared(Arc::clone(&store) as _);
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
    assert_eq!(
        store.asked.load(std::sync::atomic::Ordering::SeqCst),
        6,
        "it is left alone for a second"
    );
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(29)));
    assert_eq!(store.asked.load(std::sync::atomic::Ordering::SeqCst), 7);
    let told = drain(&world.events);
    let fallback = (
        EventKind::ThrottleFallback,
        Some("store_unavailable"),
        Some(1),
    );
    assert_eq!(told.iter().filter(|event| **event == fallback).count(), 1);

    // Nor does a sign-in that was right while it is down leave anything behind here.
    let eve = Attempt::password(&world.tenant, "eve");
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(world.fail(&eve).await, Ok(()));
        }
        assert!(world.succeed(&eve).await);
    }
    // When it is back, what it knew still counts.
    store.down.store(false, std::sync::atomic::Ordering::SeqCst);
    let now = world.clock.now();
    world.clock.set(now.minus(MINUTE));
    assert!(world.fail(&ann).await.is_err());
    let asked = store.asked.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        asked, 8,
        "a clock that is set back does not make it rest for longer"
    );
    world.clock.set(now.plus(Duration::from_secs(1)));
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(28)));
    // A sign-in that was right stays right when only its refund fails.
    let bob = Attempt::password(&world.tenant, "bob");
    let permit = world.permit(&bob).await;
    store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    permit.succeeded(&"u-2".parse().unwrap(), None).await;
    let told = drain(&world.events);
    assert!(told.iter().any(|event| event.0 == EventKind::LoginSuccess));
}

#[tokio::test]
async fn a_flood_of_made_up_names_does_not_push_out_the_victims_counter() {
    let mut world = world();
    let store = Arc::new(MemoryStore::new(NonZeroUsize::new(100).unwrap()));
    world.gate = world.gate.store_from_shared(Arc::clone(&store) as _);
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    for n in 0..10_000 {
        let name = format!("name-{n}");
        let made_up = Attempt::password(&world.tenant, &name);
        assert_eq!(world.fail(&made_up).await, Ok(()));
        assert!(store.len() <= 100);
    }
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
    // And what nobody asks for again does not stay.
    world.clock.advance(6 * 24 * 60 * MINUTE);
    for n in 0..100 {
        let name = format!("later-{n}");
        let made_up = Attempt::password(&world.tenant, &name);
        assert_eq!(world.fail(&made_up).await, Ok(()));
    }
    assert_eq!(world.fail(&ann).await, Ok(()));
}
