//! What every [`ThrottleStore`] must do, as tests that any store can be put to.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretBytes;

use super::device::{DeviceId, Owner};
use super::key::folded;
use super::{
    Admission, Attempt, AuthGate, Charge, DEVICE_LIFETIME, DeviceKeys, Grant, Limit, MemoryStore,
    Policy, PolicyError, Scope, Settlement, ThrottleStore, Verdict,
};
use crate::audit::Context;
use crate::id::TenantId;
use crate::testing::ManualClock;
use crate::time::{Clock as _, Timestamp};

/// Puts a store to the test: what it answers to tables and to random attempts, to parallel ones, and what it purges.
///
/// It needs a runtime with its timer on, and should have several threads. What others keep in the same store does not
/// matter, unless it is purged.
///
/// # Panics
///
/// When the store fails, or does not do what it should.
pub async fn store_conformance(store: Arc<dyn ThrottleStore>) {
    of_parallel_charges_no_more_are_admitted_than_there_is_room_for(&store).await;
    parallel_charges_over_many_buckets_do_not_block_each_other(&store).await;
    a_success_makes_room_and_a_withdrawal_gives_it_back(&store).await;
    what_is_forgotten_is_purged(&store).await;
    let mut seen = Seen::default();
    for seed in 0..8 {
        the_store_agrees_with_the_memory_store(&*store, seed, &mut seen).await;
    }
    let Seen {
        trusted,
        challenged,
        limited,
    } = seen;
    assert!(trusted && challenged && limited.len() == 4, "{limited:?}");
}

/// What random attempts have met, so that nobody can take their agreement for more than it is.
#[derive(Default)]
struct Seen {
    trusted: bool,
    challenged: bool,
    limited: HashSet<Scope>,
}

impl Seen {
    fn note(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Admitted(admission) => self.trusted |= admission.trusted,
            Verdict::Limited { scope, .. } => {
                self.limited.insert(*scope);
            }
            Verdict::ChallengeRequired => self.challenged = true,
        }
    }
}

/// Makes charges as a gate does, for a tenant that nobody else has.
struct Charges {
    gate: AuthGate,
    devices: DeviceKeys,
    tenant: TenantId,
    now: Timestamp,
}

impl Charges {
    fn new() -> Self {
        let key = SecretBytes::generate(32).expect("there is randomness");
        let tenant = SecretBytes::generate(16).expect("there is randomness");
        let tenant = tenant.to_hex().expose_secret().parse();
        let keys = || DeviceKeys::new(1, &key).expect("the key is random");
        Self {
            gate: AuthGate::new(&key, keys()).expect("the key is random"),
            devices: keys(),
            tenant: tenant.expect("it is an identifier"),
            now: ManualClock::default().now(),
        }
    }

    fn password(&self, name: &str, ip: Option<IpAddr>, device: Option<u8>) -> Charge {
        self.charge(Attempt::password(&self.tenant, name), ip, device)
    }

    fn charge(&self, attempt: Attempt<'_>, ip: Option<IpAddr>, device: Option<u8>) -> Charge {
        let folded = folded(attempt.identifier.unwrap_or_default());
        let owner = Owner {
            tenant: &self.tenant,
            folded: &folded,
        };
        let cookie = device.map(|id| {
            let end = self.now.plus(DEVICE_LIFETIME);
            self.devices.sign(DeviceId([id; 16]), owner, end)
        });
        let context = ip.map_or_else(Context::default, |ip| Context::default().ip(ip));
        let cookie = cookie.as_ref().map(|cookie| cookie.value().expose_secret());
        let attempt = attempt.device(cookie).context(&context);
        self.gate.charge(&attempt, self.now)
    }
}

async fn charge(store: &dyn ThrottleStore, charge: &Charge, now: Timestamp) -> Verdict {
    store.charge(charge, now).await.expect("the store answers")
}

async fn settle(
    store: &dyn ThrottleStore,
    charge: &Charge,
    admission: &Admission,
    settlement: Settlement,
    now: Timestamp,
) {
    let settled = store.settle(charge, admission, settlement, now).await;
    settled.expect("the store answers");
}

fn is_admitted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Admitted(_))
}

