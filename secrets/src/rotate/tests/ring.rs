use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};

use crate::rotate::KeyState::{Active, Pending, Removed, Retiring, Revoked};
use crate::rotate::{Due, KeyRing, KeyTimes, RingError, RingPolicy, Transition};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// Of the usual timetable for tokens of ten minutes.
const RETIRE: u64 = 600 + 30 + HOUR;

fn policy() -> RingPolicy {
    RingPolicy::settings(Duration::from_secs(600), Duration::from_secs(30))
        .build()
        .unwrap()
}

/// A moment, in seconds after a fixed one.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn ring() -> KeyRing<&'static str> {
    KeyRing::new("access_token", policy())
}

fn signing(ring: &KeyRing<&'static str>, seconds: u64) -> Option<String> {
    Some(ring.signing(at(seconds))?.id().to_owned())
}

fn verifying(ring: &KeyRing<&'static str>, seconds: u64) -> Vec<String> {
    ring.verifying(at(seconds))
        .map(|key| key.id().to_owned())
        .collect()
}

#[test]
fn a_key_goes_from_published_to_removed_by_the_time_alone() {
    let mut ring = ring();
    assert_eq!(
        ring.due(at(0)),
        Some(Due {
            activates: at(0),
            after: None
        })
    );
    ring.publish("a", "material a", at(0)).unwrap();
    assert_eq!(ring.due(at(29 * DAY - 1)), None);
    assert_eq!(
        ring.publish("b", "material b", at(29 * DAY - 1)),
        Err(RingError::NotDue)
    );
    let due = ring.due(at(29 * DAY)).unwrap();
    assert_eq!(
        (due.activates, due.after.as_deref()),
        (at(30 * DAY), Some("a"))
    );
    ring.publish("b", "material b", at(29 * DAY)).unwrap();
    let cases = [
        // The time, the states of both keys, which signs, which verify.
        (0, Active, Pending, "a", vec!["a", "b"]),
        (30 * DAY - 1, Active, Pending, "a", vec!["a", "b"]),
        (30 * DAY, Retiring, Active, "b", vec!["b", "a"]),
        (30 * DAY + RETIRE - 1, Retiring, Active, "b", vec!["b", "a"]),
        (30 * DAY + RETIRE, Removed, Active, "b", vec!["b"]),
        (900 * DAY, Removed, Active, "b", vec!["b"]),
    ];
    for (now, a, b, signs, verify) in cases {
        assert_eq!(
            (ring.state("a", at(now)), ring.state("b", at(now))),
            (Some(a), Some(b)),
            "{now}"
        );
        assert_eq!(signing(&ring, now).as_deref(), Some(signs), "{now}");
        assert_eq!(verifying(&ring, now), verify, "{now}");
        assert_eq!(ring.find("a", at(now)).is_some(), a.verifies(), "{now}");
    }
    assert_eq!(**ring.find("b", at(0)).unwrap().material(), "material b");
    assert!(!format!("{ring:?} {:?}", ring.find("b", at(0))).contains("material b"));
}

#[test]
fn a_key_published_late_still_gives_others_their_time() {
    let mut ring = ring();
    ring.publish("a", "", at(0)).unwrap();
    let times = ring.publish("b", "", at(100 * DAY)).unwrap();
    assert_eq!(times.activates, at(101 * DAY));
    assert_eq!(signing(&ring, 101 * DAY - 1).as_deref(), Some("a"));
    assert_eq!(signing(&ring, 101 * DAY).as_deref(), Some("b"));
}

