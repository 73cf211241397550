use super::*;

// AUTH case 38
#[tokio::test]
async fn after_a_thousand_failures_of_somebody_else_the_owners_device_still_signs_in() {
    let world = world();
    let home = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann@example.com").context(&home);
    assert!(world.succeed(&ann).await);
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    let (mut checked, mut challenges) = (0, 0);
    for n in 0..1000 {
        // From the owner's own address as well: the attacker sits in the same café.
        let context = match n % 3 {
            0 => home.clone(),
            _ => from(&format!("198.51.{}.{}", n / 256, n % 256)),
        };
        let guess = Attempt::password(&world.tenant, "Ann@Example.com ").context(&context);
        match world.gate.begin(&guess).await {
            Decision::Permit(permit) => {
                checked += 1;
                permit.failed("wrong_password", None);
            }
            Decision::ChallengeRequired => challenges += 1,
            Decision::Limited(_) => {}
        }
        world.clock.advance(MINUTE);
    }
    assert!((10..=100).contains(&checked), "{checked}");
    assert_eq!(challenges, 0);
    let device = Some(cookie.value().expose_secret());
    assert!(!world.succeed(&ann).await, "an unknown device is held back");
    assert!(world.succeed(&ann.device(device)).await);
    // The owner has succeeded: whoever comes now, on whatever device, starts anew.
    assert!(world.succeed(&ann).await);
}

#[tokio::test]
async fn a_device_that_has_failed_ten_times_counts_as_any_other() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    let known = ann.device(Some(cookie.value().expose_secret()));
    for _ in 0..15 {
        assert_eq!(world.fail(&known).await, Ok(()));
    }
    assert_eq!(world.fail(&known).await, Err(Duration::from_secs(30)));
    world.clock.advance(60 * MINUTE);
    let permit = world.permit(&known).await;
    assert!(permit.trusted_device());
    permit.withdrawn().await;
    // Signing in anew makes the cookie longer, and no other device of it.
    world.events.take();
    let renewed = world.gate.trust_device(&known, &"u-1".parse().unwrap());
    assert_eq!(world.events.take(), []);
    let renewed = renewed.unwrap();
    let renewed = ann.device(Some(renewed.value().expose_secret()));
    for _ in 0..10 {
        assert_eq!(world.fail(&renewed).await, Ok(()));
    }
    let permit = world.permit(&known).await;
    assert!(!permit.trusted_device());
    permit.withdrawn().await;
    // For another name the cookie is none.
    let bob = Attempt::password(&world.tenant, "bob").device(Some(cookie.value().expose_secret()));
    let permit = world.permit(&bob).await;
    assert!(!permit.trusted_device());
}

#[tokio::test]
async fn a_trusted_device_gives_its_address_nothing_back_that_others_owe() {
    let world = world();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    fill(&world, &cafe).await;
    for _ in 0..5 {
        let known = ann.device(Some(cookie.value().expose_secret()));
        assert!(world.succeed(&known).await);
    }
    let other = Attempt::password(&world.tenant, "name-0").context(&cafe);
    assert_eq!(world.fail(&other).await, Err(10 * MINUTE));
}

#[tokio::test]
async fn a_device_from_which_its_owner_signs_in_starts_anew() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    let known = ann.device(Some(cookie.value().expose_secret()));
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(world.fail(&known).await, Ok(()));
        }
        let permit = world.permit(&known).await;
        assert!(permit.trusted_device());
        permit.succeeded(&"u-1".parse().unwrap(), None).await;
    }
}
