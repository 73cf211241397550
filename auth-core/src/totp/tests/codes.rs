use super::*;
use crate::store::Answer;

// AUTH case 45
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_posts_of_one_code_one_succeeds() {
    let world = Arc::new(world());
    let secret = world.enrolled().await;
    let code = world.shown(&secret, 0);
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let (world, code) = (Arc::clone(&world), code.clone());
        let token = world.challenge().await;
        tasks.push(tokio::spawn(
            async move { world.verify(&token, &code).await },
        ));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    let succeeded = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(succeeded, 1, "{results:?}");
    assert!(results.contains(&Err(TotpErrorKind::WrongCode)));
    let told = drain(&world.events);
    let replays = told.iter().filter(|event| event.0 == EventKind::TotpReplay);
    assert_eq!(replays.count(), 4);

    // Again in the next step, where the window still has it.
    world.clock.advance(PERIOD);
    let token = world.challenge().await;
    let again = world.verify(&token, &code).await;
    assert_eq!(again, Err(TotpErrorKind::WrongCode));
    // The next code comes from a clock that is ahead; the one between is older then.
    let ahead = world.shown(&secret, 30);
    assert!(world.verify(&token, &ahead).await.is_ok());
    let token = world.challenge().await;
    let between = world.shown(&secret, 0);
    assert_eq!(
        world.verify(&token, &between).await,
        Err(TotpErrorKind::WrongCode)
    );
    let told = drain(&world.events);
    assert_eq!(
        told,
        [
            (EventKind::TotpReplay, None, None),
            (EventKind::TotpReplay, None, None)
        ]
    );
}

// AUTH case 46
#[tokio::test]
async fn wrong_codes_are_limited_across_challenges_and_freeze_the_factor() {
    let world = world();
    let secret = world.enrolled().await;
    let wrong = async |token: &str| {
        let code = world.wrong(&secret);
        world.verify(token, &code).await.unwrap_err()
    };
    let first = world.challenge().await;
    for _ in 0..5 {
        assert_eq!(wrong(&first).await, TotpErrorKind::WrongCode);
    }
    assert_eq!(wrong(&first).await, TotpErrorKind::Exhausted);
    let second = world.challenge().await;
    for _ in 0..5 {
        assert_eq!(wrong(&second).await, TotpErrorKind::WrongCode);
    }
    let third = world.challenge().await;
    let code = world.shown(&secret, 0);
    let limited = world
        .totp
        .verify(&third, &world.client, &code, &world.context);
    let limited = limited.await.unwrap_err();
    assert_eq!(limited.kind(), TotpErrorKind::Limited, "even the right one");
    assert_eq!(limited.retry_after(), Some(60 * MINUTE));
    for _ in 0..4 {
        world.clock.advance(60 * MINUTE);
        for _ in 0..2 {
            let token = world.challenge().await;
            for _ in 0..5 {
                assert_eq!(wrong(&token).await, TotpErrorKind::WrongCode);
            }
        }
    }
    let told = drain(&world.events);
    let frozen = (EventKind::MfaFrozen, None, Some(50));
    assert_eq!(told.iter().filter(|event| **event == frozen).count(), 1);
    assert_eq!(told.last(), Some(&frozen));

    world.clock.advance(24 * 60 * MINUTE);
    let token = world.challenge().await;
    let code = world.shown(&secret, 0);
    assert_eq!(
        world.verify(&token, &code).await,
        Err(TotpErrorKind::Frozen)
    );
    world.events.take();
    let admin = Actor::User("root".parse().unwrap());
    let thawed = world.totp.thaw(&world.owner, admin.clone(), &world.context);
    thawed.await.unwrap();
    let told = world.events.take().pop().unwrap();
    assert_eq!(told.kind(), EventKind::AuthzAdmin);
    assert_eq!(told.reason_ref(), Some("mfa_thawed"));
    assert_eq!(told.actor_ref(), Some(&admin));
    assert_eq!(told.subject_ref(), Some(world.owner.subject().as_str()));
    assert!(world.verify(&token, &code).await.is_ok());
}

// AUTH case 46: without a right password there is no challenge, and without a challenge nothing is counted.
#[tokio::test]
async fn who_does_not_know_the_password_cannot_freeze_a_factor() {
    let world = world();
    let secret = world.enrolled().await;
    let token = world.challenge().await;
    let other: ClientId = "other".parse().unwrap();
    for n in 0..200 {
        let made_up = format!("mfa_{n:A<43}");
        let refused = world.verify(&made_up, "000000").await;
        assert_eq!(refused, Err(TotpErrorKind::InvalidChallenge));
        // Not even with a token that was meant for another program.
        let stolen = world.totp.verify(&token, &other, "000000", &world.context);
        assert_eq!(
            stolen.await.unwrap_err().kind(),
            TotpErrorKind::InvalidChallenge
        );
    }
    // It is told of, and of nobody.
    let told = world.events.take();
    assert_eq!(told.len(), 400);
    assert!(told.iter().all(|event| {
        event.kind() == EventKind::MfaFail
            && event.reason_ref() == Some("unknown_challenge")
            && event.subject_ref().is_none()
    }));
    let code = world.shown(&secret, 0);
    assert!(world.verify(&token, &code).await.is_ok());
}

