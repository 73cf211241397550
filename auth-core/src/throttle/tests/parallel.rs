use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::store::Answer;

/// Makes hashes, and counts them.
#[derive(Default)]
struct Hasher {
    made: AtomicU32,
    /// Of the paused clock. Where time passes by itself a hash takes none.
    takes: Option<Duration>,
}

impl Hasher {
    fn slow() -> Arc<Self> {
        Arc::new(Self {
            takes: Some(Duration::from_millis(50)),
            ..Self::default()
        })
    }

    async fn hash(&self) {
        self.made.fetch_add(1, Ordering::SeqCst);
        match self.takes {
            Some(time) => tokio::time::sleep(time).await,
            None => tokio::task::yield_now().await,
        }
    }

    fn hashes(&self) -> u32 {
        self.made.load(Ordering::SeqCst)
    }
}

/// A store whose answers take a while to come.
#[derive(Debug, Default)]
struct Remote(MemoryStore);

impl ThrottleStore for Remote {
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> Answer<'a, Verdict> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let verdict = self.0.charge(charge, now).await;
            tokio::task::yield_now().await;
            verdict
        })
    }

    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.settle(charge, admission, settlement, now).await?;
            tokio::task::yield_now().await;
            Ok(())
        })
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        self.0.purge(now, limit)
    }
}

fn remote_world() -> Arc<World> {
    let mut world = world();
    world.gate = world.gate.store(Remote::default());
    Arc::new(world)
}

