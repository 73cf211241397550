use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::audit::{Context, EventKind};
use crate::id::TenantId;
use crate::testing::{ManualClock, Recorder};
use crate::time::{Clock as _, Timestamp};
use portcullis_secrets::SecretBytes;

const MINUTE: Duration = Duration::from_secs(60);

/// Kind, reason and count of what has happened since the last time.
fn drain(events: &Recorder) -> Vec<(EventKind, Option<&'static str>, Option<u64>)> {
    let events = events.take().into_iter();
    events
        .map(|event| (event.kind(), event.reason_ref(), event.count_ref()))
        .collect()
}

struct World {
    gate: AuthGate,
    clock: ManualClock,
    events: Recorder,
    tenant: TenantId,
}

fn world() -> World {
    let clock = ManualClock::default();
    let events = Recorder::default();
    let key = || SecretBytes::generate(32).unwrap();
    let devices = DeviceKeys::new(1, &key()).unwrap();
    let gate = AuthGate::new(&key(), devices).unwrap();
    World {
        gate: gate.clock(clock.clone()).audit(events.clone()),
        clock,
        events,
        tenant: "acme".parse().unwrap(),
    }
}

fn from(ip: &str) -> Context {
    Context::default().ip(ip.parse().unwrap())
}

impl World {
    /// A wrong password: whether it was looked at, or when it would be.
    async fn fail(&self, attempt: &Attempt<'_>) -> Result<(), Duration> {
        match self.gate.begin(attempt).await {
            Decision::Permit(permit) => {
                permit.failed("wrong_password", None);
                Ok(())
            }
            Decision::Limited(limited) => Err(limited.retry_after()),
            Decision::ChallengeRequired => panic!("no challenge is due"),
        }
    }

    async fn succeed(&self, attempt: &Attempt<'_>) -> bool {
        match self.gate.begin(attempt).await {
            Decision::Permit(permit) => {
                permit.succeeded(&"u-1".parse().unwrap(), None).await;
                true
            }
            _ => false,
        }
    }
}

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

/// Counts how often a password was hashed.
#[derive(Default)]
struct Hasher(std::sync::atomic::AtomicU32);

// AUTH case 37
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_parallel_wrong_passwords_no_more_than_five_are_hashed() {
    let world = Arc::new(world());
    let hasher = Arc::new(Hasher::default());
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (world, hasher) = (Arc::clone(&world), Arc::clone(&hasher));
            tokio::spawn(async move {
                let attempt = Attempt::password(&world.tenant, "ann");
                if let Decision::Permit(permit) = world.gate.begin(&attempt).await {
                    hasher.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    // All hashes take so long that no one is done before the last has begun.
                    tokio::task::yield_now().await;
                    permit.failed("wrong_password", None);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(hasher.0.load(std::sync::atomic::Ordering::SeqCst), 5);
}

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
    let Decision::Permit(permit) = world.gate.begin(&known).await else {
        panic!("an hour has passed");
    };
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
    let Decision::Permit(permit) = world.gate.begin(&known).await else {
        panic!("the identifier has tries left");
    };
    assert!(!permit.trusted_device());
    permit.withdrawn().await;
    // For another name the cookie is none.
    let bob = Attempt::password(&world.tenant, "bob").device(Some(cookie.value().expose_secret()));
    let Decision::Permit(permit) = world.gate.begin(&bob).await else {
        panic!("nobody has failed for bob");
    };
    assert!(!permit.trusted_device());
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
async fn a_gate_without_limits_admits_all_and_still_tells() {
    let mut world = world();
    let store = Arc::new(MemoryStore::default());
    world.gate = world.gate.store_from_shared(Arc::clone(&store) as _);
    let limited = world.gate.clone();
    world.gate = world.gate.danger_unlimited();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    for _ in 0..200 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert!(world.succeed(&ann).await);
    assert!(store.is_empty(), "nothing is counted");
    let told = drain(&world.events);
    let fail = (EventKind::LoginFail, Some("wrong_password"), None);
    assert_eq!(told[..200], [fail; 200]);
    assert_eq!(told[200..], [(EventKind::LoginSuccess, None, None)]);
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    let known = ann.device(Some(cookie.value().expose_secret()));
    let Decision::Permit(permit) = world.gate.begin(&known).await else {
        panic!("there is no limit");
    };
    assert!(permit.trusted_device());
    // Setting it made another gate.
    world.gate = limited;
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert!(world.fail(&ann).await.is_err());
}

#[tokio::test]
async fn an_attempt_without_an_answer_counts_as_a_failure() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        let Decision::Permit(permit) = world.gate.begin(&ann).await else {
            panic!("it is free");
        };
        drop(permit);
    }
    assert!(world.fail(&ann).await.is_err());
}

#[tokio::test]
async fn what_was_not_checked_is_given_back_but_for_the_name() {
    let world = world();
    let cafe = from("192.0.2.7");
    let withdraw = async |attempt: &Attempt<'_>| {
        let Decision::Permit(permit) = world.gate.begin(attempt).await else {
            panic!("it was given back");
        };
        permit.withdrawn().await;
    };
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    for _ in 0..40 {
        withdraw(&ann).await;
    }
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    // Whoever keeps the hashing busy learns no more names than others.
    for n in 1..20 {
        let name = format!("name-{n}");
        withdraw(&Attempt::password(&world.tenant, &name).context(&cafe)).await;
    }
    let last = Attempt::password(&world.tenant, "one-more").context(&cafe);
    assert_eq!(world.fail(&last).await, Err(60 * MINUTE));
}