#[test]
fn a_revoked_key_is_out_at_once_and_brings_none_back() {
    let mut ring = ring();
    ring.publish("a", "", at(0)).unwrap();
    ring.publish("b", "", at(29 * DAY)).unwrap();
    let emergency = 30 * DAY + 60;
    ring.revoke("b", at(emergency)).unwrap();
    assert_eq!(ring.state("b", at(emergency)), Some(Revoked));
    assert_eq!(ring.state("a", at(emergency)), Some(Retiring));
    assert_eq!(signing(&ring, emergency), None);
    assert_eq!(verifying(&ring, emergency), ["a"]);
    let due = ring.due(at(emergency)).unwrap();
    assert_eq!(
        (due.activates, due.after.as_deref()),
        (at(emergency), Some("b"))
    );
    ring.publish("c", "", at(emergency)).unwrap();
    assert_eq!(signing(&ring, emergency).as_deref(), Some("c"));
    assert_eq!(verifying(&ring, emergency), ["c", "a"]);
    // The key of before the revoked one keeps its time, also after the revoked one could be forgotten.
    ring.advance(at(30 * DAY + RETIRE - 1));
    assert_eq!(verifying(&ring, 30 * DAY + RETIRE - 1), ["c", "a"]);
    ring.advance(at(30 * DAY + RETIRE));
    assert_eq!(verifying(&ring, 30 * DAY + RETIRE), ["c"]);
    assert_eq!(ring.state("b", at(30 * DAY + RETIRE)), None);
    assert_eq!(ring.revoke("b", at(emergency)), Err(RingError::UnknownKey));
}

#[test]
fn a_key_revoked_before_it_signed_leaves_its_predecessor_active() {
    let mut ring = ring();
    ring.publish("a", "", at(0)).unwrap();
    ring.publish("b", "", at(29 * DAY)).unwrap();
    ring.revoke("b", at(29 * DAY + HOUR)).unwrap();
    assert_eq!(signing(&ring, 40 * DAY).as_deref(), Some("a"));
    // Its place in the order is not given away a second time.
    assert_eq!(ring.due(at(30 * DAY)).unwrap().after.as_deref(), Some("b"));
    ring.publish("c", "", at(30 * DAY)).unwrap();
    assert_eq!(signing(&ring, 31 * DAY).as_deref(), Some("c"));
}

#[test]
fn an_emergency_does_not_wait_for_a_pending_key() {
    let mut ring = ring();
    ring.publish("a", "", at(0)).unwrap();
    ring.publish("b", "", at(29 * DAY)).unwrap();
    ring.revoke("a", at(29 * DAY)).unwrap();
    assert_eq!(ring.due(at(29 * DAY)).unwrap().after.as_deref(), Some("b"));
    ring.publish("c", "", at(29 * DAY)).unwrap();
    assert_eq!(signing(&ring, 29 * DAY).as_deref(), Some("c"));
    assert_eq!(signing(&ring, 30 * DAY).as_deref(), Some("b"));
    // Though it signs before `b`, it was made after it.
    assert_eq!(ring.due(at(59 * DAY)).unwrap().after.as_deref(), Some("c"));
}

#[test]
fn revoked_and_replaced_in_the_same_moment() {
    let mut ring = ring();
    ring.publish("a", "", at(0)).unwrap();
    ring.revoke("a", at(0)).unwrap();
    ring.publish("b", "", at(0)).unwrap();
    assert_eq!(signing(&ring, 0).as_deref(), Some("b"));
}

#[test]
fn keys_from_a_store_are_checked() {
    let mut ring = ring();
    let times = |published, activates| KeyTimes {
        published: at(published),
        activates: at(activates),
        revoked: None,
    };
    ring.insert("a", times(0, 0), "", at(0)).unwrap();
    assert_eq!(
        ring.insert("a", times(1, 1), "", at(0)),
        Err(RingError::DuplicateId)
    );
    assert_eq!(
        ring.insert("b", times(0, 0), "", at(0)),
        Err(RingError::DuplicateActivation)
    );
    assert_eq!(
        ring.insert("b", times(2, 1), "", at(0)),
        Err(RingError::SignsUnpublished)
    );
    let revoked = KeyTimes {
        revoked: Some(at(2)),
        ..times(1, 1)
    };
    ring.insert("b", revoked, "material", at(3)).unwrap();
    assert_eq!(ring.state("b", at(3)), Some(Revoked));
    assert_eq!(ring.state("a", at(3)), Some(Retiring));
    assert!(ring.find("b", at(3)).is_none());
}

