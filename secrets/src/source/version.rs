use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

/// Tells two values of a secret apart without telling anything about either.
///
/// Equal contents have equal versions, within one process. It is a keyed hash, and each process draws its own key: a
/// version in a log is no help in guessing the secret, and means nothing after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version([u64; 2]);

impl Version {
    /// The version of a value that consists of `parts`, in their order.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        // One hash of 64 bits would do against chance; two leave nothing to argue about.
        static KEYS: OnceLock<[RandomState; 2]> = OnceLock::new();
        let keys = KEYS.get_or_init(|| [RandomState::new(), RandomState::new()]);
        // Slices hash their lengths too, so that no two lists of parts run together.
        Self(keys.each_ref().map(|key| key.hash_one(parts)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:016x}{low:016x}")
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

/// For how long a value may be used, counted from the moment it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// After this time the value must not be used any more.
    pub valid_for: Duration,
    /// After this time the source should be asked again; jitter is included.
    pub renew_after: Duration,
}

impl Lease {
    /// The lease that ends first, asked about as early as either wants.
    #[must_use]
    pub fn shorter(self, other: Self) -> Self {
        Self {
            valid_for: self.valid_for.min(other.valid_for),
            renew_after: self.renew_after.min(other.renew_after),
        }
    }
}

/// A value with its [`Version`], and its [`Lease`] if it has one. `Debug` shows no value.
pub struct Versioned<V> {
    value: V,
    version: Version,
    lease: Option<Lease>,
}

impl<V> Versioned<V> {
    /// A value that may be used for as long as nothing newer comes.
    pub fn new(value: V, version: Version) -> Self {
        Self {
            value,
            version,
            lease: None,
        }
    }

    /// Sets the time for which the value may be used. Default: without limit.
    #[must_use]
    pub fn lease(mut self, lease: Option<Lease>) -> Self {
        self.lease = lease;
        self
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// For how long the value may be used. `None`: without limit.
    pub fn lease_ref(&self) -> Option<Lease> {
        self.lease
    }

    /// Takes the value out.
    pub fn into_value(self) -> V {
        self.value
    }

    /// Makes another value of this one; version and lease stay.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn try_map<W, E>(self, f: impl FnOnce(V) -> Result<W, E>) -> Result<Versioned<W>, E> {
        Ok(Versioned {
            value: f(self.value)?,
            version: self.version,
            lease: self.lease,
        })
    }
}

impl From<crate::SecretBytes> for Versioned<crate::SecretBytes> {
    fn from(value: crate::SecretBytes) -> Self {
        let version = Version::of(&[value.expose_secret()]);
        Self::new(value, version)
    }
}

impl<V> fmt::Debug for Versioned<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned")
            .field("version", &self.version)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