async fn of_parallel_charges_no_more_are_admitted_than_there_is_room_for(
    store: &Arc<dyn ThrottleStore>,
) {
    let charges = Charges::new();
    let ip = Some(IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)));
    for (device, room) in [(None, 5), (Some(7), 15)] {
        let name = format!("parallel-{room}");
        let one = Arc::new(charges.password(&name, ip, device));
        let now = charges.now;
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (store, one) = (Arc::clone(store), Arc::clone(&one));
                tokio::spawn(async move { charge(&*store, &one, now).await })
            })
            .collect();
        let mut counts = Vec::new();
        for task in tasks {
            if let Verdict::Admitted(admission) = task.await.expect("nothing panics") {
                counts.push((admission.trusted, admission.count));
            }
        }
        counts.sort_unstable();
        // Each saw a count of its own. A device that is trusted has ten tries before it is one of all.
        let untrusted = (1..=5).map(|count| (false, count));
        let trusted = (1..=room - 5).map(|count| (true, count));
        let expected: Vec<_> = untrusted
            .chain(trusted.filter(|_| device.is_some()))
            .collect();
        assert_eq!(counts, expected, "{device:?}");
    }
}

async fn parallel_charges_over_many_buckets_do_not_block_each_other(
    store: &Arc<dyn ThrottleStore>,
) {
    let charges = Charges::new();
    let now = charges.now;
    let tasks: Vec<_> = (0..64_u16)
        .map(|n| {
            // Eight names from eight addresses of one network: each pair shares one or the other with fourteen others.
            let ip = Ipv6Addr::new(0x2001, 0xdb8, 1, n / 8, 0, 0, 0, 1);
            let name = format!("name-{}", n % 8);
            let one = charges.password(&name, Some(ip.into()), None);
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let verdict = charge(&*store, &one, now).await;
                if let Verdict::Admitted(admission) = verdict {
                    settle(&*store, &one, &admission, Settlement::Withdrawn, now).await;
                }
                is_admitted(&verdict)
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("nothing panics");
    }
    // All charges were given back: there is as much room as at the start.
    let ip = Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 9).into());
    for n in 0..5 {
        let one = charges.password("name-0", ip, None);
        assert!(is_admitted(&charge(&**store, &one, now).await), "{n}");
    }
}

async fn a_success_makes_room_and_a_withdrawal_gives_it_back(store: &Arc<dyn ThrottleStore>) {
    let store = &**store;
    let charges = Charges::new();
    let now = charges.now;
    let ip = Some(IpAddr::from(Ipv4Addr::new(192, 0, 2, 2)));
    // More names than an address may fail for.
    for n in 0..30 {
        let one = charges.password(&format!("busy-{n}"), ip, None);
        let Verdict::Admitted(admission) = charge(store, &one, now).await else {
            panic!("a name was not given back: {n}");
        };
        settle(store, &one, &admission, Settlement::Withdrawn, now).await;
    }
    let one = charges.password("ann", ip, None);
    for settlement in [Settlement::Withdrawn, Settlement::Succeeded] {
        for _ in 0..40 {
            let Verdict::Admitted(admission) = charge(store, &one, now).await else {
                panic!("a charge was not given back upon {settlement:?}");
            };
            assert_eq!((admission.count, admission.total), (1, 1));
            settle(store, &one, &admission, settlement, now).await;
        }
    }
    for _ in 0..5 {
        assert!(is_admitted(&charge(store, &one, now).await));
    }
    let expected = Verdict::Limited {
        scope: Scope::Identifier,
        retry_after: Duration::from_secs(30),
    };
    assert_eq!(charge(store, &one, now).await, expected);
}

async fn what_is_forgotten_is_purged(store: &Arc<dyn ThrottleStore>) {
    let store = &**store;
    let charges = Charges::new();
    let now = charges.now;
    let one = charges.password("forgotten", None, None);
    for _ in 0..5 {
        assert!(is_admitted(&charge(store, &one, now).await));
    }
    purge(store, now).await;
    assert!(
        !is_admitted(&charge(store, &one, now).await),
        "it is not forgotten"
    );
    let later = now.plus(Duration::from_secs(91 * 24 * 60 * 60));
    purge(store, later).await;
    let verdict = charge(store, &one, now).await;
    let purged = match verdict {
        Verdict::Admitted(admission) => admission.total == 1,
        // A store that forgets by itself goes by a clock of its own.
        _ => store.purge(later, 1).await.expect("the store answers") == 0,
    };
    assert!(purged, "{verdict:?}");
}

