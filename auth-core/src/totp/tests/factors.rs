use super::*;

#[tokio::test]
async fn a_factor_is_in_force_after_one_right_code_within_ten_minutes() {
    let world = world();
    let (owner, context) = (&world.owner, &world.context);
    let enrol = async || {
        let now = world.clock.now();
        world.totp.enrol(owner, "ann", now, context).await.unwrap()
    };
    let enrolment = enrol().await;
    let secret = enrolment.secret();
    let uri = enrolment.uri().expose_secret();
    let expected = format!(
        "otpauth://totp/Acme:ann?secret={}&issuer=Acme&",
        secret.to_base32().expose_secret()
    );
    assert!(uri.starts_with(&expected));
    let pending = world.totp.challenge(owner, &world.client, 0).await;
    assert!(
        pending.unwrap().is_none(),
        "what is pending is not asked for"
    );

    let activate = async |id, code: &str| {
        let activated = world.totp.activate(owner, id, code, context).await;
        activated.map_err(|error| error.kind())
    };
    let id = enrolment.id();
    let wrong = world.wrong(secret);
    assert_eq!(activate(id, &wrong).await, Err(TotpErrorKind::WrongCode));
    assert_eq!(activate(id, "no code").await, Err(TotpErrorKind::WrongCode));
    let code = world.shown(secret, 0);
    let other = FactorId::generate();
    assert_eq!(
        activate(other, &code).await,
        Err(TotpErrorKind::UnknownFactor)
    );
    world.clock.advance(ENROLMENT_LIFETIME);
    let code = world.shown(secret, 0);
    assert_eq!(activate(id, &code).await, Err(TotpErrorKind::UnknownFactor));

    let enrolment = enrol().await;
    world
        .clock
        .advance(ENROLMENT_LIFETIME - Duration::from_millis(1));
    let code = world.shown(enrolment.secret(), 0);
    assert_eq!(activate(enrolment.id(), &code).await, Ok(()));
    assert_eq!(
        activate(enrolment.id(), &code).await,
        Err(TotpErrorKind::UnknownFactor)
    );
    // The code that activated it is used.
    let token = world.challenge().await;
    assert_eq!(
        world.verify(&token, &code).await,
        Err(TotpErrorKind::WrongCode)
    );
    let told: Vec<_> = drain(&world.events).iter().map(|event| event.0).collect();
    assert_eq!(
        told,
        [
            EventKind::MfaEnrolled,
            EventKind::MfaFail,
            EventKind::MfaEnrolled,
            EventKind::MfaActivated,
            EventKind::TotpReplay
        ]
    );
}

#[tokio::test]
async fn changing_factors_wants_a_fresh_sign_in() {
    let world = world();
    world.enrolled().await;
    let factor = world.totp.factors(&world.owner).await.unwrap()[0].id;
    let (owner, context) = (&world.owner, &world.context);
    let fresh = world.clock.now().minus(10 * MINUTE);
    let stale = fresh.minus(Duration::from_millis(1));
    let refused = TotpErrorKind::ReauthenticationRequired;
    let enrol = world.totp.enrol(owner, "ann", stale, context).await;
    assert_eq!(enrol.unwrap_err().kind(), refused);
    let codes = world.totp.regenerate_recovery_codes(owner, stale, context);
    assert_eq!(codes.await.unwrap_err().kind(), refused);
    let removed = world.totp.remove(owner, factor, stale, context).await;
    assert_eq!(removed.unwrap_err().kind(), refused);
    world
        .totp
        .remove(owner, factor, fresh, context)
        .await
        .unwrap();
    let again = world.totp.remove(owner, factor, fresh, context).await;
    assert_eq!(again.unwrap_err().kind(), TotpErrorKind::UnknownFactor);
    assert_eq!(drain(&world.events), [(EventKind::MfaRemoved, None, None)]);
    let asked = world.totp.challenge(owner, &world.client, 0).await;
    assert!(asked.unwrap().is_none());
}