/// Thirty failures for ten names.
async fn fill(world: &World, context: &Context) {
    for n in 0..30 {
        let name = format!("name-{}", n % 10);
        let attempt = Attempt::password(&world.tenant, &name).context(context);
        assert_eq!(world.fail(&attempt).await, Ok(()), "{n}");
    }
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
async fn nothing_is_given_back_to_a_time_that_was_not_charged() {
    let world = world();
    let cafe = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
    let Decision::Permit(slow) = world.gate.begin(&ann).await else {
        panic!("it is free");
    };
    world.clock.advance(10 * MINUTE);
    fill(&world, &cafe).await;
    slow.succeeded(&"u-1".parse().unwrap(), None).await;
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
        let Decision::Permit(permit) = world.gate.begin(&known).await else {
            panic!("nine are not ten");
        };
        assert!(permit.trusted_device());
        permit.succeeded(&"u-1".parse().unwrap(), None).await;
    }
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

#[tokio::test]
async fn tenants_do_not_share_counters() {
    let world = world();
    let other = "other".parse().unwrap();
    let cafe = from("192.0.2.7");
    for _ in 0..40 {
        let ann = Attempt::password(&world.tenant, "ann").context(&cafe);
        let _limited_later = world.fail(&ann).await;
    }
    let ann = Attempt::password(&other, "ann").context(&cafe);
    assert_eq!(world.fail(&ann).await, Ok(()));
}

#[tokio::test]
async fn attempts_that_are_held_back_are_told_once_a_minute() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    let fail = (EventKind::LoginFail, Some("wrong_password"), None);
    let last = (EventKind::LoginFailMax, Some("identifier"), Some(5));
    assert_eq!(drain(&world.events), [fail, fail, fail, fail, fail, last]);
    for _ in 0..10 {
        assert!(world.fail(&ann).await.is_err());
    }
    let lock = |count| (EventKind::LoginLock, Some("identifier"), Some(count));
    assert_eq!(drain(&world.events), [lock(1)]);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.fail(&ann).await, Ok(()));
    world.clock.advance(Duration::from_secs(30));
    assert!(world.fail(&ann).await.is_err());
    assert_eq!(drain(&world.events), [fail, lock(10)]);
}

#[tokio::test]
async fn events_do_not_tell_what_was_typed_as_a_name() {
    let world = world();
    let typed = "correct horse battery staple";
    let attempt = Attempt::password(&world.tenant, typed);
    assert_eq!(world.fail(&attempt).await, Ok(()));
    let events = world.events.take();
    let subject = events[0].subject_ref().unwrap();
    assert!(
        subject.starts_with("id:") && subject.len() == 19,
        "{subject}"
    );
    assert!(!format!("{events:?} {:?}", world.gate).contains("staple"));
}

/// A store that is out of reach while it is told to be.
#[derive(Debug, Default)]
struct Flaky {
    inner: MemoryStore,
    down: std::sync::atomic::AtomicBool,
    asked: std::sync::atomic::AtomicU32,
}

impl Flaky {
    fn check(&self) -> Result<(), crate::store::StoreError> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match self.down.load(std::sync::atomic::Ordering::SeqCst) {
            true => Err(crate::store::StoreErrorKind::Unavailable.into()),
            false => Ok(()),
        }
    }
}