#[tokio::test]
async fn a_challenge_is_single_use_and_lives_five_minutes() {
    let world = world();
    let secret = world.enrolled().await;
    let token = world.challenge().await;
    let late = world.challenge().await;
    let verified = world
        .verify(&token, &world.shown(&secret, 0))
        .await
        .unwrap();
    assert_eq!((verified.owner(), verified.epoch()), (&world.owner, 3));
    assert_eq!(verified.recovery_codes_left(), None);
    world.clock.advance(PERIOD);
    let again = world.verify(&token, &world.shown(&secret, 0)).await;
    assert_eq!(again, Err(TotpErrorKind::InvalidChallenge));
    world.clock.advance(CHALLENGE_LIFETIME - PERIOD);
    let again = world.verify(&late, &world.shown(&secret, 0)).await;
    assert_eq!(again, Err(TotpErrorKind::InvalidChallenge));
}

/// The epoch of everybody.
#[derive(Debug)]
struct Epoch(u64);

impl Epochs for Epoch {
    fn epoch<'a>(&'a self, _: &'a Owner) -> Answer<'a, u64> {
        Box::pin(std::future::ready(Ok(self.0)))
    }
}

#[tokio::test]
async fn a_challenge_from_before_all_sessions_ended_is_over_and_spends_no_code() {
    let mut world = world();
    let secret = world.enrolled().await;
    let now = world.clock.now();
    let (client, context) = (world.client.clone(), world.context.clone());
    let codes = world
        .totp
        .regenerate_recovery_codes(&world.owner, now, &context);
    let codes = codes.await.unwrap();
    let recovery = codes[0].to_text();
    world.events.take();
    // Challenges are of the epoch 3.
    let token = world.challenge().await;
    let before = world.totp.clone();
    world.totp = before.clone().epochs(Epoch(4));
    for code in [world.wrong(&secret), world.shown(&secret, 0)] {
        let refused = world.verify(&token, &code).await;
        assert_eq!(refused, Err(TotpErrorKind::InvalidChallenge));
    }
    let refused = world
        .totp
        .recover(&token, &client, recovery.expose_secret(), &context);
    let refused = refused.await.unwrap_err().kind();
    assert_eq!(refused, TotpErrorKind::InvalidChallenge);
    let over = (EventKind::MfaFail, Some("epoch"), None);
    assert_eq!(drain(&world.events), [over; 3]);

    world.totp = before.epochs(Epoch(3));
    let token = world.challenge().await;
    let code = world.shown(&secret, 0);
    assert!(world.verify(&token, &code).await.is_ok());
    let token = world.challenge().await;
    let recovered = world
        .totp
        .recover(&token, &client, recovery.expose_secret(), &context);
    assert_eq!(recovered.await.unwrap().recovery_codes_left(), Some(9));
}

#[tokio::test]
async fn what_is_no_code_is_no_try() {
    let world = world();
    let secret = world.enrolled().await;
    let token = world.challenge().await;
    for text in ["", "12345", "1234567", "１２３４５６", "+12345", "12345a"] {
        for _ in 0..10 {
            let refused = world.verify(&token, text).await;
            assert_eq!(refused, Err(TotpErrorKind::WrongCode), "{text}");
        }
    }
    let code = world.shown(&secret, 0);
    let typed = format!(" {} {}", &code[..3], &code[3..]);
    assert!(world.verify(&token, &typed).await.is_ok());
}

#[tokio::test]
async fn a_strict_window_takes_the_current_code_alone() {
    let world = world();
    let secret = world.enrolled().await;
    let strict = world.totp.clone().window(Window::Strict);
    let token = world.challenge().await;
    for (off, right) in [(30, false), (-30, false), (0, true)] {
        let code = world.shown(&secret, off);
        let result = strict.verify(&token, &world.client, &code, &world.context);
        assert_eq!(result.await.is_ok(), right, "{off}");
    }
}

#[tokio::test]
async fn how_far_a_clock_is_off_is_remembered_and_widens_nothing() {
    let world = world();
    let secret = world.enrolled().await;
    world.clock.advance(10 * MINUTE);
    for (off, right, drift) in [
        (30, true, 1),
        (60, false, 1),
        (-30, true, -1),
        (-60, false, -1),
    ] {
        world.clock.advance(5 * MINUTE);
        let token = world.challenge().await;
        let code = world.shown(&secret, off);
        assert_eq!(world.verify(&token, &code).await.is_ok(), right, "{off}");
        let factors = world.totp.factors(&world.owner).await.unwrap();
        assert_eq!(factors[0].drift, drift, "{off}");
    }
}
