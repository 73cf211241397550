use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretBytes;

use super::*;
use crate::audit::{Actor, Context, EventKind};
use crate::id::ClientId;
use crate::testing::{ManualClock, Recorder};
use crate::time::Clock as _;

const MINUTE: Duration = Duration::from_secs(60);

/// Kind, reason and count of what has happened since the last time.
fn drain(events: &Recorder) -> Vec<(EventKind, Option<&'static str>, Option<u64>)> {
    let events = events.take().into_iter();
    events
        .map(|event| (event.kind(), event.reason_ref(), event.count_ref()))
        .collect()
}

struct World {
    totp: Totp,
    store: Arc<MemoryStore>,
    key: SecretBytes,
    clock: ManualClock,
    events: Recorder,
    owner: Owner,
    client: ClientId,
    context: Context,
}

fn world() -> World {
    let clock = ManualClock::default();
    let (events, store) = (Recorder::default(), Arc::new(MemoryStore::default()));
    let key = SecretBytes::generate(32).unwrap();
    let keys = SealKeys::new(1, &key).unwrap();
    let totp = Totp::from_shared("Acme".parse().unwrap(), keys, Arc::clone(&store) as _);
    World {
        totp: totp.clock(clock.clone()).audit(events.clone()),
        store,
        key,
        clock,
        events,
        owner: Owner::new(&"acme".parse().unwrap(), &"u-1".parse().unwrap()),
        client: "app".parse().unwrap(),
        context: Context::default(),
    }
}

impl World {
    /// A factor in force, whose next code counts.
    async fn enrolled(&self) -> TotpSecret {
        let now = self.clock.now();
        let enrolment = self.totp.enrol(&self.owner, "ann", now, &self.context);
        let enrolment = enrolment.await.unwrap();
        let bytes = SecretBytes::from(enrolment.secret().bytes().expose_secret());
        let secret = TotpSecret::from_bytes(bytes).unwrap();
        let code = secret.code_at(now);
        let activated = self.totp.activate(
            &self.owner,
            enrolment.id(),
            code.expose_digits(),
            &self.context,
        );
        activated.await.unwrap();
        self.clock.advance(PERIOD);
        self.events.take();
        secret
    }

    async fn challenge(&self) -> String {
        let token = self.totp.challenge(&self.owner, &self.client, 3).await;
        let token = token.unwrap().unwrap();
        token.to_text().expose_secret().to_owned()
    }

    async fn verify(&self, token: &str, code: &str) -> Result<Verified, TotpErrorKind> {
        let verified = self.totp.verify(token, &self.client, code, &self.context);
        verified.await.map_err(|error| error.kind())
    }

    /// The code that an authenticator shows whose clock is off by `seconds`.
    fn shown(&self, secret: &TotpSecret, seconds: i64) -> String {
        let off = Duration::from_secs(seconds.unsigned_abs());
        let now = match seconds < 0 {
            true => self.clock.now().minus(off),
            false => self.clock.now().plus(off),
        };
        secret.code_at(now).expose_digits().to_owned()
    }

    /// A code that is wrong in the whole window.
    fn wrong(&self, secret: &TotpSecret) -> String {
        let right = [-30, 0, 30].map(|seconds| self.shown(secret, seconds));
        let codes = ["000000", "000001", "000002", "000003"].map(String::from);
        codes
            .into_iter()
            .find(|code| !right.contains(code))
            .unwrap()
    }
}

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

#[tokio::test]
async fn nothing_secret_is_printed() {
    let world = world();
    let secret = world.enrolled().await;
    let token = world.challenge().await;
    let code = world.shown(&secret, 0);
    let verified = world.verify(&token, &code).await.unwrap();
    let now = world.clock.now();
    let codes = world
        .totp
        .regenerate_recovery_codes(&world.owner, now, &world.context);
    let codes = codes.await.unwrap();
    let factors = world.totp.factors(&world.owner).await.unwrap();
    let events = world.events.take();
    let printed = format!(
        "{:?} {:?} {verified:?} {codes:?} {factors:?} {events:?}",
        world.totp, world.store
    );
    let recovery = codes[0].to_text();
    for secret in [
        secret.to_base32().expose_secret(),
        &token,
        &code,
        recovery.expose_secret(),
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn services_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static + std::fmt::Debug>() {}
    shared::<Totp>();
}
