use super::*;

// AUTH case 39
#[tokio::test]
async fn signing_in_to_an_account_of_ones_own_between_guesses_does_not_empty_the_address() {
    let world = world();
    let cafe = from("192.0.2.7");
    let own = Attempt::password(&world.tenant, "mallory").context(&cafe);
    let mut guesses = 0;
    loop {
        let victim = format!("victim-{}", guesses % 10);
        let victim = Attempt::password(&world.tenant, &victim).context(&cafe);
        if world.fail(&victim).await.is_err() {
            break;
        }
        guesses += 1;
        if guesses < 30 {
            assert!(world.succeed(&own).await, "{guesses}");
        }
    }
    assert_eq!(guesses, 30);
    let Decision::Limited(limited) = world.gate.begin(&own).await else {
        panic!("the address has no room");
    };
    assert_eq!(limited.scope(), Scope::Address);
    assert_eq!(limited.retry_after_secs(), 600);
    // From elsewhere the victims are held back by what was tried for them, which is little.
    let elsewhere = from("192.0.2.8");
    let victim = Attempt::password(&world.tenant, "victim-0").context(&elsewhere);
    assert!(world.succeed(&victim).await);
}

// AUTH case 40, as far as this module sees addresses: which one is the client's is decided before.
#[tokio::test]
async fn addresses_are_counted_by_what_one_client_can_choose_from() {
    for (addresses, room) in [
        // One address, and its IPv4-mapped form.
        (["192.0.2.1", "::ffff:192.0.2.1"], 30),
        (["192.0.2.1", "192.0.2.2"], 60),
        // One /64.
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::1"], 30),
        // Two of one /48.
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], 60),
    ] {
        let world = world();
        let contexts = addresses.map(from);
        let mut checked = 0;
        for n in 0..200 {
            let attempt = Attempt::with(&world.tenant, Grant::MagicLink);
            let attempt = attempt.context(&contexts[n % 2]);
            checked += u32::from(world.fail(&attempt).await.is_ok());
        }
        assert_eq!(checked, room, "{addresses:?}");
    }
    let world = world();
    let mut checked = 0;
    for n in 0..400 {
        let context = from(&format!("2001:db8:1:{n:x}::1"));
        let attempt = Attempt::with(&world.tenant, Grant::Passkey).context(&context);
        checked += u32::from(world.fail(&attempt).await.is_ok());
    }
    assert_eq!(checked, 240, "a /48 has eight times as much");
    let context = from("2001:db8:2::1");
    let attempt = Attempt::with(&world.tenant, Grant::Passkey).context(&context);
    assert_eq!(world.fail(&attempt).await, Ok(()), "another /48");
}

#[tokio::test]
async fn spraying_many_names_from_one_address_ends_after_twenty() {
    let world = world();
    let cafe = from("192.0.2.7");
    let names: Vec<_> = (0..30).map(|n| format!("name-{n}")).collect();
    let attempts = names
        .iter()
        .map(|name| Attempt::password(&world.tenant, name).context(&cafe));
    let attempts: Vec<_> = attempts.collect();
    for (n, attempt) in attempts.iter().enumerate() {
        assert_eq!(world.fail(attempt).await.is_ok(), n < 20, "{n}");
    }
    // A name that was tried before is no further one, and one whose password is right makes room for another.
    assert!(world.succeed(&attempts[0]).await);
    assert_eq!(world.fail(&attempts[20]).await, Ok(()));
    assert!(world.fail(&attempts[21]).await.is_err());
    // A proof that cannot be guessed is no spraying.
    let link = Attempt::with(&world.tenant, Grant::MagicLink).identifier("name-29");
    assert!(world.succeed(&link.context(&cafe)).await);
    let Decision::Limited(limited) = world.gate.begin(&attempts[22]).await else {
        panic!("there is no room");
    };
    assert_eq!(
        (limited.scope(), limited.retry_after_secs()),
        (Scope::Spray, 3600)
    );
}

#[tokio::test]
async fn an_office_behind_one_address_signs_in_name_by_name() {
    let world = world();
    let office = from("192.0.2.7");
    for n in 0..200 {
        let name = format!("name-{n}");
        let attempt = Attempt::password(&world.tenant, &name).context(&office);
        if n < 25 {
            assert_eq!(world.fail(&attempt).await, Ok(()), "{n} mistypes");
        }
        assert!(world.succeed(&attempt).await, "{n}");
    }
}