#[test]
fn transitions_are_told_once_and_in_order() {
    let mut ring = ring();
    let told = |transitions: Vec<Transition>| {
        transitions
            .into_iter()
            .map(|t| (t.id.into(), t.to))
            .collect::<Vec<_>>()
    };
    let expect = |list: &[(&str, _)]| {
        list.iter()
            .map(|(id, to)| ((*id).to_owned(), *to))
            .collect::<Vec<_>>()
    };
    ring.publish("a", "", at(0)).unwrap();
    ring.publish("b", "", at(29 * DAY)).unwrap();
    assert_eq!(told(ring.advance(at(29 * DAY))), []);
    assert_eq!(
        told(ring.advance(at(30 * DAY))),
        expect(&[("a", Retiring), ("b", Active)])
    );
    assert_eq!(told(ring.advance(at(30 * DAY))), []);
    // Set back: what was told is not told again.
    assert_eq!(told(ring.advance(at(29 * DAY))), []);
    assert_eq!(told(ring.advance(at(30 * DAY))), []);
    assert_eq!(told(ring.advance(at(32 * DAY))), expect(&[("a", Removed)]));
    assert_eq!(ring.state("a", at(32 * DAY)), None);

    // What another instance published long ago is not news when it is read from a store; what comes then is.
    let mut restarted: KeyRing<()> = KeyRing::new("access_token", policy());
    for (id, activates) in [("a", 0), ("b", 30 * DAY)] {
        let times = KeyTimes {
            published: at(0),
            activates: at(activates),
            revoked: None,
        };
        restarted.insert(id, times, (), at(DAY)).unwrap();
    }
    assert_eq!(told(restarted.advance(at(DAY))), []);
    let slept_through = [("a", Retiring), ("a", Removed), ("b", Active)];
    assert_eq!(
        told(restarted.advance(at(40 * DAY))),
        expect(&slept_through)
    );
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Wait(u64),
    Publish,
    RevokeNewest,
    Advance,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        5 => (0..20 * DAY).prop_map(Deed::Wait),
        2 => (0..2 * HOUR).prop_map(Deed::Wait),
        5 => any::<()>().prop_map(|()| Deed::Publish),
        1 => any::<()>().prop_map(|()| Deed::RevokeNewest),
        2 => any::<()>().prop_map(|()| Deed::Advance),
    ];
    vec(deed, 1..60)
}

proptest! {
    #[test]
    fn whatever_is_done_the_timeline_holds(deeds in deeds()) {
        let mut ring: KeyRing<usize> = KeyRing::new("access_token", policy());
        let mut now = 0;
        let mut made = 0;
        // What was signed: when, and by which key.
        let mut signed: Vec<(u64, String)> = Vec::new();
        let mut revoked = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Wait(time) => now += time,
                Deed::Publish => {
                    let due = ring.due(at(now)).is_some();
                    let published = ring.publish(&made.to_string(), made, at(now));
                    prop_assert_eq!(published.is_ok(), due);
                    made += usize::from(due);
                    prop_assert!(ring.signing(at(now)).is_some());
                }
                Deed::RevokeNewest => {
                    if let Some(newest) = made.checked_sub(1) {
                        let newest = newest.to_string();
                        if ring.revoke(&newest, at(now)).is_ok() {
                            prop_assert!(ring.find(&newest, at(now)).is_none());
                            revoked.push(newest);
                        }
                    }
                }
                Deed::Advance => {
                    ring.advance(at(now));
                }
            }
            let active = ring.verifying(at(now)).filter(|key| key.state() == Active).count();
            prop_assert!(active <= 1);
            if let Some(key) = ring.signing(at(now)) {
                prop_assert!(ring.find(key.id(), at(now)).is_some(), "what signs verifies");
                prop_assert!(key.times().published <= at(now), "what signs is published");
                signed.push((now, key.id().to_owned()));
            }
            // A token of the longest lifetime is believed to its end, leeway included, unless its key was revoked.
            for (when, id) in signed.iter().filter(|(when, _)| now <= when + 630) {
                prop_assert_eq!(ring.find(id, at(now)).is_some(), !revoked.contains(id), "{} at {}", id, when);
            }
        }
        // Every key goes through its states in their order, and comes to its end.
        let ids: Vec<_> = ring.verifying(at(now)).map(|key| key.id().to_owned()).collect();
        for id in ids {
            let states: Vec<_> = (0..200).map(|day| ring.state(&id, at(now + day * DAY)).unwrap()).collect();
            prop_assert!(states.is_sorted(), "{:?}", states);
        }
    }
}
