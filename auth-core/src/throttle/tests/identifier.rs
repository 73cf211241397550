use super::*;

#[tokio::test]
async fn pauses_grow_from_half_a_minute_to_a_quarter_of_an_hour() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    for pause in [30, 60, 120, 240, 480, 900, 900, 900].map(Duration::from_secs) {
        assert_eq!(world.fail(&ann).await, Err(pause));
        world.clock.advance(pause - Duration::from_millis(1));
        assert_eq!(world.fail(&ann).await, Err(Duration::from_millis(1)));
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    // Who waits for tries to be free again waits longer than for the next one.
    world.clock.advance(30 * MINUTE - Duration::from_millis(1));
    assert_eq!(world.fail(&ann).await, Ok(()));
    assert_eq!(world.fail(&ann).await, Err(15 * MINUTE));
    world.clock.advance(30 * MINUTE);
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_success_ends_the_row_of_its_identifier() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    let bob = Attempt::password(&world.tenant, "bob");
    for _ in 0..4 {
        assert_eq!(world.fail(&ann).await, Ok(()));
        assert_eq!(world.fail(&bob).await, Ok(()));
    }
    assert!(world.succeed(&ann).await);
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert_eq!(world.fail(&bob).await, Ok(()));
    assert!(world.fail(&bob).await.is_err());
    let kinds: Vec<_> = drain(&world.events).iter().map(|event| event.0).collect();
    assert!(kinds.contains(&EventKind::LoginSuccessAfterFail));
    assert!(!kinds.contains(&EventKind::LoginSuccess));
}

#[tokio::test]
async fn after_a_hundred_failures_in_a_row_there_is_a_challenge_until_the_owner_succeeds() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for n in 0..100 {
        assert_eq!(world.fail(&ann).await, Ok(()), "{n}");
        world.clock.advance(15 * MINUTE);
    }
    assert!(matches!(
        world.gate.begin(&ann).await,
        Decision::ChallengeRequired
    ));
    // What asks for a challenge takes nobody's turn, and time does not lift it.
    world.clock.advance(30 * 24 * 60 * MINUTE);
    assert!(matches!(
        world.gate.begin(&ann).await,
        Decision::ChallengeRequired
    ));
    assert!(world.succeed(&ann.challenge_passed()).await);
    assert_eq!(world.fail(&ann).await, Ok(()));
    let lines = drain(&world.events);
    let last = (EventKind::LoginFailMax, Some("identifier"), Some(100));
    assert!(lines.contains(&last));
    assert!(lines.contains(&(EventKind::LoginLock, Some("challenge"), Some(1))));
}

#[tokio::test]
async fn an_attempt_without_an_answer_counts_as_a_failure() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        let permit = world.permit(&ann).await;
        drop(permit);
    }
    assert!(world.fail(&ann).await.is_err());
}

// Of a burst that waited for the database, some heard to come again in a second although tries were free.
#[tokio::test]
async fn a_clock_that_is_behind_holds_nobody_back_while_tries_are_free() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
        world
            .clock
            .set(world.clock.now().minus(Duration::from_millis(7)));
    }
    assert!(world.fail(&ann).await.is_err());
}

#[tokio::test]
async fn a_wait_is_told_in_seconds_that_are_enough() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    for (millis, seconds) in [(0, 30), (1, 30), (28_998, 2), (1, 1), (999, 1)] {
        world.clock.advance(Duration::from_millis(millis));
        let Decision::Limited(limited) = world.gate.begin(&ann).await else {
            panic!("the pause is not over");
        };
        assert_eq!(limited.retry_after_secs(), seconds);
    }
}

proptest! {
    #[test]
    fn whatever_happens_nobody_has_more_than_the_free_tries_at_once(
        steps in prop::collection::vec((0_u64..2000, 0_u8..12), 1..200),
    ) {
        let world = world();
        let ann = Attempt::password(&world.tenant, "ann");
        let memory = MemoryStore::default();
        let mut tries: Vec<Timestamp> = Vec::new();
        for (seconds, what) in steps {
            world.clock.advance(Duration::from_secs(seconds));
            let now = world.clock.now();
            let charge = world.gate.charge(&ann, now);
            let Verdict::Admitted(admission) = memory.charge_now(&charge, now) else {
                continue;
            };
            match what {
                0 => {
                    memory.settle_now(&charge, &admission, Settlement::Succeeded, now);
                    tries.clear();
                }
                1 => memory.settle_now(&charge, &admission, Settlement::Withdrawn, now),
                _ => tries.push(now),
            }
            // Between a try and the sixth after it there is a pause of half a minute at least.
            for six in tries.windows(6) {
                prop_assert!(six[5].since(six[0]) >= Policy::FIRST_PAUSE);
            }
        }
    }

    #[test]
    fn identifiers_that_look_alike_share_a_counter(name in "\\PC{0,40}", pad in "[ \t]{0,3}") {
        let folded = key::folded(&name);
        prop_assert_eq!(key::folded(&format!("{pad}{name}{pad}")), folded.as_str());
        prop_assert!(folded.chars().count() <= 320);
    }
}
