//! What every store of API keys must do, as one function: see [`store_conformance`].

use std::sync::Arc;
use std::time::Duration;

use super::{
    ApiKey, ApiKeyStore, Environment, Inserted, KeyDigest, KeyId, Network, Replaced, StoredApiKey,
    Touched,
};
use crate::id::{SubjectId, TenantId};
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);

/// Calls the methods of an empty store and looks at what they answer.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis_auth_core::api_key::{MemoryStore, testing::store_conformance};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// store_conformance(Arc::new(MemoryStore::new())).await;
/// # }
/// ```
///
/// # Panics
///
/// At the first answer that is not what [`ApiKeyStore`] says.
pub async fn store_conformance(store: Arc<dyn ApiKeyStore>) {
    many_who_replace_a_key_have_one_winner(&store, moment(1_790_000_000)).await;
    let store = &*store;
    let now = moment(1_790_000_000);
    what_was_put_in_comes_out(store, now).await;
    ids_are_unique_and_owners_have_a_limit(store, now).await;
    revoking_keeps_the_first_time(store, now).await;
    a_key_has_one_successor(store, now).await;
    uses_are_written_once_a_minute(store, now).await;
    what_has_ended_is_purged(store, now).await;
    owners_leave_nothing_behind(store, now).await;
}

async fn what_was_put_in_comes_out(store: &dyn ApiKeyStore, now: Timestamp) {
    let plain = key("out", "ann", now);
    let mut full = key("out", "bob", now.plus(MINUTE));
    full.key.environment = Environment::Test;
    full.key.networks = vec![network("192.0.2.0/24"), network("2001:db8::/32")];
    full.key.name = "Zoë's \"key\"; DROP TABLE auth_api_keys; --".into();
    full.key.expires_at = Some(Timestamp::MAX);
    full.key.revoked_at = Some(now.plus(MINUTE));
    full.key.last_used_at = Some(now);
    full.key.replaces = Some(plain.key.id);
    full.key.replaced_by = Some(plain.key.id);
    full.digest = KeyDigest::from_parts(255, [0xfe; 32]);
    for stored in [&plain, &full] {
        insert(store, stored, Inserted::Done).await;
        assert_eq!(find(store, stored.key.id).await.as_ref(), Some(stored));
    }
    assert_eq!(find(store, id()).await, None);

    let all = store.list(&tenant("out"), None).await;
    let newest_first = vec![full.key.clone(), plain.key.clone()];
    assert_eq!(all.expect("the store answers"), newest_first);
    let (ann, nobody) = (subject("ann"), subject("nobody"));
    for (tenant_of, owner, expected) in [
        ("out", &ann, vec![plain.key.clone()]),
        ("out", &nobody, vec![]),
        ("elsewhere", &ann, vec![]),
    ] {
        let listed = store.list(&tenant(tenant_of), Some(owner)).await;
        assert_eq!(listed.expect("the store answers"), expected);
    }
}

async fn ids_are_unique_and_owners_have_a_limit(store: &dyn ApiKeyStore, now: Timestamp) {
    let first = key("limit", "ann", now);
    insert(store, &first, Inserted::Done).await;
    let mut same = key("limit", "bob", now);
    same.key.id = first.key.id;
    insert(store, &same, Inserted::IdTaken).await;
    assert_eq!(find(store, first.key.id).await, Some(first));

    // Two are live and one is not; those of others do not count.
    let mut expired = key("limit", "ann", now);
    expired.key.expires_at = Some(now);
    for stored in [&expired, &key("limit", "ann", now)] {
        insert(store, stored, Inserted::Done).await;
    }
    let third = key("limit", "ann", now);
    let full = store.insert(&third, 2).await.expect("the store answers");
    assert_eq!(full, Inserted::TooMany);
    assert_eq!(find(store, third.key.id).await, None);
    for other in [key("limit", "bob", now), key("unlimited", "ann", now)] {
        let done = store.insert(&other, 1).await.expect("the store answers");
        assert_eq!(done, Inserted::Done);
    }
}

