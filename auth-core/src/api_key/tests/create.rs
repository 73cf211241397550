use super::*;

#[tokio::test]
async fn nobody_makes_a_key_that_can_do_more_than_they() {
    let fixture = Fixture::new();
    let viewer = fixture.ann(&["viewer"]);
    let restricted = Principal::new(ISSUER, id("ann"))
        .tenant(acme().clone())
        .roles(["editor"])
        .scopes(id("orders:read"))
        .authorized(&fixture.roles);
    let stateless = Principal::new(ISSUER, id("ann")).roles(["editor"]);
    let stateless = stateless.authorized(&fixture.roles);
    let new = |scopes: &str| NewApiKey::new("a key", id(scopes));
    use CreateErrorKind as Kind;
    for (creator, new, expected) in [
        (&viewer, new("orders:read"), None),
        (&viewer, new("*:read"), None),
        (&viewer, new("orders:write"), Some(Kind::BeyondCreator)),
        (
            &viewer,
            new("orders:read orders:write"),
            Some(Kind::BeyondCreator),
        ),
        (&viewer, new("orders:*"), Some(Kind::BeyondCreator)),
        (&viewer, new("orders:delete"), Some(Kind::BeyondCreator)),
        (&restricted, new("orders:write"), Some(Kind::BeyondCreator)),
        (&viewer, new("openid"), Some(Kind::Scopes)),
        (&viewer, new(""), Some(Kind::Scopes)),
        (&stateless, new("orders:read"), Some(Kind::NoTenant)),
        (
            &viewer,
            new("orders:read").owner(id("nobody")),
            Some(Kind::Owner),
        ),
        (
            &viewer,
            new("orders:read").lifetime(SECOND / 2),
            Some(Kind::Lifetime),
        ),
        (
            &viewer,
            NewApiKey::new("", id("orders:read")),
            Some(Kind::Name),
        ),
        (
            &viewer,
            NewApiKey::new("a\nb", id("orders:read")),
            Some(Kind::Name),
        ),
        (
            &viewer,
            NewApiKey::new("é".repeat(101), id("orders:read")),
            Some(Kind::Name),
        ),
        (
            &viewer,
            NewApiKey::new("é".repeat(100), id("orders:read")),
            None,
        ),
    ] {
        let scopes = new.scopes.clone();
        let created = fixture.keys.create(new, creator, anywhere()).await;
        assert_eq!(
            created.err().map(|error| error.kind()),
            expected,
            "{scopes}"
        );
        // Who asks for more than they have is told of; who has mistyped is not.
        let refused = ("authz_fail", Some("api_key_scopes"));
        match expected {
            Some(Kind::BeyondCreator) => assert_eq!(told(&fixture.events), [refused]),
            Some(_) => assert_eq!(told(&fixture.events), []),
            None => drop(fixture.events.take()),
        }
    }
    for _ in 0..2 {
        fixture.key("orders:read").await;
    }
    let sixth = fixture.keys.create(new("orders:read"), &viewer, anywhere());
    assert_eq!(sixth.await.unwrap_err().kind(), Kind::TooMany);
}

#[tokio::test]
async fn a_key_lives_for_a_year_unless_something_else_is_asked_for() {
    let fixture = Fixture::new();
    let now = fixture.clock.now();
    let key = fixture.key("orders:read").await.key;
    assert_eq!(key.expires_at, Some(now.plus(365 * DAY)));
    let new = || NewApiKey::new("a key", id("orders:read"));
    let key = fixture.create(new().lifetime(DAY)).await.key;
    assert_eq!(key.expires_at, Some(now.plus(DAY)));
    let key = fixture.create(new().without_expiry()).await;
    assert_eq!(key.key.expires_at, None);
    fixture.clock.advance(4000 * DAY);
    assert!(fixture.verify(&key).await.is_ok());
}

