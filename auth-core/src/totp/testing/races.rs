use std::sync::Arc;

use super::{Shared, accept, acceptance, attempt, challenge, enrolled, is_granted, now, random};
use crate::totp::{Accepted, Proof, Redeemed, Sealed};

// AUTH case 45
pub(super) async fn of_parallel_codes_of_one_step_one_is_accepted(store: &Shared) {
    let (owner, factor) = enrolled(store).await;
    // With a challenge each, and all with the same.
    for shared in [false, true] {
        let step = if shared { 102 } else { 101 };
        let one = challenge(store, &owner, now()).await;
        let mut codes = Vec::new();
        for _ in 0..20 {
            let hash = match shared {
                true => one,
                false => challenge(store, &owner, now()).await,
            };
            let acceptance = acceptance(hash, &owner, factor, step);
            let store = Arc::clone(store);
            codes.push(async move { accept(&store, &acceptance).await == Accepted::Yes });
        }
        assert_eq!(at_once(codes).await, 1, "{shared}");
    }
    for (step, expected) in [
        (101, Accepted::Replayed),
        (102, Accepted::Replayed),
        (103, Accepted::Yes),
    ] {
        let hash = challenge(store, &owner, now()).await;
        let acceptance = acceptance(hash, &owner, factor, step);
        assert_eq!(accept(store, &acceptance).await, expected, "{step}");
    }
    // A code that came too late has not used up its challenge.
    let hash = challenge(store, &owner, now()).await;
    let late = acceptance(hash, &owner, factor, 103);
    assert_eq!(accept(store, &late).await, Accepted::Replayed);
    let sealed = Sealed {
        key_id: 3,
        bytes: vec![1, 2, 3],
    };
    let mut next = acceptance(hash, &owner, factor, 104);
    next.resealed = Some(sealed.clone());
    assert_eq!(accept(store, &next).await, Accepted::Yes);
    let kept = store.factors(&owner).await.expect("it answers");
    assert_eq!(
        (kept[0].last_step, kept[0].drift, &kept[0].sealed),
        (104, -1, &sealed)
    );
}

pub(super) async fn of_parallel_tries_no_more_are_granted_than_there_are(store: &Shared) {
    let (owner, _) = enrolled(store).await;
    let mut tries = Vec::new();
    for _ in 0..4 {
        let hash = challenge(store, &owner, now()).await;
        for _ in 0..10 {
            let store = Arc::clone(store);
            tries
                .push(async move { is_granted(&attempt(&store, &hash, Proof::Code, now()).await) });
        }
    }
    assert_eq!(at_once(tries).await, 10);
}

/// Each with a challenge of its own.
pub(super) async fn of_parallel_uses_of_a_recovery_code_one_succeeds(store: &Shared) {
    let (owner, _) = enrolled(store).await;
    let codes @ [code, _] = [random(), random()];
    let replaced = store.replace_recovery_codes(&owner, &codes).await;
    replaced.expect("it answers");
    let mut uses = Vec::new();
    for _ in 0..10 {
        let hash = challenge(store, &owner, now()).await;
        let (store, owner) = (Arc::clone(store), owner.clone());
        uses.push(async move {
            let redeemed = store.redeem(&hash, &owner, &code, now()).await;
            redeemed.expect("it answers") == Redeemed::Yes(1)
        });
    }
    assert_eq!(at_once(uses).await, 1);
}

pub(super) async fn parallel_regenerations_leave_one_set(store: &Shared) {
    let (owner, _) = enrolled(store).await;
    let regenerations = (0..8).map(|_| {
        let (store, owner) = (Arc::clone(store), owner.clone());
        async move {
            let codes: Vec<_> = (0..10).map(|_| random()).collect();
            store.replace_recovery_codes(&owner, &codes).await.is_ok()
        }
    });
    assert_eq!(at_once(regenerations).await, 8);
    let left = store.recovery_codes_left(&owner).await;
    assert_eq!(left.expect("it answers"), 10);
}

/// How many of them say yes, when all run at the same time.
async fn at_once<F>(all: impl IntoIterator<Item = F>) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let tasks: Vec<_> = all.into_iter().map(tokio::spawn).collect();
    let mut yes = 0;
    for task in tasks {
        yes += usize::from(task.await.expect("nothing panics"));
    }
    yes
}