async fn purge(store: &dyn ThrottleStore, now: Timestamp) {
    while store.purge(now, 100).await.expect("the store answers") > 0 {}
}

/// Limits that are reached soon.
fn narrow() -> Result<Policy, PolicyError> {
    let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let hour = Duration::from_secs(60 * 60);
    Policy::default()
        .device(Limit::new(n(2), hour)?)
        .address(Limit::new(n(4), hour)?)
        .spray(Limit::new(n(3), hour)?)
        .free_tries(n(3))?
        .challenge_after(n(8))
}

async fn the_store_agrees_with_the_memory_store(
    store: &dyn ThrottleStore,
    seed: u64,
    seen: &mut Seen,
) {
    let mut charges = Charges::new();
    if seed % 2 == 1 {
        let policy = narrow().expect("it can be had");
        charges.gate = charges.gate.policy(policy);
    }
    let memory = MemoryStore::default();
    let mut random = Random(seed);
    // What is settled later, when others have been charged since or the time for which it counted is over.
    let mut under_way: Vec<(Charge, Admission)> = Vec::new();
    for step in 0..300 {
        // Bursts in which limits are reached, and between them time for one or the other to be forgotten.
        let seconds = match step % 100 {
            99 => [1000, 2700, 3700, 12_000, 90_000][random.below(5)],
            _ => [0, 0, 0, 0, 1, 20, 40][random.below(7)],
        };
        let pause = Duration::from_millis(seconds * 1000 + 7);
        charges.now = charges.now.plus(pause);
        // Whoever reads the clock first need not be charged first, and clocks of instances differ.
        let behind = [0, 0, 0, 3, 9000][random.below(5)];
        let now = charges.now.minus(Duration::from_millis(behind));
        let name =
            ["ann", "bob", "cid", "dan", &format!("name-{step}")][random.below(5)].to_owned();
        let ip: Option<IpAddr> = match random.below(6) {
            0 => None,
            1 => Some(Ipv4Addr::new(192, 0, 2, 3).into()),
            2 => Some(Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1).into()),
            _ => {
                let subnet = u16::try_from(step).unwrap_or_default();
                Some(Ipv6Addr::new(0x2001, 0xdb8, 2, subnet, 0, 0, 0, 1).into())
            }
        };
        let device = (random.below(4) == 0).then_some(1);
        let one = match random.below(8) {
            0 => charges.charge(Attempt::with(&charges.tenant, Grant::MagicLink), ip, None),
            1 => {
                let link = Attempt::with(&charges.tenant, Grant::MagicLink).identifier(&name);
                charges.charge(link, ip, device)
            }
            2 => {
                let again = Attempt::password(&charges.tenant, &name).challenge_passed();
                charges.charge(again, ip, device)
            }
            _ => charges.password(&name, ip, device),
        };
        let expected = charge(&memory, &one, now).await;
        let verdict = charge(store, &one, now).await;
        assert_eq!(verdict, expected, "seed {seed}, step {step}");
        seen.note(&verdict);
        if let Verdict::Admitted(admission) = verdict {
            under_way.push((one, admission));
        }
        let settlement = match random.below(16) {
            0 => Some(Settlement::Succeeded),
            1 | 2 => Some(Settlement::Withdrawn),
            _ => None,
        };
        if let Some(settlement) = settlement
            && !under_way.is_empty()
        {
            // Of the last few, so that most have not been forgotten.
            let back = 1 + random.below(under_way.len().min(6));
            let (one, admission) = under_way.swap_remove(under_way.len() - back);
            settle(&memory, &one, &admission, settlement, now).await;
            settle(store, &one, &admission, settlement, now).await;
        }
    }
}

/// A sequence of numbers that is the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let below = (mixed ^ (mixed >> 31)) % (end as u64);
        usize::try_from(below).unwrap_or_default()
    }
}