async fn revoking_keeps_the_first_time(store: &dyn ApiKeyStore, now: Timestamp) {
    let stored = key("revoke", "ann", now);
    insert(store, &stored, Inserted::Done).await;
    let id = stored.key.id;
    let revoke = async |of, at| {
        let revoked = store.revoke(&tenant(of), id, at).await;
        revoked
            .expect("the store answers")
            .map(|key| key.revoked_at)
    };
    assert_eq!(revoke("elsewhere", now).await, None);
    assert_eq!(find(store, id).await, Some(stored));
    assert_eq!(revoke("revoke", now).await, Some(Some(now)));
    assert_eq!(revoke("revoke", now.plus(MINUTE)).await, Some(Some(now)));
    let found = find(store, id).await.expect("the key is there");
    assert_eq!(found.key.revoked_at, Some(now));
}

async fn a_key_has_one_successor(store: &dyn ApiKeyStore, now: Timestamp) {
    let later = now.plus(MINUTE);
    let successor = |old: &StoredApiKey| {
        let mut new = key("replace", "ann", now);
        new.key.replaces = Some(old.key.id);
        new
    };
    for (expires_at, end) in [
        (None, later),
        (Some(later.plus(MINUTE)), later),
        (Some(now.plus(MINUTE / 2)), now.plus(MINUTE / 2)),
    ] {
        let mut old = key("replace", "ann", now);
        old.key.expires_at = expires_at;
        insert(store, &old, Inserted::Done).await;
        let new = successor(&old);
        replace(store, &new, later, Replaced::Done).await;
        assert_eq!(find(store, new.key.id).await.as_ref(), Some(&new));
        let found = find(store, old.key.id).await.expect("the key is there");
        assert_eq!(found.key.expires_at, Some(end));
        assert_eq!(found.key.replaced_by, Some(new.key.id));
        let second = successor(&old);
        replace(store, &second, later, Replaced::AlreadyReplaced).await;
        assert_eq!(find(store, second.key.id).await, None);
    }

    let old = key("replace", "ann", now);
    let missing = successor(&old);
    replace(store, &missing, later, Replaced::NotFound).await;
    insert(store, &old, Inserted::Done).await;
    let mut foreign = successor(&old);
    foreign.key.tenant = tenant("elsewhere");
    replace(store, &foreign, later, Replaced::NotFound).await;
    let mut taken = successor(&old);
    taken.key.id = old.key.id;
    replace(store, &taken, later, Replaced::IdTaken).await;
    assert_eq!(find(store, old.key.id).await, Some(old));

    let mut expired = key("replace", "ann", now);
    expired.key.expires_at = Some(now);
    let mut revoked = key("replace", "ann", now);
    revoked.key.revoked_at = Some(now);
    for old in [expired, revoked] {
        insert(store, &old, Inserted::Done).await;
        replace(store, &successor(&old), later, Replaced::Ended).await;
        assert_eq!(find(store, old.key.id).await, Some(old));
    }
}

