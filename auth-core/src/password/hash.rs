use std::fmt;

use super::scheme::{Registry, Scheme};
use super::{HashParams, PasswordError, PepperId};

/// A hash as it is stored: text of at most 1,024 bytes, of which ours are about 100.
///
/// Ours are PHC strings, `$argon2id$v=19$m=19456,t=2,p=1$salt$output`, of the password in NFC; with `,keyid=..` after the
/// costs if there is a pepper, and `{raw}` before all of it if the password was hashed as it was received. What else is
/// understood: see the [module docs](super#imported-hashes). Argon2 hashes of other programs, which hash what they receive,
/// are best imported with `{raw}` before them.
///
/// It is made of whatever the store holds and read where it is used, so that a broken one is found and reported there. `Debug`
/// does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// The hash that a store holds.
    #[must_use]
    pub fn new(stored: impl Into<Box<str>>) -> Self {
        Self(stored.into())
    }

    /// As it is to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the hash says of itself, without verifying anything: for counting what is still to be made anew.
    ///
    /// # Errors
    ///
    /// The kinds `UnknownScheme` (also for schemes of the caller's own), `Malformed` and `ParamsRejected`.
    pub fn info(&self) -> Result<HashInfo, PasswordError> {
        let scheme = Scheme::parse(&self.0, &Registry::default())?;
        let (params, pepper) = match &scheme {
            Scheme::Argon2(hash) => (Some(hash.params), hash.pepper.clone()),
            _ => (None, None),
        };
        Ok(HashInfo {
            algorithm: scheme.algorithm(),
            params,
            pepper,
        })
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([REDACTED])")
    }
}

/// What a stored hash says of itself: from [`PasswordHash::info`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashInfo {
    algorithm: Algorithm,
    params: Option<HashParams>,
    pepper: Option<PepperId>,
}

impl HashInfo {
    /// What it was made by.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its costs, if it is one of argon2.
    #[must_use]
    pub fn params(&self) -> Option<HashParams> {
        self.params
    }

    /// The pepper that it was made with, if any.
    #[must_use]
    pub fn pepper(&self) -> Option<&PepperId> {
        self.pepper.as_ref()
    }
}

/// What makes hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// The one that new hashes are made by.
    Argon2id,
    /// Argon2 without defence against being measured by its first pass.
    Argon2i,
    /// Argon2 without defence against being measured.
    Argon2d,
    /// bcrypt.
    Bcrypt,
    /// PBKDF2 with any hash function.
    Pbkdf2,
    /// scrypt.
    Scrypt,
    /// A scheme of the caller's.
    Foreign,
}
