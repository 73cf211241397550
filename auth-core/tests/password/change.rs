use super::*;

#[tokio::test]
async fn a_change_that_was_overtaken_changes_nothing() {
    let world = World::new().await;
    let stale = world.table.row(&world.account).hash;
    world.change(OLD, NEW).await.unwrap();
    let stored = Stored {
        account: &world.account,
        hash: &stale,
    };
    let (third, words) = (
        Password::from("ten lazy clouds over the harbour"),
        ContextWords::new(),
    );
    let candidate = Candidate {
        password: &third,
        words: &words,
    };
    let overtaken = world
        .passwords
        .change(stored, &Password::from(OLD), candidate, &world.context)
        .await;
    assert_eq!(overtaken.unwrap_err().kind(), PasswordErrorKind::Changed);
    assert!(world.login(NEW).await.is_some());
    assert_eq!(world.table.row(&world.account).epoch, 1);
}

#[tokio::test]
async fn a_breached_password_is_refused_when_it_is_chosen_and_must_be_changed_when_it_is_used() {
    let world = World::new().await;
    let refused = Err((PasswordErrorKind::Refused, vec![Reason::Breached]));
    assert_eq!(world.change(OLD, BREACHED).await, refused);
    let told = [
        ("password_breached", Some("change")),
        ("authn_password_change_fail", Some("refused")),
    ];
    assert_eq!(world.journal.take(), told);

    let (password, words) = (Password::from(BREACHED), ContextWords::new());
    let candidate = Candidate {
        password: &password,
        words: &words,
    };
    let error = world.passwords.choose(candidate).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().reasons(), [Reason::Breached]);

    // It was chosen before the breach was known.
    let hash = world.hasher.hash(&password).await.unwrap();
    world.table.set(&world.account, hash);
    assert!(world.login(BREACHED).await.unwrap().must_change);
    assert_eq!(world.journal.take(), [("password_breached", Some("login"))]);
    assert!(world.login(OLD).await.is_none());
    assert_eq!(
        world.journal.take(),
        [],
        "a wrong password is looked up nowhere"
    );
}

#[tokio::test]
async fn a_list_of_breaches_out_of_reach_keeps_nobody_out_and_lets_nothing_in() {
    let world = World::new().await;
    world.breaches.1.store(true, Ordering::SeqCst);
    assert!(!world.login(OLD).await.unwrap().must_change);
    let unavailable = PasswordErrorKind::Store(StoreErrorKind::Unavailable);
    assert_eq!(world.change(OLD, NEW).await, Err((unavailable, vec![])));
    assert!(world.login(OLD).await.is_some());
}

#[tokio::test]
async fn to_change_a_password_takes_the_current_one_and_ends_all_sessions() {
    let world = World::new().await;
    let token = world.reset_token().await;
    world.journal.take();
    for (current, new, expected) in [
        (
            NEW,
            NEW,
            (PasswordErrorKind::Refused, vec![Reason::Current]),
        ),
        (
            OLD,
            OLD,
            (PasswordErrorKind::Refused, vec![Reason::Current]),
        ),
        ("wrong", NEW, (PasswordErrorKind::WrongCurrent, vec![])),
        ("", NEW, (PasswordErrorKind::Length, vec![])),
        (
            OLD,
            "short",
            (
                PasswordErrorKind::Refused,
                vec![Reason::TooShort { min: 15 }],
            ),
        ),
    ] {
        let error = world.change(current, new).await.unwrap_err();
        assert_eq!(error.0, expected.0, "{current} {new}");
        assert!(expected.1.iter().all(|reason| error.1.contains(reason)));
    }
    let failures = world.journal.take();
    assert_eq!(failures.len(), 5);
    assert!(
        failures
            .iter()
            .all(|(event, _)| *event == "authn_password_change_fail")
    );
    assert_eq!(world.table.row(&world.account).epoch, 0);

    world.change(OLD, NEW).await.unwrap();
    assert_eq!(
        world.journal.take(),
        [("authn_password_change", Some("change"))]
    );
    assert_eq!(world.table.row(&world.account).epoch, 1);
    assert!(world.login(NEW).await.is_some());
    assert!(world.login(OLD).await.is_none());
    // A token that somebody had sent for before is void.
    world.journal.take();
    let refused = [("authn_password_change_fail", Some("reset_token"))];
    for token in [&token, "rst_", "made up"] {
        assert_eq!(
            world.reset(token, OLD).await,
            Err(PasswordErrorKind::ResetToken)
        );
        assert_eq!(world.journal.take(), refused);
    }
}

#[tokio::test]
async fn the_current_password_is_the_same_however_it_is_typed() {
    let world = World::new().await;
    let composed = "caf\u{e9} on nine wobbly trees";
    let hash = world.hasher.hash(&composed.into()).await.unwrap();
    world.table.set(&world.account, hash);
    let decomposed = "cafe\u{301} on nine wobbly trees";
    let refused = Err((PasswordErrorKind::Refused, vec![Reason::Current]));
    assert_eq!(world.change(composed, decomposed).await, refused);
}