// Twenty right logins of an office, for which there was no time to hash, took the address an hour.
#[tokio::test]
async fn what_was_not_checked_is_given_back_and_so_is_the_name() {
    let world = world();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    for _ in 0..40 {
        world.permit(&ann).await.withdrawn().await;
    }
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    for n in 0..100 {
        let name = format!("name-{n}");
        let attempt = Attempt::password(&world.tenant, &name).context(&cafe);
        world.permit(&attempt).await.withdrawn().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_stays_in_the_spray_while_an_attempt_for_it_counts() {
    let world = world();
    let cafe = from("192.0.2.7");
    let names: Vec<_> = (0..22).map(|n| format!("name-{n}")).collect();
    let attempts = names
        .iter()
        .map(|name| Attempt::password(&world.tenant, name).context(&cafe));
    let attempts: Vec<_> = attempts.collect();
    for attempt in &attempts[..19] {
        assert_eq!(world.fail(attempt).await, Ok(()));
    }
    // One that failed, and one that is given back before or after it.
    let (first, second) = (
        world.permit(&attempts[19]).await,
        world.permit(&attempts[19]).await,
    );
    first.withdrawn().await;
    assert!(world.fail(&attempts[20]).await.is_err(), "one is under way");
    second.failed("wrong_password", None);
    world.permit(&attempts[19]).await.withdrawn().await;
    assert!(world.fail(&attempts[20]).await.is_err(), "one has failed");
    // Once more given back than charged takes nobody's place.
    assert!(world.succeed(&attempts[0]).await);
    let late = world.permit(&attempts[0]).await;
    assert!(world.succeed(&attempts[0]).await);
    late.withdrawn().await;
    assert_eq!(world.fail(&attempts[20]).await, Ok(()));
    assert!(world.fail(&attempts[21]).await.is_err());
}

#[tokio::test]
async fn nothing_is_given_back_to_a_time_that_was_not_charged() {
    let world = world();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    let slow = world.permit(&ann).await;
    world.clock.advance(10 * MINUTE);
    fill(&world, &cafe).await;
    slow.succeeded(&"u-1".parse().unwrap(), None).await;
    let other = Attempt::password(&world.tenant, "name-0").context(&cafe);
    assert_eq!(world.fail(&other).await, Err(10 * MINUTE));
}

#[tokio::test]
async fn the_same_name_in_two_tenants_is_two_people() {
    let world = world();
    let other = "other".parse().unwrap();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert!(world.fail(&ann).await.is_err());
    let other = Attempt::password(&other, "ann").context(&cafe);
    assert_eq!(world.fail(&other).await, Ok(()));
}

// Each tenant that an attacker made up had its own thirty failures from the same address.
#[tokio::test]
async fn made_up_tenants_do_not_make_another_address() {
    let tenants: Vec<TenantId> = (0..300)
        .map(|n| format!("t-{n}").parse().unwrap())
        .collect();
    for (context, grant, room, scope) in [
        (from("192.0.2.7"), Grant::MagicLink, 30, Scope::Address),
        // The same name in another tenant is another name.
        (from("192.0.2.7"), Grant::Password, 20, Scope::Spray),
        (from("2001:db8::7"), Grant::MagicLink, 30, Scope::Address),
    ] {
        let world = world();
        for (n, tenant) in tenants.iter().enumerate() {
            let attempt = Attempt::with(tenant, grant).identifier("ann");
            match world.gate.begin(&attempt.context(&context)).await {
                Decision::Permit(permit) if n < room => permit.failed("wrong", None),
                Decision::Limited(limited) if n >= room => assert_eq!(limited.scope(), scope),
                other => panic!("{n}: {other:?}"),
            }
        }
    }
    let world = world();
    let mut checked = 0;
    for (n, tenant) in tenants.iter().enumerate() {
        let context = from(&format!("2001:db8:1:{n:x}::1"));
        let attempt = Attempt::with(tenant, Grant::Passkey).context(&context);
        checked += u32::from(world.fail(&attempt).await.is_ok());
    }
    assert_eq!(checked, 240, "nor another network");
}

// Of a burst that waited for the database, those who had read the clock before the first got nothing back.
#[tokio::test]
async fn who_reads_the_clock_first_and_is_charged_last_gets_it_back() {
    let world = world();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    assert_eq!(world.fail(&ann).await, Ok(()));
    let now = world.clock.now();
    world.clock.set(now.minus(Duration::from_millis(7)));
    for n in 0..40 {
        let name = format!("name-{n}");
        let attempt = Attempt::password(&world.tenant, &name).context(&cafe);
        if n % 2 == 0 {
            assert!(world.succeed(&attempt).await, "{n}");
        } else {
            world.permit(&attempt).await.withdrawn().await;
        }
    }
    world.clock.set(now);
    for n in 1..30 {
        let name = format!("name-{}", n % 10);
        let attempt = Attempt::password(&world.tenant, &name).context(&cafe);
        assert_eq!(world.fail(&attempt).await, Ok(()), "{n}");
    }
    assert!(world.fail(&ann).await.is_err());
}

#[tokio::test]
async fn addresses_of_all_forms_are_charged() {
    let world = world();
    for ip in ["0.0.0.0", "::", "::1", "ffff:ffff:ffff:ffff::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let context = Context::default().ip(ip);
        let attempt = Attempt::password(&world.tenant, "ann").context(&context);
        let charge = world.gate.charge(&attempt, world.clock.now());
        assert_eq!(charge.slots().len(), if ip.is_ipv6() { 4 } else { 3 });
    }
}
