use std::time::Duration;

use super::{
    Shared, accept, acceptance, attempt, challenge, client, enrolled, factor, is_granted, now,
    owner, random,
};
use crate::totp::{
    Accepted, Attempted, CHALLENGE_LIFETIME, ENROLMENT_LIFETIME, Factor, FactorId, Hash,
    MAX_FACTORS, Proof, Redeemed,
};

pub(super) async fn factors_are_pending_then_active_then_gone(store: &Shared) {
    let owner = owner();
    let late = now().plus(ENROLMENT_LIFETIME);
    let enrol = async |factor: &Factor| store.enrol(&owner, factor).await.expect("it answers");
    let activate = async |factor: FactorId, now| {
        let activated = store.activate(&owner, factor, 5, 1, now).await;
        activated.expect("it answers")
    };
    let kept = async || store.factors(&owner).await.expect("it answers");

    let (first, second) = (factor(now()), factor(now()));
    assert!(kept().await.is_empty());
    assert!(enrol(&first).await);
    assert!(enrol(&second).await);
    assert_eq!(
        kept().await,
        std::slice::from_ref(&second),
        "one is pending at a time"
    );
    assert!(!activate(first.id, now()).await);
    assert!(
        !activate(second.id, late).await,
        "it was pending for too long"
    );
    let in_time = late.minus(Duration::from_millis(1));
    assert!(activate(second.id, in_time).await);
    assert!(!activate(second.id, in_time).await, "it is active already");
    let mut active = second.clone();
    (active.activated_at, active.last_step, active.drift) = (Some(in_time), 5, 1);
    assert_eq!(kept().await, [active]);

    for _ in 1..MAX_FACTORS {
        let next = factor(now());
        assert!(enrol(&next).await);
        assert!(activate(next.id, now()).await);
    }
    assert!(!enrol(&factor(now())).await, "there are enough");
    assert_eq!(kept().await.len(), MAX_FACTORS);
    let removed = store.remove(&owner, second.id).await;
    assert!(removed.expect("it answers"));
    let removed = store.remove(&owner, second.id).await;
    assert!(!removed.expect("it answers"));
    assert!(enrol(&factor(now())).await);
}

pub(super) async fn a_challenge_is_for_one_client_and_one_success(store: &Shared) {
    let (owner, factor) = enrolled(store).await;
    let hash = challenge(store, &owner, now()).await;
    let other = "other".parse().expect("it is an identifier");
    let stolen = store.attempt(&hash, &other, Proof::Code, now()).await;
    assert_eq!(stolen.expect("it answers"), Attempted::Invalid);
    let unknown = attempt(store, &random(), Proof::Code, now()).await;
    assert_eq!(unknown, Attempted::Invalid);
    let late = now().plus(CHALLENGE_LIFETIME);
    assert_eq!(
        attempt(store, &hash, Proof::Code, late).await,
        Attempted::Invalid
    );

    let granted = attempt(store, &hash, Proof::Code, now()).await;
    let Attempted::Granted {
        challenge,
        tries,
        factors,
    } = granted
    else {
        panic!("the first try is granted: {granted:?}");
    };
    assert_eq!((challenge.epoch, challenge.tries), (7, 1));
    assert_eq!(
        (challenge.owner, challenge.client),
        (owner.clone(), client())
    );
    assert_eq!((tries.count, tries.since, tries.in_a_row), (1, now(), 1));
    assert_eq!(factors.len(), 1);
    let right = acceptance(hash, &owner, factor, 101);
    let expired = store.accept(&right, late).await;
    assert_eq!(expired.expect("it answers"), Accepted::ChallengeOver);
    assert_eq!(accept(store, &right).await, Accepted::Yes);
    let again = acceptance(hash, &owner, factor, 102);
    assert_eq!(accept(store, &again).await, Accepted::ChallengeOver);
    let again = attempt(store, &hash, Proof::Code, now()).await;
    assert_eq!(again, Attempted::Invalid);
}

pub(super) async fn wrong_codes_are_counted_over_all_challenges(store: &Shared) {
    let (owner, factor) = enrolled(store).await;
    let mut now = now();
    for in_a_row in (0..50).step_by(10) {
        for _ in 0..2 {
            let hash = challenge(store, &owner, now).await;
            for _ in 0..5 {
                assert!(is_granted(&attempt(store, &hash, Proof::Code, now).await));
            }
            let sixth = attempt(store, &hash, Proof::Code, now).await;
            assert_eq!(sixth, Attempted::Exhausted(owner.clone()));
        }
        let hash = challenge(store, &owner, now).await;
        let limited = attempt(store, &hash, Proof::Code, now).await;
        let hour = Duration::from_secs(60 * 60);
        let expected = match in_a_row {
            40 => Attempted::Frozen(owner.clone()),
            _ => Attempted::Limited(owner.clone(), hour),
        };
        assert_eq!(limited, expected, "{in_a_row}");
        now = now.plus(hour);
    }
    let hash = challenge(store, &owner, now).await;
    let frozen = attempt(store, &hash, Proof::Code, now).await;
    assert_eq!(
        frozen,
        Attempted::Frozen(owner.clone()),
        "time does not help"
    );
    store.thaw(&owner).await.expect("it answers");
    let granted = attempt(store, &hash, Proof::Code, now).await;
    assert!(is_granted(&granted), "{granted:?}");
    // A right code takes its own try back and ends the row.
    let right = acceptance(hash, &owner, factor, 101);
    let right = store.accept(&right, now).await;
    assert_eq!(right.expect("it answers"), Accepted::Yes);
    let hash = challenge(store, &owner, now).await;
    let next = attempt(store, &hash, Proof::Code, now).await;
    assert!(
        matches!(next, Attempted::Granted { tries, .. } if tries.count == 1 && tries.in_a_row == 1),
        "{next:?}"
    );
}