#[tokio::test]
async fn recovery_codes_stand_in_for_the_second_factor_once_each() {
    let world = world();
    world.enrolled().await;
    let (owner, client, context) = (&world.owner, &world.client, &world.context);
    let now = world.clock.now();
    let old = world.totp.regenerate_recovery_codes(owner, now, context);
    let old = old.await.unwrap();
    let codes = world.totp.regenerate_recovery_codes(owner, now, context);
    let codes = codes.await.unwrap();
    assert_eq!(codes.len(), 10);
    drain(&world.events);
    let recover = async |code: &RecoveryCode| {
        let token = world.challenge().await;
        let code = code.to_text();
        let recovered = world
            .totp
            .recover(&token, client, code.expose_secret(), context);
        recovered.await.map_err(|error| error.kind())
    };
    assert_eq!(recover(&old[0]).await, Err(TotpErrorKind::WrongCode));
    for (n, code) in codes.iter().enumerate() {
        let verified = recover(code).await.unwrap();
        let left = u32::try_from(9 - n).unwrap();
        assert_eq!(verified.recovery_codes_left(), Some(left));
        assert_eq!(verified.has_few_recovery_codes(), left < 3);
        assert_eq!(recover(code).await, Err(TotpErrorKind::WrongCode));
    }
    let left = world.totp.recovery_codes_left(owner).await.unwrap();
    assert_eq!(left, 0);
    let told = drain(&world.events);
    let failed = (EventKind::MfaFail, Some("wrong_recovery_code"), Some(0));
    let used = |left| (EventKind::RecoveryCodeUsed, None, Some(left));
    assert_eq!(told[..4], [failed, used(9), failed, used(8)]);
}

#[tokio::test]
async fn a_key_that_is_replaced_goes_out_of_use_as_owners_sign_in() {
    let world = world();
    let secret = world.enrolled().await;
    let next = SecretBytes::generate(32).unwrap();
    let totp = |keys| {
        let shared = Arc::clone(&world.store) as _;
        let totp = Totp::from_shared("Acme".parse().unwrap(), keys, shared);
        totp.clock(world.clock.clone()).audit(world.events.clone())
    };
    let verify = async |totp: &Totp| {
        world.clock.advance(PERIOD);
        let (token, code) = (world.challenge().await, world.shown(&secret, 0));
        let verified = totp.verify(&token, &world.client, &code, &world.context);
        verified.await.map(drop).map_err(|error| error.kind())
    };
    // Without the old key nothing opens, which is no fault of the code.
    let without = totp(SealKeys::new(2, &next).unwrap());
    assert_eq!(verify(&without).await, Err(TotpErrorKind::Unreadable));
    let told = drain(&world.events);
    assert_eq!(told, [(EventKind::DecryptFail, Some("totp_secret"), None)]);
    let ring = SealKeys::new(2, &next).unwrap().previous(1, &world.key);
    assert_eq!(verify(&totp(ring.unwrap())).await, Ok(()));
    assert_eq!(verify(&without).await, Ok(()), "it was sealed anew");
}

#[tokio::test]
async fn a_factor_that_does_not_open_hides_no_guess_at_another() {
    let world = world();
    world.enrolled().await;
    let keys = SealKeys::new(2, &SecretBytes::generate(32).unwrap()).unwrap();
    let totp = Totp::from_shared("Acme".parse().unwrap(), keys, Arc::clone(&world.store) as _);
    let world = World {
        totp: totp.clock(world.clock.clone()).audit(world.events.clone()),
        ..world
    };
    let secret = world.enrolled().await;
    let token = world.challenge().await;
    let guessed = world.verify(&token, &world.wrong(&secret)).await;
    assert_eq!(guessed, Err(TotpErrorKind::Unreadable));
    let told = drain(&world.events);
    assert_eq!(
        told,
        [
            (EventKind::DecryptFail, Some("totp_secret"), None),
            (EventKind::MfaFail, Some("wrong_code"), Some(1)),
        ]
    );
    let right = world.shown(&secret, 0);
    assert!(world.verify(&token, &right).await.is_ok());
}
