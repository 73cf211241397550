use super::*;

#[tokio::test]
async fn a_sign_in_says_right_or_wrong_and_nothing_else() {
    let world = World::new().await;
    let verified = world.login(OLD).await.unwrap();
    assert!(verified.rehash.is_none() && !verified.must_change);
    assert!(world.login(NEW).await.is_none());
    let unknown = world
        .passwords
        .verify(&OLD.into(), None, &world.context)
        .await;
    assert!(matches!(unknown, Ok(Verdict::Wrong)));
    assert_eq!(world.journal.take(), []);
}

#[tokio::test]
async fn an_imported_hash_is_made_anew_at_the_first_sign_in() {
    let world = World::new().await;
    // By Django, of the password above.
    world.table.set(
        &world.account,
        PasswordHash::new(
            "pbkdf2_sha256$1000$saltsalt01234567$ydj8UpZqgjQ8T73+/JkmtTHmmBlBXv0SHmPes08B5Xk=",
        ),
    );
    let rehash = world.login(OLD).await.unwrap().rehash.unwrap();
    let replaced = world
        .passwords
        .rehash(&world.account, rehash, &world.context)
        .await;
    assert!(replaced.unwrap());
    let row = world.table.row(&world.account);
    assert!(row.hash.as_str().starts_with("$argon2id$"));
    assert_eq!(row.epoch, 0, "no session ends");
    assert!(world.login(OLD).await.unwrap().rehash.is_none());
    assert_eq!(world.journal.take(), [("password_rehashed", None)]);
}

// AUTH case 34
#[tokio::test]
async fn a_new_hash_of_the_old_password_never_undoes_a_change() {
    let world = World::new().await;
    let weak = "$argon2id$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rIpYFlGO+/zrry1Cpxg4oFMCUZeiJ70rSHl8mFlRUuA";
    for change_first in [true, false] {
        world.table.set(&world.account, PasswordHash::new(weak));
        let rehash = world.login(OLD).await.unwrap().rehash.unwrap();
        let rehashed = world
            .passwords
            .rehash(&world.account, rehash, &world.context);
        if change_first {
            world.change(OLD, NEW).await.unwrap();
            assert!(!rehashed.await.unwrap());
        } else {
            let (rehashed, changed) = tokio::join!(rehashed, world.change(OLD, NEW));
            // Whoever comes second finds another hash than the one it had read, unless it read when the first was through.
            let rehashed = rehashed.unwrap();
            match changed {
                Ok(()) => {}
                Err(error) => {
                    assert!(rehashed);
                    assert_eq!(error, (PasswordErrorKind::Changed, vec![]));
                    world.change(OLD, NEW).await.unwrap();
                }
            }
        }
        assert!(world.login(NEW).await.is_some());
        assert!(world.login(OLD).await.is_none());
    }
}

#[tokio::test]
async fn a_rehash_that_fails_leaves_the_old_hash_in_force() {
    let world = World::new().await;
    world.table.set(
        &world.account,
        PasswordHash::new(
            "pbkdf2_sha256$1000$saltsalt01234567$ydj8UpZqgjQ8T73+/JkmtTHmmBlBXv0SHmPes08B5Xk=",
        ),
    );
    let rehash = world.login(OLD).await.unwrap().rehash.unwrap();
    world.table.down.store(true, Ordering::SeqCst);
    let error = world
        .passwords
        .rehash(&world.account, rehash, &world.context)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        PasswordErrorKind::Store(StoreErrorKind::Unavailable)
    );
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(world.login(OLD).await.unwrap().rehash.is_some());
    assert_eq!(world.journal.take(), []);
}

#[tokio::test]
async fn a_hash_that_cannot_be_used_is_no_wrong_password_and_is_told_to_the_operator() {
    let world = World::new().await;
    let secret = SecretBytes::generate(32).unwrap();
    let peppered = Hasher::settings(HashParams::danger_cheapest())
        .peppers(Peppers::new("lost".parse().unwrap(), secret).unwrap())
        .build()
        .unwrap();
    let peppered = peppered.hash(&OLD.into()).await.unwrap();
    let good = world.table.row(&world.account).hash;
    let greedy = PasswordHash::new(good.as_str().replace("m=8", "m=4194304"));
    for (hash, kind, event, reason) in [
        (
            greedy,
            PasswordErrorKind::ParamsRejected,
            "hash_params_rejected",
            "params_rejected",
        ),
        (
            peppered,
            PasswordErrorKind::PepperUnknown,
            "pepper_unknown",
            "pepper_unknown",
        ),
        (
            PasswordHash::new("$1$x$y"),
            PasswordErrorKind::UnknownScheme,
            "hash_params_rejected",
            "unknown_scheme",
        ),
        (
            PasswordHash::new("$argon2id$"),
            PasswordErrorKind::Malformed,
            "hash_params_rejected",
            "malformed",
        ),
    ] {
        world.table.set(&world.account, hash.clone());
        let stored = Stored {
            account: &world.account,
            hash: &hash,
        };
        let verdict = world
            .passwords
            .verify(&OLD.into(), Some(stored), &world.context)
            .await;
        let error = verdict.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.retry_after(), None);
        {
            let events = world.journal.0.lock().unwrap();
            assert_eq!(events[0].subject_ref(), Some("u-1"));
            assert_eq!(events[0].context_ref(), &world.context);
            let critical = events[0].severity_ref() == Severity::Critical;
            assert_eq!(critical, events[0].kind() == EventKind::PepperUnknown);
            assert_eq!(events[0].key_id_ref().is_some(), critical);
        }
        assert_eq!(world.journal.take(), [(event, Some(reason))]);
        // The way out for the owner.
        let token = world.reset_token().await;
        assert_eq!(world.reset(&token, NEW).await, Ok(()));
        assert!(world.login(NEW).await.is_some());
        world.journal.take();
    }
}

#[tokio::test]
async fn the_service_can_be_shared_and_its_answers_awaited_anywhere() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let world = World::new().await;
    shared(&world.passwords);
    let (password, words) = (Password::from(NEW), ContextWords::new());
    let new = Candidate {
        password: &password,
        words: &words,
    };
    let hash = world.table.row(&world.account).hash;
    let stored = Stored {
        account: &world.account,
        hash: &hash,
    };
    let (passwords, context) = (&world.passwords, &world.context);
    sent(&passwords.verify(&password, Some(stored), context));
    sent(&passwords.change(stored, &password, new, context));
    sent(&passwords.choose(new));
    sent(&passwords.issue_reset(&world.account));
    assert!(!format!("{:?} {new:?} {stored:?}", world.passwords).contains(NEW));
}
