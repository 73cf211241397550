use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Kit, fail};
use crate::refresh::{Created, Family, Outcome, RefreshPolicy, RefreshStore, RevokeReason, State};

/// How many times a race is run, each with other chances to go wrong.
const ROUNDS: u32 = 20;
/// How many present a token at once.
const CALLERS: usize = 100;

/// The outcomes of `CALLERS` tasks that present one token at once.
async fn present(kit: &Kit, family: &Arc<Family>, generation: u32) -> Vec<(Outcome, State)> {
    let mut tasks = JoinSet::new();
    for _ in 0..CALLERS {
        let (kit, family) = (kit.clone(), family.clone());
        tasks.spawn(async move {
            let rotation = kit.rotate(&family, generation).await;
            (rotation.outcome, rotation.state)
        });
    }
    tasks.join_all().await
}

fn count(outcomes: &[(Outcome, State)], outcome: Outcome) -> usize {
    let of_it = outcomes.iter().filter(|(other, _)| *other == outcome);
    of_it.count()
}

/// 100 at once: one rotation, 99 repetitions, and all are told of the same generation.
pub async fn of_many_who_present_a_token_one_rotates(store: Arc<dyn RefreshStore>) {
    let kit = Kit::new(store);
    let family = kit.login().await;
    for generation in 0..ROUNDS {
        let outcomes = present(&kit, &family, generation).await;
        assert_eq!(count(&outcomes, Outcome::Rotated), 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, Outcome::GraceReplay), CALLERS - 1);
        for (_, state) in outcomes {
            assert_eq!(state.generation, generation + 1);
        }
    }
}

/// 100 at once under a strict policy: one rotation, one reuse, and the rest find that the family has ended.
pub async fn without_a_grace_the_second_ends_the_family(store: Arc<dyn RefreshStore>) {
    let kit = Kit::new(store).policy(RefreshPolicy::settings().strict());
    for _ in 0..ROUNDS {
        let family = kit.login().await;
        let outcomes = present(&kit, &family, 0).await;
        assert_eq!(count(&outcomes, Outcome::Rotated), 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, Outcome::Reuse), 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, Outcome::Revoked), CALLERS - 2);
    }
}

/// A family is ended while it is refreshed. What comes after the answer is refused.
pub async fn no_refresh_outlives_a_revocation(store: Arc<dyn RefreshStore>) {
    let kit = Kit::new(store);
    for _ in 0..ROUNDS * 5 {
        let family = kit.login().await;
        let refresher = {
            let (kit, family) = (kit.clone(), family.clone());
            tokio::spawn(async move {
                let mut generation = 0;
                loop {
                    let rotation = kit.rotate(&family, generation).await;
                    match rotation.outcome {
                        Outcome::Rotated => generation = rotation.state.generation,
                        Outcome::Revoked => return generation,
                        other => panic!("{other:?}"),
                    }
                }
            })
        };
        let reason = RevokeReason::Logout;
        let revoked = kit.store.revoke(&family, reason, kit.now).await;
        assert!(revoked.unwrap_or_else(fail));
        // From here on there is no time at which a token of it may be good.
        let last = refresher.await.unwrap_or_else(fail);
        for generation in 0..=last {
            let rotation = kit.rotate(&family, generation).await;
            assert_eq!(rotation.outcome, Outcome::Revoked);
            assert_eq!(rotation.state.generation, last);
        }
    }
}

/// All sessions are ended while 50 logins are under way that began before. None of them is any good afterwards.
pub async fn no_login_outlives_what_ended_all_sessions(store: Arc<dyn RefreshStore>) {
    for round in 0..ROUNDS {
        let kit = Kit::new(store.clone()).subject(&format!("u-{round}"));
        let epoch = kit.epoch().await;
        let mut logins = JoinSet::new();
        for _ in 0..50 {
            let kit = kit.clone();
            logins.spawn(async move { kit.login_at(epoch).await });
        }
        let family = kit.family();
        let revoked = kit.store.revoke_subject(
            &family.tenant,
            &family.subject,
            None,
            RevokeReason::CredentialChange,
            kit.now,
        );
        let revoked = revoked.await.unwrap_or_else(fail);
        assert!(revoked.epoch > epoch);
        let mut kept = Vec::new();
        for (family, created) in logins.join_all().await {
            if created != Created::EpochMoved {
                let rotation = kit.rotate(&family, 0).await;
                assert_eq!(rotation.outcome, Outcome::Revoked);
                kept.push(family.id);
            }
        }
        for id in &revoked.ended {
            assert!(kept.contains(id), "{id} was ended and never made");
        }
        assert_eq!(kit.login_at(epoch).await.1, Created::EpochMoved);
        // The new password signs in.
        let family = kit.login().await;
        assert_eq!(kit.rotate(&family, 0).await.outcome, Outcome::Rotated);
    }
}

/// 40 logins at once where 10 are allowed leave 10, and each of the others is told of once.
pub async fn of_many_logins_no_more_than_allowed_stay(store: Arc<dyn RefreshStore>) {
    let ten = NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN);
    for round in 0..5 {
        let kit = Kit::new(store.clone())
            .policy(RefreshPolicy::settings().max_sessions(ten))
            .subject(&format!("u-{round}"));
        let epoch = kit.epoch().await;
        let mut logins = JoinSet::new();
        for _ in 0..40 {
            let kit = kit.clone();
            logins.spawn(async move { kit.login_at(epoch).await });
        }
        let (mut made, mut gone) = (Vec::new(), Vec::new());
        for (family, created) in logins.join_all().await {
            match created {
                Created::Kept { evicted } => gone.extend(evicted),
                Created::EpochMoved => panic!("nobody moved the epoch"),
            }
            made.push(family);
        }
        let family = kit.family();
        let live = kit.store.list(&family.tenant, &family.subject, kit.now);
        let live = live.await.unwrap_or_else(fail);
        assert_eq!(live.len(), 10);
        gone.sort_unstable();
        gone.dedup();
        assert_eq!(gone.len(), 30);
        assert!(live.iter().all(|(family, _)| !gone.contains(&family.id)));
        for family in made {
            let evicted = gone.contains(&family.id);
            let expected = if evicted {
                Outcome::Revoked
            } else {
                Outcome::Rotated
            };
            assert_eq!(kit.rotate(&family, 0).await.outcome, expected);
        }
    }
}