impl ThrottleStore for Flaky {
    fn charge<'a>(
        &'a self,
        charge: &'a Charge,
        now: Timestamp,
    ) -> crate::store::Answer<'a, Verdict> {
        Box::pin(async move {
            self.check()?;
            self.inner.charge(charge, now).await
        })
    }

    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> crate::store::Answer<'a, ()> {
        Box::pin(async move {
            self.check()?;
            self.inner.settle(charge, admission, settlement, now).await
        })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> crate::store::Answer<'_, u64> {
        self.inner.purge(now, limit)
    }
}

#[tokio::test]
async fn while_the_store_is_down_the_instance_counts_by_itself() {
    let mut world = world();
    let store = Arc::new(Flaky::default());
    world.gate = world.gate.store_from_shared(Arc::clone(&store) as _);
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
    assert_eq!(
        store.asked.load(std::sync::atomic::Ordering::SeqCst),
        6,
        "it is left alone for a second"
    );
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(29)));
    assert_eq!(store.asked.load(std::sync::atomic::Ordering::SeqCst), 7);
    let told = drain(&world.events);
    let fallback = (
        EventKind::ThrottleFallback,
        Some("store_unavailable"),
        Some(1),
    );
    assert_eq!(told.iter().filter(|event| **event == fallback).count(), 1);

    // Nor does a sign-in that was right while it is down leave anything behind here.
    let eve = Attempt::password(&world.tenant, "eve");
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(world.fail(&eve).await, Ok(()));
        }
        assert!(world.succeed(&eve).await);
    }
    // When it is back, what it knew still counts.
    store.down.store(false, std::sync::atomic::Ordering::SeqCst);
    let now = world.clock.now();
    world.clock.set(now.minus(MINUTE));
    assert!(world.fail(&ann).await.is_err());
    let asked = store.asked.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        asked, 8,
        "a clock that is set back does not make it rest for longer"
    );
    world.clock.set(now.plus(Duration::from_secs(1)));
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(28)));
    // A sign-in that was right stays right when only its refund fails.
    let bob = Attempt::password(&world.tenant, "bob");
    let Decision::Permit(permit) = world.gate.begin(&bob).await else {
        panic!("nobody has failed for bob");
    };
    store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    permit.succeeded(&"u-2".parse().unwrap(), None).await;
    let told = drain(&world.events);
    assert!(told.iter().any(|event| event.0 == EventKind::LoginSuccess));
}

#[tokio::test]
async fn a_flood_of_made_up_names_does_not_push_out_the_victims_counter() {
    let mut world = world();
    let store = Arc::new(MemoryStore::new(NonZeroUsize::new(100).unwrap()));
    world.gate = world.gate.store_from_shared(Arc::clone(&store) as _);
    let ann = Attempt::password(&world.tenant, "ann");
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    for n in 0..10_000 {
        let name = format!("name-{n}");
        let made_up = Attempt::password(&world.tenant, &name);
        assert_eq!(world.fail(&made_up).await, Ok(()));
        assert!(store.len() <= 100);
    }
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
    // And what nobody asks for again does not stay.
    world.clock.advance(6 * 24 * 60 * MINUTE);
    for n in 0..100 {
        let name = format!("later-{n}");
        let made_up = Attempt::password(&world.tenant, &name);
        assert_eq!(world.fail(&made_up).await, Ok(()));
    }
    assert_eq!(world.fail(&ann).await, Ok(()));
}

#[test]
fn a_wrong_policy_cannot_be_had() {
    let limit = |max, per| Limit::new(std::num::NonZeroU32::new(max).unwrap(), per);
    let n = |n| std::num::NonZeroU32::new(n).unwrap();
    assert!(limit(1, Duration::from_secs(1)).is_ok());
    for (error, text) in [
        (
            limit(1001, MINUTE).unwrap_err(),
            "a limit is 1,000 failures at most",
        ),
        (
            limit(1, Duration::ZERO).unwrap_err(),
            "a limit is for a time of one second to one day",
        ),
        (
            limit(1, 1441 * MINUTE).unwrap_err(),
            "a limit is for a time of one second to one day",
        ),
        (
            Policy::default().challenge_after(n(101)).unwrap_err(),
            "a challenge is due after 100 failures in a row at the latest",
        ),
        (
            Policy::default().free_tries(n(101)).unwrap_err(),
            "there cannot be more free tries than failures before a challenge",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn debug_shows_neither_names_nor_cookies() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "my-password-by-mistake");
    let shown = format!("{:?} {:?}", ann.device(Some("the-cookie")), world.gate);
    assert!(shown.contains("acme"), "{shown}");
    for secret in ["my-password-by-mistake", "the-cookie"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_services_hold_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static + std::fmt::Debug>() {}
    shared::<AuthGate>();
    shared::<Policy>();
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
