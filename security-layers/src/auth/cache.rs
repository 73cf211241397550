//! Tokens that were accepted a moment ago.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use polyval::Polyval;
use polyval::universal_hash::UniversalHash as _;
use portcullis_auth_core::revocation::Marks;
use portcullis_auth_core::time::Timestamp;

use super::Authenticated;

const SHARDS: usize = 16;

/// What accepted tokens said. Only such are in it, so that nobody fills it with guesses.
///
/// Tokens are known by a hash of the whole token, signature included, under a random key; they themselves are not in it. The
/// hash is POLYVAL (RFC 8452), which takes less than half of the time of SHA-256. It takes two tokens for one with a chance of
/// one in 2^128 for each 16 bytes, whoever has chosen them, as long as nobody sees what comes out: neither hashes nor key leave
/// the cache. Who found out the key all the same would not be taken for somebody else either: that needs what a token of theirs
/// hashes to, and so the token. It is no one-way function: who reads both in the memory of the process can make up a text that
/// passes for a token until that expires. The tokens of requests and the keys that sign are there as well.
///
/// Each shard has two halves. When the newer one is full, it becomes the older one, and what was there is forgotten: what is
/// in use has been copied over by then. On average, finding room takes no longer than looking something up.
pub(super) struct TokenCache {
    /// The hash with its key and what is worked out from that once.
    keyed: Polyval,
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
pub(super) struct TokenHash([u8; 16]);

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
            keyed: Polyval::new(&rand::random::<[u8; 16]>().into()),
            shards: Default::default(),
            half,
        }
    }

    pub(super) fn hash(&self, token: &str) -> TokenHash {
        let mut hash = self.keyed.clone();
        // Padded with zeros, which are in no header: what differs still does.
        hash.update_padded(token.as_bytes());
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
        lock(&self.shards[usize::from(hash.0[15]) % SHARDS])
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
        state.write(&self.0);
    }
}

/// The hash of what is a keyed hash already: its first bytes.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(prefix) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*prefix);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
    fn every_byte_of_a_token_counts_and_so_does_its_place() {
        let cache = cache(1);
        let token = "0123456789abcdef.fedcba9876543210.signature";
        let (block, rest) = token.split_at(16);
        let mut others = vec![token.to_owned(), format!("{rest}{block}")];
        others.extend((0..token.len()).map(|len| token[..len].to_owned()));
        others.extend((0..token.len()).map(|at| {
            let mut other = token.to_owned();
            other.replace_range(at..=at, "x");
            other
        }));
        let hashes: HashSet<_> = others.iter().map(|other| cache.hash(other).0).collect();
        assert_eq!(hashes.len(), others.len());
    }

    #[test]
    fn tokens_have_other_names_in_other_caches() {
        let names = [cache(1), cache(1)].map(|cache| cache.hash("a.b.c").0);
        assert_ne!(names[0], names[1]);
    }
}
