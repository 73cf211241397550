//! The table on loom's locks, in every order in which threads can take them.

use std::num::NonZeroUsize;
use std::time::Duration;

use loom::sync::{Arc, Mutex};
use loom::thread;

use self::table::{Cache, CacheKey, Cached};
use crate::api_key::{ApiKey, Environment, VerifiedKey};
use crate::principal::Principal;
use crate::time::Timestamp;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicI64, AtomicU64, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

#[expect(clippy::duplicate_mod, reason = "the same code on other locks")]
#[path = "table.rs"]
mod table;

const KEY: CacheKey = [7; 32];
const NOW: Timestamp = Timestamp::MIN;

fn verified() -> VerifiedKey {
    let key = ApiKey {
        id: "0123456789ab".parse().unwrap(),
        environment: Environment::Live,
        tenant: "acme".parse().unwrap(),
        owner: "ann".parse().unwrap(),
        name: "a key".to_owned(),
        scopes: "orders:read".parse().unwrap(),
        networks: Vec::new(),
        created_by: "ann".parse().unwrap(),
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        replaces: None,
        replaced_by: None,
    };
    let principal = Principal::new("https://accounts.example", key.owner.clone());
    let principal = std::sync::Arc::new(principal);
    VerifiedKey { key, principal }
}

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    // Faults hide in few switches between threads, if in any; without a bound this takes minutes.
    model.preemption_bound = Some(3);
    model.check(check);
}

/// What a service does for a key: reads the store, and remembers what it read.
fn look_up(cache: &Cache, is_revoked: &Mutex<bool>) {
    let generation = cache.generation();
    let is_live = !*is_revoked.lock().unwrap();
    if is_live {
        cache.insert(
            KEY,
            std::sync::Arc::new(Cached::new(verified(), NOW)),
            generation,
        );
    }
}

#[test]
fn no_key_is_remembered_that_is_revoked_while_it_is_looked_up() {
    model(|| {
        let cache = Arc::new(Cache::new(NonZeroUsize::MIN));
        let is_revoked = Arc::new(Mutex::new(false));
        let looking = {
            let (cache, is_revoked) = (cache.clone(), is_revoked.clone());
            thread::spawn(move || look_up(&cache, &is_revoked))
        };
        // The store first, as in a service.
        *is_revoked.lock().unwrap() = true;
        cache.forget(|_| true);
        looking.join().unwrap();
        assert!(cache.get(&KEY, NOW).is_none());
    });
}

#[test]
fn of_those_who_use_a_key_at_once_one_writes_it_down() {
    const MINUTE: Duration = Duration::from_secs(60);
    model(|| {
        let cached = Arc::new(Cached::new(verified(), NOW));
        let other = cached.clone();
        let other = thread::spawn(move || other.claims_touch(NOW, MINUTE));
        let claims = [cached.claims_touch(NOW, MINUTE), other.join().unwrap()];
        assert_ne!(claims[0], claims[1]);
        assert!(!cached.claims_touch(NOW, MINUTE));
    });
}
