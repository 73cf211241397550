use super::*;

// AUTH case 41
#[tokio::test]
async fn a_changed_character_costs_no_look_into_the_store() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    let text = key.secret.expose_secret();
    fixture.store.reads();
    for place in 0..text.len() {
        let mut changed = text.as_bytes().to_vec();
        changed[place] = if changed[place] == b'a' { b'b' } else { b'a' };
        let changed = String::from_utf8(changed).unwrap();
        let error = fixture.keys.verify(&changed, None, anywhere());
        assert_eq!(error.await.unwrap_err().kind(), VerifyErrorKind::Malformed);
    }
    assert_eq!(fixture.store.reads(), 0);
    assert_eq!(told(&fixture.events).len(), text.len());
    assert!(fixture.verify(&key).await.is_ok());
    assert_eq!(fixture.store.reads(), 1);
}

// AUTH case 42, as far as it is not HTTP
#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_to_the_log_and_not_to_the_caller() {
    let fixture = Fixture::new();
    let (_, unknown) = fixture.keys.format().generate().unwrap();
    let key = fixture.key("orders:read").await;
    let context = Context::default();
    let verify = async |text: &str, tenant: &str| {
        let tenant = id(tenant);
        let error = fixture
            .keys
            .verify(text, Some(&tenant), &context)
            .await
            .unwrap_err();
        (error.kind(), error.to_string())
    };
    let said = "the api key is not valid".to_owned();
    let kind = VerifyErrorKind::Unknown;
    assert_eq!(
        verify(unknown.expose_secret(), "acme").await,
        (kind, said.clone())
    );
    let kind = VerifyErrorKind::Malformed;
    assert_eq!(verify("nonsense", "acme").await, (kind, said.clone()));
    drop(fixture.events.take());

    let other = VerifyErrorKind::OtherTenant;
    let text = key.secret.expose_secret();
    assert_eq!(verify(text, "globex").await, (other, said.clone()));
    // From the cache as well.
    assert!(
        fixture
            .keys
            .verify(text, Some(acme()), &context)
            .await
            .is_ok()
    );
    assert_eq!(verify(text, "globex").await, (other, said));
    let events = fixture.events.take();
    let told = events
        .iter()
        .filter(|event| event.reason_ref() == Some("other_tenant"));
    let told = told.map(Event::severity_ref).collect::<Vec<_>>();
    assert_eq!(told, [Severity::High; 2]);
    // Nobody is told the key.
    let secret = &text[23..];
    assert!(!format!("{events:?}").contains(secret));
    let shown = format!("{:?} {key:?} {:?}", fixture.keys, fixture.store);
    assert!(!shown.contains(secret), "{shown}");
}

#[tokio::test]
async fn the_right_id_with_another_secret_is_unknown() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    // Somebody knows the id, and how checksums are made.
    let forged = format!("acme_live_{}_{}", key.key.id, "x".repeat(43));
    let sum = base62::digits(crc32fast::hash(forged.as_bytes()));
    let forged = format!("{forged}{}", String::from_utf8_lossy(&sum));
    let error = fixture.keys.verify(&forged, None, anywhere());
    assert_eq!(error.await.unwrap_err().kind(), VerifyErrorKind::Unknown);
    assert_eq!(
        told(&fixture.events),
        [("apikey_rejected", Some("unknown"))]
    );
}

#[tokio::test]
async fn a_key_is_used_from_its_networks_only() {
    let fixture = Fixture::new();
    let new =
        NewApiKey::new("ci", id("orders:read")).networks([id("192.0.2.0/24"), id("2001:db8::/32")]);
    let key = fixture.create(new).await;
    let from = async |ip: Option<&str>| {
        let context = match ip {
            Some(ip) => Context::default().ip(id(ip)),
            None => Context::default(),
        };
        let text = key.secret.expose_secret();
        let verified = fixture.keys.verify(text, None, &context).await;
        verified
            .map(drop)
            .map_err(|error| (error.kind(), error.to_string()))
    };
    let refused = Err((
        VerifyErrorKind::Address,
        "the api key may not be used from this address".to_owned(),
    ));
    // Twice, without and with the cache.
    assert_eq!(from(Some("198.51.100.7")).await, refused);
    assert_eq!(from(Some("192.0.2.7")).await, Ok(()));
    assert_eq!(from(Some("::ffff:192.0.2.7")).await, Ok(()));
    assert_eq!(from(Some("2001:db8::7")).await, Ok(()));
    assert_eq!(from(Some("198.51.100.7")).await, refused);
    assert_eq!(from(None).await, refused);

    // Of a key that is no key here, or none any more, nobody learns that it has networks.
    let elsewhere = Context::default().ip(id("198.51.100.7"));
    let globex = id("globex");
    let text = key.secret.expose_secret();
    let other = fixture.keys.verify(text, Some(&globex), &elsewhere);
    assert_eq!(
        other.await.unwrap_err().kind(),
        VerifyErrorKind::OtherTenant
    );
    let ann = fixture.ann(&["editor"]);
    let revoked = fixture.keys.revoke(acme(), key.key.id, &ann, anywhere());
    assert!(revoked.await.unwrap());
    let (kind, said) = from(Some("198.51.100.7")).await.unwrap_err();
    assert_eq!(kind, VerifyErrorKind::Revoked);
    assert_eq!(said, "the api key is not valid");
}

