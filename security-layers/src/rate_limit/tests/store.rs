use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use proptest::prelude::*;

use super::super::gcra::Gcra;
use super::super::quota::{Quota, SlidingWindow};
use super::super::store::{Algorithm, Store};
use super::super::window::Window;
use super::{SECOND, keys, n};

fn store(quota: Quota, capacity: usize) -> Store<Gcra> {
    Store::new(Gcra::new(quota), keys(capacity))
}

fn take<A: Algorithm>(store: &Store<A>, hash: u64, now: u64) -> bool {
    let mut held = store.hold(hash, now);
    match held.attempt(n(1)) {
        Ok(next) => {
            held.commit(next);
            true
        }
        Err(_) => false,
    }
}

/// Hashes as a good hash function makes them.
fn hash(key: u64) -> u64 {
    let mut x = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn limit<A: Algorithm>(store: &Store<A>, key: u64, now: u64) {
    while take(store, hash(key), now) {}
}

#[test]
fn each_key_has_its_own_bucket() {
    let store = store(Quota::per_second(n(2)), 1000);
    for key in 0..300 {
        assert!(take(&store, hash(key), 0));
        assert!(take(&store, hash(key), 0));
        assert!(!take(&store, hash(key), 0));
    }
    assert_eq!(store.survey(0).0, 300);
    assert_eq!(store.survey(SECOND).0, 0, "full buckets are not active");
    assert!(take(&store, 0, 0), "the hash 0 is a key like others");
    assert!(take(&store, 0, 0));
    assert!(!take(&store, 0, 0));
}

#[test]
fn what_is_not_committed_takes_no_room() {
    let store = store(Quota::per_second(n(1)), 1);
    assert!(take(&store, 1, 0));
    for key in 2..100 {
        // A newcomer is admitted to the shared bucket only, for the one slot belongs to a limited key.
        assert!(store.hold(key, 0).attempt(n(1)).is_ok());
    }
    assert!(!take(&store, 1, 0));
    for key in 2..100 {
        assert!(store.hold(key, 2 * SECOND).attempt(n(1)).is_ok());
    }
    assert_eq!(store.survey(0).0, 1);
}

#[test]
fn idle_keys_give_way_first() {
    let store = store(Quota::per_second(n(10)), 32);
    for key in 0..31 {
        assert!(take(&store, hash(key), 0));
    }
    limit(&store, 31, 0);
    // A tenth of a second later the first 31 are idle: as many newcomers take their slots.
    let now = SECOND / 10;
    for key in 100..131 {
        assert!(take(&store, hash(key), now));
        assert!(take(&store, hash(key), now));
    }
    let (active, tally) = store.survey(now);
    assert_eq!((active, tally.evicted, tally.overflowed), (32, 0, 0));
    limit(&store, 31, now);
    assert!(!take(&store, hash(31), now));
}

#[test]
fn then_the_key_that_was_charged_least() {
    let store = store(Quota::per_second(n(10)), 32);
    for key in 0..32 {
        for _ in 0..=key % 8 {
            assert!(take(&store, hash(key), 0));
        }
    }
    assert!(take(&store, hash(100), 0));
    assert_eq!(store.survey(0).1.evicted, 1);
    // Of those charged once, one has lost its unit; the newcomer itself is charged once, too. The
    // others still have what they were charged.
    for key in (0..32).filter(|key| key % 8 > 0) {
        let left = store.hold(hash(key), 0).standing().remaining;
        assert_eq!(u64::from(left), 10 - (1 + key % 8), "key {key}");
    }
}

#[test]
fn a_limited_key_is_never_forgotten() {
    let store = store(Quota::per_minute(n(2)), 256);
    let limited: Vec<u64> = (0..40).collect();
    for &key in &limited {
        limit(&store, key, 0);
    }
    for flood in 1_000..100_000 {
        take(&store, hash(flood), flood);
    }
    for &key in &limited {
        assert!(!take(&store, hash(key), 100_000), "key {key}");
    }
    let (active, tally) = store.survey(100_000);
    assert!(active <= 256);
    assert!(tally.evicted > 0);
}

#[test]
fn where_all_are_limited_newcomers_share_one_bucket() {
    let store = store(Quota::per_second(n(2)), 32);
    for key in 0..32 {
        limit(&store, key, 0);
    }
    let passed = (100..200).filter(|key| take(&store, hash(*key), 0)).count();
    assert_eq!(passed, 2, "all newcomers together get what one key gets");
    let (active, tally) = store.survey(0);
    assert_eq!((active, tally.evicted, tally.overflowed), (32, 0, 100));
    assert!(take(&store, hash(300), SECOND), "until the first is idle");
}

#[test]
fn a_flood_of_made_up_keys_stays_under_the_cap() {
    let capacity = 1000;
    let store = store(Quota::per_minute(n(100)), capacity);
    limit(&store, 7, 0);
    let mut now = 0;
    for key in 0..1_000_000 {
        now += 1000;
        take(&store, hash(1 << 40 | key), now);
    }
    let (active, tally) = store.survey(now);
    assert!(active <= capacity);
    assert!(
        active > capacity * 9 / 10,
        "a full store uses its room, not {active}"
    );
    assert_eq!(tally.overflowed, 0);
    // 1 s has passed: one unit of the limited key came back, and no more.
    assert!(take(&store, hash(7), now));
    assert!(!take(&store, hash(7), now));
}

#[test]
fn a_flood_does_not_make_windows_forget_either() {
    let store = Store::new(Window::new(SlidingWindow::per_minute(n(3))), keys(64));
    limit(&store, 7, 0);
    for key in 0..10_000 {
        take(&store, hash(1 << 40 | key), key);
    }
    assert!(!take(&store, hash(7), 10_000));
    assert!(store.survey(10_000).0 <= 64);
    assert!(take(&store, hash(7), 60 * SECOND));
}

#[test]
fn up_to_seven_tenths_of_the_room_next_to_nobody_is_pushed_out() {
    let capacity = 100_000;
    let store = store(Quota::per_hour(n(2)), capacity);
    for key in 0..70_000 {
        take(&store, hash(key), 0);
    }
    let evicted = store.survey(0).1.evicted;
    assert!(evicted < 140, "{evicted}");
}

#[test]
fn any_capacity_works() {
    for capacity in [1, 2, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 4097] {
        let store = store(Quota::per_second(n(1)), capacity);
        for key in 0..10_000 {
            take(&store, hash(key), 0);
        }
        let (active, _) = store.survey(0);
        assert!(active <= capacity, "{active} of {capacity}");
        assert!(active * 20 + 20 >= capacity * 19, "{active} of {capacity}");
    }
}

#[test]
fn threads_that_race_for_a_key_get_exactly_what_there_is() {
    let (threads, limit) = (8, 1000);
    let store = store(Quota::per_hour(n(limit)), 64);
    let passed = AtomicU32::new(0);
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (store, passed, start) = (&store, &passed, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..limit {
                    // Made-up keys beside it, so that slots change hands meanwhile.
                    let other = (u64::from(round) << 8) + thread as u64;
                    take(store, hash(1 << 40 | other), 0);
                    if take(store, hash(7), 0) {
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), limit);
}

proptest! {
    /// With room for all keys the store is a map; never, with any room, does a key get more than the
    /// map would give it unless it was pushed out, which is counted.
    #[test]
    fn it_is_a_map_with_a_bound(
        capacity in 1usize..200,
        steps in prop::collection::vec((0u64..50, 0u64..SECOND / 4), 1..400)
    ) {
        let quota = Quota::per_second(n(3));
        let (store, gcra) = (store(quota, capacity), Gcra::new(quota));
        let mut map = std::collections::HashMap::<u64, u64>::new();
        let mut now = 0;
        let (mut passed, mut due) = (0u64, 0u64);
        for (key, pause) in steps {
            now += pause;
            let ours = take(&store, hash(key), now);
            let state = map.entry(key).or_default();
            let theirs = gcra.attempt(state, now, n(1));
            if let Ok(next) = theirs {
                gcra.commit(state, next);
            }
            if capacity >= 128 {
                prop_assert_eq!(ours, theirs.is_ok());
            }
            passed += u64::from(ours);
            due += u64::from(theirs.is_ok());
        }
        let (active, tally) = store.survey(now);
        prop_assert!(active <= capacity);
        prop_assert!(passed <= due + 3 * tally.evicted + tally.overflowed);
    }
}