/// What the attempts of `names` come to that are all made at once: `Ok` for those whose password was looked at.
async fn at_once(
    world: &Arc<World>,
    hasher: &Arc<Hasher>,
    names: impl IntoIterator<Item = String>,
    is_right: bool,
) -> Vec<Result<(), Limited>> {
    let tasks = names.into_iter().map(|name| {
        let (world, hasher) = (Arc::clone(world), Arc::clone(hasher));
        tokio::spawn(async move {
            let office = from("192.0.2.7");
            let attempt = Attempt::password(&world.tenant, &name).context(&office);
            match world.gate.begin(&attempt).await {
                Decision::Permit(permit) => {
                    hasher.hash().await;
                    if is_right {
                        permit.succeeded(&"u-1".parse().unwrap(), None).await;
                    } else {
                        permit.failed("wrong_password", None);
                    }
                    Ok(())
                }
                Decision::Limited(limited) => Err(limited),
                Decision::ChallengeRequired => panic!("no challenge is due"),
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn times<T>(count: usize, name: T) -> impl Iterator<Item = String>
where
    T: Into<String>,
{
    std::iter::repeat_n(name.into(), count)
}

// AUTH case 37
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_parallel_wrong_passwords_no_more_than_five_are_hashed() {
    let (world, hasher) = (remote_world(), Arc::default());
    let outcomes = at_once(&world, &hasher, times(50, "ann"), false).await;
    assert_eq!(hasher.hashes(), 5);
    for limited in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(limited.scope(), Scope::Identifier);
        assert_eq!(limited.retry_after_secs(), 30);
    }
    assert!(world.gate.nobody_is_undecided());
}

#[tokio::test(start_paused = true)]
async fn who_is_limited_by_attempts_that_fail_hears_of_it_as_soon_as_they_have() {
    let (world, hasher) = (remote_world(), Hasher::slow());
    let begun = tokio::time::Instant::now();
    let outcomes = at_once(&world, &hasher, times(50, "ann"), false).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_err()).count(),
        45
    );
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
    // And at once while nobody is under way.
    let outcomes = at_once(&world, &hasher, times(50, "ann"), false).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(begun.elapsed(), Duration::from_millis(50));
}

// More than five of one name were refused although all were right.
#[tokio::test(start_paused = true)]
async fn all_of_many_parallel_right_passwords_of_one_name_are_accepted() {
    let (world, hasher) = (remote_world(), Hasher::slow());
    for _ in 0..3 {
        let outcomes = at_once(&world, &hasher, times(20, "ann"), true).await;
        assert_eq!(outcomes, [Ok(()); 20]);
    }
    assert!(world.gate.nobody_is_undecided());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_of_many_parallel_right_passwords_are_accepted_on_many_threads() {
    let (world, hasher) = (remote_world(), Arc::default());
    let outcomes = at_once(&world, &hasher, times(20, "ann"), true).await;
    assert_eq!(outcomes, [Ok(()); 20]);
    let names = (0..40).map(|n| format!("name-{n}"));
    let outcomes = at_once(&world, &hasher, names, true).await;
    assert_eq!(outcomes, [Ok(()); 40]);
    assert!(world.gate.nobody_is_undecided());
}

// More than twenty names from one address were refused although all were right.
#[tokio::test(start_paused = true)]
async fn a_whole_office_signs_in_at_once() {
    let (world, hasher) = (remote_world(), Hasher::slow());
    for _ in 0..3 {
        let names = (0..100).map(|n| format!("name-{n}"));
        let outcomes = at_once(&world, &hasher, names, true).await;
        assert_eq!(outcomes, [Ok(()); 100]);
    }
    assert!(world.gate.nobody_is_undecided());
}

#[tokio::test(start_paused = true)]
async fn a_trusted_device_waits_for_its_own_attempts() {
    let world = Arc::new(world());
    let ann = Attempt::password(&world.tenant, "ann");
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie: Arc<str> = cookie.unwrap().value().expose_secret().into();
    // The name has no room left, since somebody guesses.
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    let tasks = [(); 25].map(|()| {
        let (world, cookie) = (Arc::clone(&world), Arc::clone(&cookie));
        tokio::spawn(async move {
            let ann = Attempt::password(&world.tenant, "ann").device(Some(&cookie));
            let Decision::Permit(permit) = world.gate.begin(&ann).await else {
                return false;
            };
            tokio::time::sleep(Duration::from_millis(50)).await;
            permit.succeeded(&"u-1".parse().unwrap(), None).await;
            true
        })
    });
    for task in tasks {
        assert!(task.await.unwrap());
    }
}

// Who is right is asked for no second step because others are being checked who are right as well.
#[tokio::test(start_paused = true)]
async fn a_challenge_waits_for_attempts_under_way() {
    let mut world = world();
    let five = NonZeroU32::MIN.saturating_add(4);
    let policy = Policy::default().challenge_after(five).unwrap();
    world.gate = world.gate.policy(policy).store(Remote::default());
    let (world, hasher) = (Arc::new(world), Hasher::slow());
    let outcomes = at_once(&world, &hasher, times(20, "ann"), true).await;
    assert_eq!(outcomes, [Ok(()); 20]);
}

#[tokio::test(start_paused = true)]
async fn only_attempts_that_can_make_room_are_waited_for() {
    let world = world();
    let office = from("192.0.2.7");
    let ann = Attempt::password(&world.tenant, "ann").context(&office);
    let cookie = world.gate.trust_device(&ann, &"u-1".parse().unwrap());
    let cookie = cookie.unwrap();
    for _ in 0..5 {
        assert_eq!(world.fail(&ann).await, Ok(()));
    }
    // One that is charged to a device, and one of another name at the same address.
    let known = ann.device(Some(cookie.value().expose_secret()));
    let _known = world.gate.begin(&known).await;
    let bob = Attempt::password(&world.tenant, "bob").context(&office);
    let _bob = world.gate.begin(&bob).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_longer_than_two_seconds() {
    let world = world();
    let ann = Attempt::password(&world.tenant, "ann");
    let mut permits = Vec::new();
    for _ in 0..5 {
        permits.push(world.gate.begin(&ann).await);
    }
    let begun = tokio::time::Instant::now();
    // Not half a minute: when those under way turn out to be right there is room at once.
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(2)));
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    drop(permits);
    assert_eq!(world.fail(&ann).await, Err(Duration::from_secs(30)));
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert!(world.gate.nobody_is_undecided());
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_while_waiting_or_being_checked_leaves_nothing_behind() {
    let world = Arc::new(world());
    let ann = Attempt::password(&world.tenant, "ann");
    let mut permits = Vec::new();
    for _ in 0..5 {
        let permit = world.permit(&ann).await;
        permits.push(permit);
    }
    let waiting = [(); 10].map(|()| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let ann = Attempt::password(&world.tenant, "ann");
            world.succeed(&ann).await
        })
    });
    tokio::task::yield_now().await;
    for task in &waiting[..9] {
        task.abort();
    }
    let last = permits.pop().unwrap();
    drop(permits);
    last.succeeded(&"u-1".parse().unwrap(), None).await;
    let mut outcomes = Vec::new();
    for task in waiting {
        outcomes.push(task.await.unwrap_or(false));
    }
    assert_eq!(outcomes.iter().filter(|signed_in| **signed_in).count(), 1);
    assert!(world.gate.nobody_is_undecided());
}

/// Another instance that shares the store: there is nothing to wait for here.
#[tokio::test(start_paused = true)]
async fn what_others_have_under_way_is_not_waited_for() {
    let world = world();
    let store = Arc::new(MemoryStore::default());
    let key = SecretBytes::generate(32).unwrap();
    let instance = || {
        let gate = AuthGate::new(&key, DeviceKeys::new(1, &key).unwrap()).unwrap();
        gate.clock(world.clock.clone())
            .store_from_shared(Arc::clone(&store) as _)
    };
    let (here, there) = (instance(), instance());
    let ann = Attempt::password(&world.tenant, "ann");
    let mut permits = Vec::new();
    for _ in 0..5 {
        permits.push(there.begin(&ann).await);
    }
    let begun = tokio::time::Instant::now();
    let Decision::Limited(limited) = here.begin(&ann).await else {
        panic!("there is no room");
    };
    assert_eq!(limited.retry_after_secs(), 30);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