#[tokio::test]
async fn a_key_can_do_what_its_scopes_say_and_its_owner_may() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:*").await;
    let verified = fixture.verify(&key).await.unwrap();
    assert!(fixture.may(&verified, "orders:write") && !fixture.may(&verified, "users:read"));
    assert_eq!(verified.principal().issuer_ref(), ISSUER);
    assert_eq!(verified.principal().tenant_ref(), Some(acme()));
    let credential = Credential::ApiKey(key.key.id.as_str().into());
    assert_eq!(*verified.principal().credential_ref(), credential);
    // Nobody signed in, and roles are not handed on.
    for requirement in [
        Requirement::default().aal(crate::roles::Aal::One),
        Requirement::default().max_age(DAY),
        Requirement::default().role("editor"),
    ] {
        let principal = verified.principal();
        assert!(
            requirement
                .check(principal, None, fixture.clock.now())
                .is_err()
        );
    }

    // The owner becomes a viewer: at once where that is told, within 30 seconds where it is not.
    *fixture.rights.lock().unwrap() = Some(fixture.roles.access(["viewer"]));
    let other = fixture.instance();
    assert!(fixture.may(&fixture.verify(&key).await.unwrap(), "orders:write"));
    assert!(!fixture.may(&verify(&other, &key).await.unwrap(), "orders:write"));
    fixture.keys.forget_owner(acme(), &id("ann"));
    let verified = fixture.verify(&key).await.unwrap();
    assert!(fixture.may(&verified, "orders:read") && !fixture.may(&verified, "orders:write"));

    // The owner is disabled.
    *fixture.rights.lock().unwrap() = None;
    fixture.clock.advance(30 * SECOND);
    assert_eq!(
        fixture.verify(&key).await.unwrap_err(),
        VerifyErrorKind::OwnerDisabled
    );
}

/// Waits for what is done beside the requests.
async fn until(condition: impl AsyncFn() -> bool) {
    let deadline = std::time::Instant::now() + 10 * SECOND;
    while !condition().await {
        assert!(std::time::Instant::now() < deadline, "it does not happen");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn uses_are_written_beside_the_request_and_once_a_minute() {
    let fixture = Fixture::new();
    let other = fixture.instance();
    let key = fixture.key("orders:read").await;
    let last_used = async || {
        let key = fixture.keys.get(acme(), key.key.id).await.unwrap();
        key.unwrap().last_used_at
    };
    let start = fixture.clock.now();
    for _ in 0..100 {
        assert!(fixture.verify(&key).await.is_ok());
    }
    until(async || last_used().await == Some(start)).await;
    assert_eq!(told(&fixture.events), [("apikey_used_first", None)]);
    assert_eq!(fixture.store.0.touches.load(Ordering::SeqCst), 1);

    // Not by another instance either, nor when the key is looked up again.
    fixture.clock.advance(59 * SECOND);
    assert!(fixture.verify(&key).await.is_ok() && verify(&other, &key).await.is_ok());
    fixture.clock.advance(SECOND);
    assert!(fixture.verify(&key).await.is_ok());
    until(async || last_used().await == Some(start.plus(60 * SECOND))).await;
    assert_eq!(fixture.store.0.touches.load(Ordering::SeqCst), 2);
    assert_eq!(told(&fixture.events), []);
}

#[tokio::test]
async fn a_use_that_cannot_be_written_does_no_harm() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    fixture.store.0.forgets_uses.store(true, Ordering::SeqCst);
    for tries in 1..=3 {
        assert!(fixture.verify(&key).await.is_ok());
        until(async || fixture.store.0.touches.load(Ordering::SeqCst) == tries).await;
        fixture.clock.advance(60 * SECOND);
    }
    assert_eq!(told(&fixture.events), []);
}

#[tokio::test]
async fn a_store_that_is_down_says_nothing_of_the_key() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    fixture.store.0.down.store(true, Ordering::SeqCst);
    let text = key.secret.expose_secret();
    let error = fixture.keys.verify(text, None, anywhere());
    let error = error.await.unwrap_err();
    assert_eq!(error.kind(), VerifyErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the api key could not be checked");
    assert!(error.store_error().unwrap().retry_after().is_some());
    assert_eq!(told(&fixture.events), []);
}

#[tokio::test]
async fn peppers_change_and_a_lost_one_is_no_wrong_key() {
    let fixture = Fixture::new();
    let key = fixture.key("orders:read").await;
    let newer = Peppers::new(2, pepper(8))
        .unwrap()
        .and(1, pepper(7))
        .unwrap();
    assert!(verify(&fixture.instance_with(newer), &key).await.is_ok());

    let lost = fixture.instance_with(Peppers::new(2, pepper(8)).unwrap());
    assert_eq!(
        verify(&lost, &key).await.unwrap_err(),
        VerifyErrorKind::Unavailable
    );
    let events = fixture.events.take();
    let unknown = events
        .iter()
        .find(|event| event.kind() == EventKind::PepperUnknown);
    assert_eq!(unknown.unwrap().severity_ref(), Severity::Critical);
    // The same id with another secret.
    let wrong = fixture.instance_with(Peppers::new(1, pepper(9)).unwrap());
    assert_eq!(
        verify(&wrong, &key).await.unwrap_err(),
        VerifyErrorKind::Unknown
    );

    for (secret, text) in [
        (&[7; 31][..], "a pepper has 32 bytes at least"),
        (&[7; 32], "a pepper is generated and not thought up"),
    ] {
        let refused = Peppers::new(1, SecretBytes::from(secret)).unwrap_err();
        assert_eq!(refused.to_string(), text);
    }
    assert!(
        Peppers::new(1, pepper(7))
            .unwrap()
            .and(1, pepper(8))
            .is_err()
    );
}
