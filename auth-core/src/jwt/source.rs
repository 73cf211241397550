//! Where a verifier gets the keys of an issuer.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::key::VerifyingKey;
use crate::time::Timestamp;

/// The keys of **one** issuer: a [`KeySet`](super::KeySet) that does not change, the
/// [`SigningRing`](super::SigningRing) of our own tokens, or a client that reads a JWKS document from time to time.
///
/// The contract:
///
/// - [`find`](Self::find) is called for every token that is not cached. It answers from memory: it never waits, not for the
///   network nor for a lock that is held while the network is waited for, and it allocates nothing when it finds the key.
/// - `find` gives only a key whose [algorithm](VerifyingKey::algorithm) is the one asked for, and whose id is the one asked
///   for. Without an id it gives a key only if exactly one is for that algorithm. A verifier checks all that again, and that
///   the key belongs to the issuer is for the source alone to see to.
/// - `find` does not know whether the signature will be right: ids are the sender's to choose. It may count and remember them
///   within fixed bounds.
/// - [`refresh`](Self::refresh) is called after [`Lookup::Stale`] only, and once for a token. It bounds by itself how often and
///   how long it asks the network, lets callers that come together share one fetch, and ends within seconds whatever the
///   network does. Dropping it leaves nothing locked. It reports nothing: the verifier calls `find` again.
/// - After a `refresh`, `find` may answer [`Lookup::Stale`] again: the verifier then takes the key for unknown.
/// - [`version`](Self::version) grows when a key that was found before is not found any more, and never earlier, so that what
///   was cached on its word is dropped. Keys that go because all they signed has expired need not be told.
pub trait KeySource: fmt::Debug + Send + Sync + 'static {
    /// The key that tokens with this `kid` and `alg` are signed with, as far as is known now.
    fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Lookup;

    /// Asks for newer keys on account of a token with this `kid`. By default there are none.
    fn refresh<'a>(&'a self, id: Option<&'a str>, now: Timestamp) -> Refresh<'a> {
        let _ = (id, now);
        Box::pin(std::future::ready(()))
    }

    /// A number that grows when keys have been taken away. By default they never are.
    fn version(&self) -> u64 {
        0
    }
}

/// What [`KeySource::refresh`] returns: it is done when there is nothing more to wait for.
pub type Refresh<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What a [`KeySource`] knows of a key.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a verifier must have an answer to each"
)]
pub enum Lookup {
    /// This is the key.
    Found(VerifyingKey),
    /// The issuer has no such key, and asking again now would not change that: the token is invalid.
    Unknown,
    /// The keys at hand have no such key, and newer ones may be had: [`KeySource::refresh`], then ask again.
    Stale,
    /// There are no keys at hand: nothing can be said of the token. Another try may succeed after this long.
    Unavailable(Duration),
}

impl<K: KeySource + ?Sized> KeySource for Arc<K> {
    fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Lookup {
        (**self).find(id, algorithm, now)
    }

    fn refresh<'a>(&'a self, id: Option<&'a str>, now: Timestamp) -> Refresh<'a> {
        (**self).refresh(id, now)
    }

    fn version(&self) -> u64 {
        (**self).version()
    }
}
