//! Tokens that were accepted a moment ago.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_auth_core::revocation::Marks;
use portcullis_auth_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Authenticated;

const SHARDS: usize = 16;

/// What accepted tokens said. Only such are in it, so that nobody fills it with guesses.
///
/// Tokens are known by SHA-256 over a random key and the whole token, signature included: there is nothing to steal from it,
/// and nobody can choose two tokens that it takes for one.
///
/// Each shard has two halves. When the newer one is full, it becomes the older one, and what was there is forgotten: what is
/// in use has been copied over by then. Finding room never takes longer than looking something up.
pub(super) struct TokenCache {
    /// What has read the key: as long as a block of the hash, it is read once and not for each token.
    keyed: Sha256,
    shards: [Mutex<Shard>; SHARDS],
    /// How many tokens half a shard takes.
    half: usize,
}

#[derive(Default)]
struct Shard {
    newer: Tokens,
    older: Tokens,
}

type Tokens = HashMap<TokenHash, Entry, BuildHasherDefault<Prefix>>;

/// The name of a token in the cache.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenHash([u8; 32]);

/// What is remembered of a token.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) principal: Authenticated,
    /// By what it can be revoked.
    pub(super) marks: Marks,
    pub(super) until: Timestamp,
    /// That of the verifier's keys when the token was accepted.
    pub(super) version: u64,
}

impl TokenCache {
    /// Remembers as many tokens as `capacity`, or a few more.
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        Self::with_half(capacity.get().div_ceil(2 * SHARDS))
    }

    /// Another one with as much room, which remembers nothing.
    pub(super) fn emptied(&self) -> Self {
        Self::with_half(self.half)
    }

    fn with_half(half: usize) -> Self {
        Self {
            keyed: Sha256::new_with_prefix(rand::random::<[u8; 64]>()),
            shards: Default::default(),
            half,
        }
    }

    pub(super) fn hash(&self, token: &str) -> TokenHash {
        let hash = self.keyed.clone().chain_update(token);
        TokenHash(hash.finalize().into())
    }

    /// What is remembered of a token, unless it has expired or `version` tells that keys were taken away since.
    pub(super) fn get(&self, hash: TokenHash, version: u64, now: Timestamp) -> Option<Entry> {
        let mut shard = self.shard(hash);
        let (entry, is_old) = match shard.newer.get(&hash) {
            Some(entry) => (entry, false),
            None => (shard.older.get(&hash)?, true),
        };
        if now >= entry.until || entry.version != version {
            return None;
        }
        let entry = entry.clone();
        if is_old {
            shard.insert(hash, entry.clone(), self.half);
        }
        Some(entry)
    }

    pub(super) fn insert(&self, hash: TokenHash, entry: Entry) {
        self.shard(hash).insert(hash, entry, self.half);
    }

    pub(super) fn remove(&self, hash: TokenHash) {
        let mut shard = self.shard(hash);
        shard.newer.remove(&hash);
        shard.older.remove(&hash);
    }

    fn len(&self) -> usize {
        let shards = self.shards.iter().map(lock);
        shards
            .map(|shard| shard.newer.len() + shard.older.len())
            .sum()
    }

    fn shard(&self, hash: TokenHash) -> MutexGuard<'_, Shard> {
        // Not the bytes by which the maps sort.
        lock(&self.shards[usize::from(hash.0[31]) % SHARDS])
    }
}

impl Shard {
    fn insert(&mut self, hash: TokenHash, entry: Entry, half: usize) {
        if self.newer.len() >= half && !self.newer.contains_key(&hash) {
            // What was there gives its room to what comes.
            mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        self.newer.insert(hash, entry);
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("tokens", &self.len())
            .finish_non_exhaustive()
    }
}

impl std::hash::Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0[..8]);
    }
}

/// The hash of what is a keyed hash already: its first bytes.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, bytes: &[u8]) {
        for (byte, place) in bytes.iter().zip(0..8) {
            self.0 |= u64::from(*byte) << (8 * place);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use portcullis_auth_core::principal::Principal;

    use super::*;

    fn ann() -> Entry {
        let ann = Principal::new("https://a.example", "ann".parse().unwrap());
        Entry {
            principal: ann.into(),
            marks: Marks::default(),
            until: at(10),
            version: 1,
        }
    }

    fn cache(capacity: usize) -> TokenCache {
        TokenCache::new(NonZeroUsize::new(capacity).unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(second).unwrap()
    }

    #[test]
    fn a_token_is_known_until_it_expires_or_keys_are_taken_away() {
        let cache = cache(100);
        let hash = cache.hash("a.b.c");
        cache.insert(hash, ann());
        assert!(cache.get(hash, 1, at(9)).is_some());
        assert!(cache.get(hash, 1, at(10)).is_none());
        assert!(cache.get(hash, 2, at(9)).is_none());
        assert!(cache.get(cache.hash("a.b.d"), 1, at(9)).is_none());
        cache.remove(hash);
        assert!(cache.get(hash, 1, at(9)).is_none());
    }

    #[test]
    fn a_flood_of_tokens_neither_grows_it_nor_pushes_out_what_is_in_use() {
        let cache = cache(320);
        let used = cache.hash("in use");
        cache.insert(used, ann());
        for other in 0..10_000 {
            cache.insert(cache.hash(&other.to_string()), ann());
            assert!(cache.get(used, 1, at(9)).is_some(), "{other}");
        }
        assert!(cache.len() <= 320, "{}", cache.len());
    }

    #[test]
    fn tokens_have_other_names_in_other_caches() {
        let names = [cache(1), cache(1)].map(|cache| cache.hash("a.b.c").0);
        assert_ne!(names[0], names[1]);
    }
}
