use std::num::{NonZeroU32, NonZeroUsize};

use super::*;
use crate::id::TenantId;
use crate::refresh::{Created, MemoryStore, RefreshStore as _, RevokeReason};
use crate::store::StoreErrorKind;

const LIMIT: NonZeroU32 = NonZeroU32::new(50).unwrap();

fn another(subject: &str, created_at: Timestamp) -> (Family, State) {
    let family = Family {
        id: SessionId::generate(),
        subject: subject.parse().unwrap(),
        created_at,
        expires_at: created_at.plus(30 * DAY),
        ..(*family()).clone()
    };
    let state = State::new(&family, 0, &RefreshPolicy::default());
    (family, state)
}

#[tokio::test]
async fn a_full_store_makes_room_of_what_is_over_and_ends_nobody() {
    let store = MemoryStore::new(NonZeroUsize::new(3).unwrap());
    let kept = Created::Kept { evicted: vec![] };
    for subject in ["a", "b", "b"] {
        let (family, state) = another(subject, start());
        let created = store.create(&family, &state, LIMIT, start()).await.unwrap();
        assert_eq!(created, kept);
    }
    let (family, state) = another("c", start());
    let full = store.create(&family, &state, LIMIT, start()).await;
    assert_eq!(full.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(store.len(), 3);

    let later = start()
        .plus(30 * DAY)
        .plus(RefreshPolicy::RETENTION)
        .plus(MILLI);
    let (family, state) = another("c", later);
    let created = store.create(&family, &state, LIMIT, later).await.unwrap();
    assert_eq!(created, kept);
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn a_login_that_comes_to_nothing_takes_no_room() {
    let store = MemoryStore::new(NonZeroUsize::new(3).unwrap());
    let (family, mut state) = another("a", start());
    state.epoch = 1;
    let created = store.create(&family, &state, LIMIT, start()).await.unwrap();
    assert_eq!(created, Created::EpochMoved);
    assert!(store.is_empty());
    assert_eq!(store.find(family.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_epoch_does_not_fall_when_its_subject_is_forgotten() {
    let store = MemoryStore::new(NonZeroUsize::new(3).unwrap());
    let tenant: TenantId = "acme".parse().unwrap();
    let (family, state) = another("a", start());
    store.create(&family, &state, LIMIT, start()).await.unwrap();
    for _ in 0..3 {
        let reason = RevokeReason::Administrator;
        let revoked = store.revoke_subject(&tenant, &family.subject, None, reason, start());
        revoked.await.unwrap();
    }
    let later = start().plus(31 * DAY);
    assert_eq!(store.purge(later, 10).await.unwrap(), 1);
    assert!(store.is_empty());
    assert_eq!(store.epoch(&tenant, &family.subject).await.unwrap(), 3);
}

#[tokio::test]
async fn whoever_signs_in_all_day_takes_no_room_of_others() {
    let store = MemoryStore::new(NonZeroUsize::new(200).unwrap());
    let (busy, _) = another("busy", start());
    let mut sessions = Vec::new();
    for second in 0..1000 {
        let now = start().plus(second * SECOND);
        let (family, state) = another("busy", now);
        let created = store.create(&family, &state, LIMIT, now).await;
        assert!(matches!(created, Ok(Created::Kept { .. })), "{created:?}");
        sessions.push(family);
    }
    // Those that live, and the last that gave way to them.
    assert_eq!(store.len(), 150);
    let now = start().plus(1000 * SECOND);
    let live = store.list(&busy.tenant, &busy.subject, now).await.unwrap();
    assert_eq!(live.len(), 50);
    for (index, family) in sessions.iter().enumerate() {
        let known = store.find(family.id).await.unwrap().is_some();
        assert_eq!(known, index >= 850, "{index}");
    }
    let (other, state) = another("other", now);
    assert!(store.create(&other, &state, LIMIT, now).await.is_ok());
}