async fn many_who_replace_a_key_have_one_winner(store: &Arc<dyn ApiKeyStore>, now: Timestamp) {
    for _ in 0..8 {
        let old = key("race", "ann", now);
        insert(&**store, &old, Inserted::Done).await;
        let mut attempts = Vec::new();
        for _ in 0..8 {
            let mut new = key("race", "ann", now);
            new.key.replaces = Some(old.key.id);
            let store = store.clone();
            attempts.push(tokio::spawn(async move { store.replace(&new, now).await }));
        }
        let mut winners = 0;
        for attempt in attempts {
            let outcome = attempt.await.expect("the store does not panic");
            match outcome.expect("the store answers") {
                Replaced::Done => winners += 1,
                // The old key ends with the winner, for those who come later.
                Replaced::AlreadyReplaced | Replaced::Ended => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1);
    }
}

async fn uses_are_written_once_a_minute(store: &dyn ApiKeyStore, now: Timestamp) {
    let stored = key("touch", "ann", now);
    insert(store, &stored, Inserted::Done).await;
    for (at, expected) in [
        (now, Touched::First),
        (now, Touched::Unchanged),
        (now.plus(MINUTE / 2), Touched::Unchanged),
        (now.plus(MINUTE), Touched::Again),
        // Another instance, with a clock behind.
        (now, Touched::Unchanged),
    ] {
        let touched = store.touch(stored.key.id, at, MINUTE).await;
        assert_eq!(touched.expect("the store answers"), expected);
    }
    let found = find(store, stored.key.id).await.expect("the key is there");
    assert_eq!(found.key.last_used_at, Some(now.plus(MINUTE)));
    let missing = store.touch(id(), now, MINUTE).await;
    assert_eq!(missing.expect("the store answers"), Touched::Unchanged);
}

async fn what_has_ended_is_purged(store: &dyn ApiKeyStore, now: Timestamp) {
    let before = moment(1_000_000);
    let with = |expires_at, revoked_at| {
        let mut stored = key("purge", "ann", now);
        stored.key.expires_at = expires_at;
        stored.key.revoked_at = revoked_at;
        stored
    };
    let old = Some(before.minus(Duration::from_millis(1)));
    let kept = [with(None, None), with(Some(before), Some(before))];
    let gone = [with(old, None), with(None, old), with(Some(now), old)];
    for stored in kept.iter().chain(&gone) {
        insert(store, stored, Inserted::Done).await;
    }
    let purge = async |limit| store.purge(before, limit).await.expect("the store answers");
    assert_eq!((purge(2).await, purge(2).await, purge(2).await), (2, 1, 0));
    for stored in kept {
        assert!(find(store, stored.key.id).await.is_some());
    }
    for stored in gone {
        assert!(find(store, stored.key.id).await.is_none());
    }
}

async fn owners_leave_nothing_behind(store: &dyn ApiKeyStore, now: Timestamp) {
    let mut revoked = key("leave", "ann", now);
    revoked.key.revoked_at = Some(now);
    let others = [key("leave", "bob", now), key("stay", "ann", now)];
    for stored in others.iter().chain([&revoked, &key("leave", "ann", now)]) {
        insert(store, stored, Inserted::Done).await;
    }
    let removed = store.remove_owner(&tenant("leave"), &subject("ann")).await;
    assert_eq!(removed.expect("the store answers"), 2);
    assert_eq!(find(store, revoked.key.id).await, None);
    for stored in others {
        assert!(find(store, stored.key.id).await.is_some());
    }
}

async fn find(store: &dyn ApiKeyStore, id: KeyId) -> Option<StoredApiKey> {
    store.find(id).await.expect("the store answers")
}

async fn insert(store: &dyn ApiKeyStore, key: &StoredApiKey, expected: Inserted) {
    let inserted = store.insert(key, 100).await.expect("the store answers");
    assert_eq!(inserted, expected);
}

async fn replace(
    store: &dyn ApiKeyStore,
    successor: &StoredApiKey,
    ends_at: Timestamp,
    expected: Replaced,
) {
    let replaced = store.replace(successor, ends_at).await;
    assert_eq!(replaced.expect("the store answers"), expected);
}

fn key(of: &str, owner: &str, created_at: Timestamp) -> StoredApiKey {
    StoredApiKey {
        digest: KeyDigest::from_parts(1, [7; 32]),
        key: ApiKey {
            id: id(),
            environment: Environment::Live,
            tenant: tenant(of),
            owner: subject(owner),
            name: "a key".into(),
            scopes: "orders:read users:*".parse().expect("scopes"),
            networks: Vec::new(),
            created_by: subject("admin"),
            created_at,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            replaces: None,
            replaced_by: None,
        },
    }
}

fn id() -> KeyId {
    let mut id = [0; 12];
    super::base62::fill_random(&mut id).expect("the system has random bytes");
    let id = str::from_utf8(&id).expect("letters and digits");
    id.parse().expect("an id")
}

fn tenant(id: &str) -> TenantId {
    id.parse().expect("an identifier")
}

fn subject(id: &str) -> SubjectId {
    id.parse().expect("an identifier")
}

fn network(text: &str) -> Network {
    text.parse().expect("a network")
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds).expect("a moment of this century")
}