#[tokio::test]
async fn a_key_and_its_successor_overlap_for_a_day() {
    let fixture = Fixture::new();
    let old = fixture.create(
        NewApiKey::new("deploy", id("orders:read"))
            .networks([id("0.0.0.0/0")])
            .lifetime(30 * DAY),
    );
    let old = old.await;
    fixture.clock.advance(10 * DAY);
    let ann = fixture.ann(&["editor"]);
    let context = Context::default().ip(id("192.0.2.7"));
    let rotate = async |tenant: &str, overlap, by: &Principal| {
        let tenant = id(tenant);
        let rotated = fixture
            .keys
            .rotate(&tenant, old.key.id, overlap, by, &context);
        rotated.await.map_err(|error| error.kind())
    };
    let day = Overlap::default();
    use CreateErrorKind as Kind;
    assert_eq!(
        rotate("globex", day, &ann).await.unwrap_err(),
        Kind::NotFound
    );
    let nobody = fixture.ann(&[]);
    assert_eq!(
        rotate("acme", day, &nobody).await.unwrap_err(),
        Kind::BeyondCreator
    );
    let refused = ("authz_fail", Some("api_key_scopes"));
    assert_eq!(told(&fixture.events), [refused]);

    let new = rotate("acme", day, &ann).await.unwrap();
    assert_eq!(told(&fixture.events), [("apikey_rotated", None)]);
    assert_eq!(new.key.replaces, Some(old.key.id));
    assert_eq!(new.key.expires_at, Some(fixture.clock.now().plus(30 * DAY)));
    assert_eq!(
        (
            &new.key.name,
            &new.key.scopes,
            &new.key.networks,
            &new.key.owner
        ),
        (
            &old.key.name,
            &old.key.scopes,
            &old.key.networks,
            &old.key.owner
        )
    );
    assert_eq!(
        rotate("acme", day, &ann).await.unwrap_err(),
        Kind::AlreadyReplaced
    );

    let works = async |key: &CreatedKey| {
        let text = key.secret.expose_secret();
        fixture.keys.verify(text, None, &context).await.is_ok()
    };
    fixture.clock.advance(DAY - SECOND);
    assert!(works(&old).await && works(&new).await);
    fixture.clock.advance(SECOND);
    assert!(!works(&old).await && works(&new).await);
    assert_eq!(rotate("acme", day, &ann).await.unwrap_err(), Kind::Ended);

    // Without an overlap the old one is dead although it was just used.
    let rotated = fixture.keys.rotate(
        acme(),
        new.key.id,
        Overlap::new(Duration::ZERO).unwrap(),
        &ann,
        &context,
    );
    let last = rotated.await.unwrap();
    assert!(!works(&new).await && works(&last).await);
    assert!(Overlap::new(7 * DAY).is_ok() && Overlap::new(7 * DAY + SECOND).is_err());
}

#[tokio::test]
async fn lists_are_of_one_environment_and_accounts_leave_nothing_behind() {
    let fixture = Fixture::new();
    let first = fixture.key("orders:read").await;
    fixture.clock.advance(SECOND);
    let second = fixture.key("orders:read").await;
    let ids = async |keys: &ApiKeys, owner: Option<&SubjectId>| {
        let keys = keys.list(acme(), owner).await.unwrap();
        keys.iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(
        ids(&fixture.keys, None).await,
        [second.key.id, first.key.id]
    );
    assert_eq!(ids(&fixture.keys, Some(&id("bob"))).await, []);
    let test = ApiKeys::builder(
        KeyFormat::new("acme", Environment::Test).unwrap(),
        fixture.peppers.clone(),
        ISSUER,
        fixture.store.clone(),
        Everybody(fixture.rights.clone()),
    )
    .audit(fixture.events.clone())
    .build();
    assert_eq!(ids(&test, None).await, []);
    assert_eq!(test.get(acme(), first.key.id).await.unwrap(), None);
    assert_eq!(
        verify(&test, &first).await.unwrap_err(),
        VerifyErrorKind::Malformed
    );

    assert!(fixture.verify(&first).await.is_ok());
    let removed = fixture.keys.remove_owner(acme(), &id("ann")).await;
    assert_eq!(removed.unwrap(), 2);
    let deleted = fixture.events.take().pop().unwrap();
    assert_eq!(deleted.kind(), EventKind::TokenDelete);
    assert_eq!(deleted.count_ref(), Some(2));
    assert_eq!(
        fixture.verify(&first).await.unwrap_err(),
        VerifyErrorKind::Unknown
    );
    assert_eq!(ids(&fixture.keys, None).await, []);
}

#[tokio::test]
async fn keys_that_ended_long_ago_are_purged() {
    let fixture = Fixture::new();
    let new = NewApiKey::new("short", id("orders:read")).lifetime(DAY);
    fixture.create(new).await;
    fixture.clock.advance(31 * DAY);
    assert_eq!(fixture.keys.purge(30 * DAY, 10).await.unwrap(), 0);
    fixture.clock.advance(SECOND);
    assert_eq!(fixture.keys.purge(30 * DAY, 10).await.unwrap(), 1);
}

#[test]
fn services_are_shared_between_threads_and_take_stores_of_any_kind() {
    let fixture = Fixture::new();
    let store: Arc<dyn ApiKeyStore> = Arc::new(fixture.store.clone());
    let owners: Arc<dyn Owners> = Arc::new(Everybody(fixture.rights.clone()));
    let format = fixture.keys.format().clone();
    let _keys = ApiKeys::builder(format, fixture.peppers, ISSUER, store, owners).build();
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<ApiKeys>();
    shared::<VerifiedKey>();
    shared::<Permission>();
}
