//! Whose bucket a request is counted in.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use ahash::{AHasher, RandomState};
use http::{HeaderName, request};
use portcullis_layer_core::origin::{ClientKey, Ipv6Prefix};

use super::callback::Callback;
use super::scope::Subject;

/// What tells one bucket from another.
///
/// Keys are never kept: a store holds 64 bits of a keyed hash, so a key may be long or secret.
///
/// A key is a way to *choose a bucket*. Whatever a caller can make up freely (a header that nobody
/// has verified, a path) lets it choose a new one at will, so use such keys [`and`](Self::and) the
/// client's address, or beside a second rule by address, or behind the layer that verifies them.
///
/// ```
/// use http::HeaderName;
/// use portcullis_security_layers::rate_limit::Key;
///
/// // The API key if there is one, else the address; each of them per path.
/// let key = Key::header(HeaderName::from_static("x-api-key"))
///     .or(Key::client_ip())
///     .and(Key::path());
/// # let _ = key;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Key(Source);

#[derive(Clone, Debug)]
enum Source {
    Global,
    Client(Ipv6Prefix),
    Header(HeaderName),
    Method,
    Path,
    Text(Callback<TextFn>),
    Value(Callback<ValueFn>),
    Both(Box<(Source, Source)>),
    Either(Box<(Source, Source)>),
}

type TextFn = dyn for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync;
type ValueFn = dyn Fn(&request::Parts, &mut AHasher) -> Option<()> + Send + Sync;

impl Key {
    /// One bucket for everybody.
    pub const fn global() -> Self {
        Self(Source::Global)
    }

    /// The client's address, an IPv6 address by its /64: see [`ClientKey`].
    ///
    /// It is missing where nobody recorded the peer, see
    /// [`OriginPolicy`](portcullis_layer_core::origin::OriginPolicy).
    pub fn client_ip() -> Self {
        Self::client_network(Ipv6Prefix::default())
    }

    /// The client's address, an IPv6 address by the network of this size.
    pub const fn client_network(prefix: Ipv6Prefix) -> Self {
        Self(Source::Client(prefix))
    }

    /// The value of a header. A header that is sent more than once is missing: otherwise the second
    /// line would be a free choice of bucket.
    pub const fn header(name: HeaderName) -> Self {
        Self(Source::Header(name))
    }

    /// The method.
    pub const fn method() -> Self {
        Self(Source::Method)
    }

    /// The path as it was sent, without the query. Where paths hold identifiers, a route's template
    /// by [`text_with`](Self::text_with) is what is meant.
    pub const fn path() -> Self {
        Self(Source::Path)
    }

    /// Text that `f` finds in the head of the request, such as the route in axum's `MatchedPath`.
    /// `None` is a missing key.
    pub fn text_with<F>(f: F) -> Self
    where
        F: for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        Self(Source::Text(Callback(Arc::new(f))))
    }

    /// A value that `f` makes from the head of the request, such as a tenant's number in the
    /// extensions. `None` is a missing key.
    pub fn with<F, K>(f: F) -> Self
    where
        F: Fn(&request::Parts) -> Option<K> + Send + Sync + 'static,
        K: Hash,
    {
        let feed = move |parts: &request::Parts, hasher: &mut AHasher| {
            f(parts)?.hash(hasher);
            Some(())
        };
        Self(Source::Value(Callback(Arc::new(feed))))
    }

    /// Both together: each pair has a bucket. Missing if either is.
    pub fn and(self, other: Self) -> Self {
        Self(Source::Both(Box::new((self.0, other.0))))
    }

    /// This key, or `other` where it is missing. The two never share a bucket.
    pub fn or(self, other: Self) -> Self {
        Self(Source::Either(Box::new((self.0, other.0))))
    }
}

impl Source {
    fn feed(&self, subject: &Subject<'_>, hasher: &mut AHasher) -> Option<()> {
        let parts = subject.parts;
        match self {
            Self::Global => {}
            Self::Client(prefix) => {
                let key = ClientKey::with_prefix(subject.client()?, *prefix);
                key.hash(hasher);
            }
            Self::Header(name) => {
                let mut lines = parts.headers.get_all(name).iter();
                let (line, None) = (lines.next()?, lines.next()) else {
                    return None;
                };
                line.as_bytes().hash(hasher);
            }
            Self::Method => parts.method.hash(hasher),
            Self::Path => parts.uri.path().hash(hasher),
            Self::Text(f) => f(parts)?.hash(hasher),
            Self::Value(f) => f(parts, hasher)?,
            Self::Both(both) => {
                both.0.feed(subject, hasher)?;
                both.1.feed(subject, hasher)?;
            }
            Self::Either(either) => {
                // The first may have fed a part of itself before it was found to be missing.
                let mut first = hasher.clone();
                first.write_u8(1);
                if either.0.feed(subject, &mut first).is_some() {
                    *hasher = first;
                } else {
                    hasher.write_u8(2);
                    either.1.feed(subject, hasher)?;
                }
            }
        }
        Some(())
    }
}

/// What happens to a request without the key that a rule goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissingKey {
    /// All such requests share one bucket: nobody gets past the limit by leaving the key out, and a
    /// service that was wired up wrongly is slow instead of open or down. The default.
    #[default]
    Shared,
    /// The rule does not apply. Right where another rule catches what this one lets go.
    Skip,
    /// The request is refused with `400 Bad Request`.
    BadRequest,
    /// The request is refused with `403 Forbidden`.
    Forbidden,
}

/// Turns requests into the hashes of their buckets.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    seed: RandomState,
}

impl Selector {
    /// With a seed of its own from the operating system, so that nobody can aim at a bucket.
    pub(super) fn new() -> Self {
        Self {
            seed: RandomState::new(),
        }
    }

    /// The bucket of `subject` for the rule with the number `rule`, if it has the key for one.
    pub(super) fn select(&self, rule: usize, key: &Key, subject: &Subject<'_>) -> Option<u64> {
        let mut hasher = self.seed.build_hasher();
        hasher.write_usize(rule);
        key.0.feed(subject, &mut hasher)?;
        Some(hasher.finish())
    }

    /// The bucket that requests without a key share.
    pub(super) fn shared(&self, rule: usize) -> u64 {
        self.seed.hash_one((rule, "requests without a key"))
    }
}