pub(super) async fn recovery_codes_work_once_and_thaw(store: &Shared) {
    let (owner, _) = enrolled(store).await;
    let codes = [random(), random(), random()];
    let replaced = store.replace_recovery_codes(&owner, &codes).await;
    replaced.expect("it answers");
    let left = async || store.recovery_codes_left(&owner).await.expect("it answers");
    assert_eq!(left().await, 3);
    let mut now = now();
    for _ in 0..10 {
        let hash = challenge(store, &owner, now).await;
        for _ in 0..5 {
            assert!(is_granted(&attempt(store, &hash, Proof::Code, now).await));
        }
        now = now.plus(Duration::from_secs(60 * 60));
    }
    let hash = challenge(store, &owner, now).await;
    let frozen = attempt(store, &hash, Proof::Code, now).await;
    assert_eq!(frozen, Attempted::Frozen(owner.clone()));
    let granted = attempt(store, &hash, Proof::RecoveryCode, now).await;
    assert!(is_granted(&granted), "the way out is open: {granted:?}");
    let redeem = async |hash: &Hash, code: &Hash| {
        let redeemed = store.redeem(hash, &owner, code, now).await;
        redeemed.expect("it answers")
    };
    assert_eq!(redeem(&hash, &random()).await, Redeemed::Unknown);
    assert_eq!(redeem(&hash, &codes[0]).await, Redeemed::Yes(2));
    assert_eq!(redeem(&hash, &codes[1]).await, Redeemed::ChallengeOver);
    assert_eq!(left().await, 2);
    let next = challenge(store, &owner, now).await;
    assert!(is_granted(&attempt(store, &next, Proof::Code, now).await));
    assert_eq!(redeem(&next, &codes[0]).await, Redeemed::Unknown);
}

pub(super) async fn owners_are_kept_apart_and_forgotten_whole(store: &Shared) {
    let (ann, factor) = enrolled(store).await;
    let (bob, _) = enrolled(store).await;
    let codes = [random()];
    for owner in [&ann, &bob] {
        let replaced = store.replace_recovery_codes(owner, &codes).await;
        replaced.expect("it answers");
    }
    let hash = challenge(store, &bob, now()).await;
    let foreign = acceptance(hash, &bob, factor, 200);
    assert_eq!(accept(store, &foreign).await, Accepted::Replayed);
    let removed = store.remove(&bob, factor).await;
    assert!(!removed.expect("it answers"));

    let of_ann = challenge(store, &ann, now()).await;
    store.forget(&ann).await.expect("it answers");
    let gone = store.factors(&ann).await;
    assert!(gone.expect("it answers").is_empty());
    let left = store.recovery_codes_left(&ann).await;
    assert_eq!(left.expect("it answers"), 0);
    let gone = attempt(store, &of_ann, Proof::Code, now()).await;
    assert_eq!(gone, Attempted::Invalid);
    let left = store.recovery_codes_left(&bob).await;
    assert_eq!(left.expect("it answers"), 1);
    assert!(is_granted(&attempt(store, &hash, Proof::Code, now()).await));
}

pub(super) async fn what_is_over_is_purged(store: &Shared) {
    let purge = async |now| {
        let mut purged = 0;
        loop {
            let some = store.purge(now, 2).await.expect("it answers");
            purged += some;
            if some == 0 {
                return purged;
            }
        }
    };
    let (owner, _) = enrolled(store).await;
    let pending = factor(now());
    assert!(store.enrol(&owner, &pending).await.expect("it answers"));
    let challenges = [
        challenge(store, &owner, now()).await,
        challenge(store, &owner, now()).await,
        challenge(store, &owner, now()).await,
    ];
    purge(now()).await;
    assert!(is_granted(
        &attempt(store, &challenges[0], Proof::Code, now()).await
    ));
    let late = now().plus(ENROLMENT_LIFETIME);
    assert!(purge(late).await >= 4);
    let kept = store.factors(&owner).await.expect("it answers");
    assert_eq!(kept.len(), 1, "what is active stays");
    for hash in challenges {
        let gone = attempt(store, &hash, Proof::Code, now()).await;
        assert_eq!(gone, Attempted::Invalid);
    }
}
