//! Hashes and verifies, a few at a time.

mod settings;
#[cfg(test)]
mod tests;
mod turns;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use portcullis_secrets::Password;

pub use self::settings::HasherSettings;
use self::turns::Turns;
use super::error::Fault;
use super::form::{self, Form, LegacyDigest};
use super::scheme::{Argon2Hash, Registry, Scheme, Target};
use super::{HashParams, PasswordError, PasswordHash, Peppers};

/// Hashes and verifies passwords, with a bound on the memory and the processors that it takes. A clone shares the bounds: make
/// one, and use it for everything.
///
/// ```
/// use portcullis_auth_core::password::{HashParams, Hasher, Match};
/// use portcullis_secrets::Password;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let hasher = Hasher::settings(HashParams::OWASP).build()?;
/// let stored = hasher.hash(&Password::from("correct horse battery staple")).await?;
/// assert!(stored.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
///
/// let right = hasher.verify(&Password::from("correct horse battery staple"), Some(&stored)).await?;
/// assert!(matches!(right, Match::Right { rehash: None }));
/// let wrong = hasher.verify(&Password::from("Tr0ub4dor&3"), Some(&stored)).await?;
/// assert!(matches!(wrong, Match::Wrong));
/// // Nobody of that name: as much work, the same answer.
/// let unknown = hasher.verify(&Password::from("Tr0ub4dor&3"), None).await?;
/// assert!(matches!(unknown, Match::Wrong));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// At most as many hashes are made at a time as there are processors and as the memory allows. Four times as many requests may
/// wait, two seconds at most; the others are told at once to come again. A request whose client has gone holds its turn until
/// its hash is made, since hashes cannot be stopped: otherwise clients that hang up could start any number of them.
///
/// # Panics
///
/// Its methods panic outside of a tokio runtime with time.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    target: Target,
    registry: Registry,
    turns: Turns,
    keys: RwLock<Arc<Keys>>,
    hashes: AtomicU64,
    filled_kib: AtomicU64,
    refused: AtomicU64,
}

/// What changes together.
struct Keys {
    peppers: Peppers,
    /// What is verified for names that are unknown.
    nobody: Argon2Hash,
}

/// What came of comparing.
#[derive(Debug)]
pub enum Match {
    /// It is the password.
    Right {
        /// The hash can be replaced by a better one.
        rehash: Option<Rehash>,
    },
    /// It is not, or there is no hash.
    Wrong,
}

/// The numbers of a [`Hasher`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasherStats {
    /// How many hashes can be made at a time.
    pub concurrency: u32,
    /// How many requests are being served or wait.
    pub pending: usize,
    /// How many requests have been served.
    pub hashes: u64,
    /// The KiB that all of these filled, fillers included; of other schemes than argon2 an estimate.
    pub filled_kib: u64,
    /// How many requests were told to come again.
    pub refused: u64,
}

impl Hasher {
    /// Begins the settings of a hasher whose new hashes cost `params`.
    pub fn settings(params: HashParams) -> HasherSettings {
        HasherSettings::new(params)
    }

    fn new(
        target: Target,
        registry: Registry,
        peppers: Peppers,
        permits: u32,
        patience: Duration,
    ) -> Result<Self, Fault> {
        let keys = Keys::new(peppers, target.params)?;
        Ok(Self(Arc::new(Inner {
            target,
            registry,
            turns: Turns::new(permits, patience),
            keys: RwLock::new(Arc::new(keys)),
            hashes: AtomicU64::new(0),
            filled_kib: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })))
    }

    /// Makes the hash of a new password. It is not checked whether the password is a good one: see
    /// [`PasswordPolicy`](super::PasswordPolicy).
    ///
    /// # Errors
    ///
    /// The kinds `Length`, `Busy`, `NoRandomness` and `Stopped`.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        let password = Password::from(form::received(password)?);
        let target = self.0.target.clone();
        self.make(target.params, target.form, password).await
    }

    async fn make(
        &self,
        params: HashParams,
        form: Form,
        password: Password,
    ) -> Result<PasswordHash, PasswordError> {
        let keys = self.keys();
        self.run(params.memory_kib, move || {
            let prepared = form.apply(password.expose_secret());
            let hash = Argon2Hash::make(form, params, &prepared, &keys.peppers)?;
            Ok((hash, params.work()))
        })
        .await
    }

    /// Compares a password with a stored hash; with none, for a name that is unknown or an account without a password, it does
    /// as much work and says [`Match::Wrong`].
    ///
    /// The work of a wrong password is that of a present hash also where the stored one is cheaper. A hash that is *dearer* than
    /// present ones takes longer, so whoever lowers the costs, or imports hashes of a dearer scheme, lets it be measured who has
    /// not signed in since.
    ///
    /// # Errors
    ///
    /// The kinds `Length`, `Busy`, `Stopped`, and of broken hashes `ParamsRejected`, `PepperUnknown`, `UnknownScheme`, `Malformed`:
    /// these are the operator's to mend, and no wrong password.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Match, PasswordError> {
        let text = form::received(password)?;
        let keys = self.keys();
        let scheme = match stored {
            Some(stored) => Scheme::parse(stored.as_str(), &self.0.registry)?,
            None => Scheme::Argon2(keys.nobody.clone()),
        };
        let upgrade = match &scheme {
            Scheme::Argon2(hash) => {
                if let Some(id) = &hash.pepper
                    && keys.peppers.find(id).is_none()
                {
                    return Err(Fault::PepperUnknown(id.clone()).into());
                }
                hash.upgrade(&self.0.target, keys.peppers.current())
            }
            _ => Some(self.0.target.params),
        };
        // What was normalised once stays so, whatever is set by now.
        let form = match &scheme {
            Scheme::Argon2(hash) if hash.form == Form::Nfc => Form::Nfc,
            _ => self.0.target.form,
        };
        let (received, params) = (Password::from(text), self.0.target.params);
        let known = stored.is_some();
        let memory = scheme.memory_kib().max(params.memory_kib);
        let matches = self.run(memory, move || {
            let computed = scheme.compute(&received, &keys.peppers)?;
            let mut work = computed.work;
            if !computed.matches
                && let Some(filler) = params.filling(params.work().saturating_sub(work))
            {
                let filler = Argon2Hash::random(filler, None)?;
                Scheme::Argon2(filler).compute(&received, &keys.peppers)?;
                work = params.work();
            }
            Ok((computed.matches && known, work))
        });
        if !matches.await? {
            return Ok(Match::Wrong);
        }
        let rehash = stored.zip(upgrade).map(|(stored, params)| Rehash {
            hasher: self.clone(),
            old: stored.clone(),
            params,
            form,
            password: Password::from(text),
        });
        Ok(Match::Right { rehash })
    }

    /// Wraps a fast hash without salt, as an old table holds it, in a present one, so that the table can be made safe without
    /// waiting for everybody to sign in. At the next sign-in the password itself is hashed.
    ///
    /// # Errors
    ///
    /// The kinds `Malformed` if `digits` are not the hexadecimal digits of such a hash, `Busy`, `NoRandomness` and `Stopped`.
    pub async fn wrap(
        &self,
        digest: LegacyDigest,
        digits: &str,
    ) -> Result<PasswordHash, PasswordError> {
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex || digits.len() != digest.digits() {
            return Err(Fault::Malformed.into());
        }
        let digits = Password::from(digits.to_ascii_lowercase());
        let (keys, params) = (self.keys(), self.0.target.params);
        self.run(params.memory_kib, move || {
            let prepared = Form::AsReceived.apply(digits.expose_secret());
            let form = Form::Hex(digest);
            let hash = Argon2Hash::make(form, params, &prepared, &keys.peppers)?;
            Ok((hash, params.work()))
        })
        .await
    }

    /// Replaces the peppers, for this hasher and its clones.
    ///
    /// # Errors
    ///
    /// The kind `NoRandomness`; the peppers are as before then.
    pub fn set_peppers(&self, peppers: Peppers) -> Result<(), PasswordError> {
        let keys = Arc::new(Keys::new(peppers, self.0.target.params)?);
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Present numbers, for metrics.
    #[must_use]
    pub fn stats(&self) -> HasherStats {
        HasherStats {
            concurrency: self.0.turns.total(),
            pending: self.0.turns.taken(),
            hashes: self.0.hashes.load(Ordering::Relaxed),
            filled_kib: self.0.filled_kib.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
        }
    }

    fn keys(&self) -> Arc<Keys> {
        let keys = self.0.keys.read();
        keys.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does `work` in its turn, where blocking is allowed. It returns the KiB that it filled as well.
    async fn run<T: Send + 'static>(
        &self,
        memory_kib: u32,
        work: impl FnOnce() -> Result<(T, u64), Fault> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let weight = memory_kib.div_ceil(self.0.target.params.memory_kib);
        let turn = self.0.turns.take(weight).await.inspect_err(|_busy| {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        let inner = self.0.clone();
        let task = tokio::task::spawn_blocking(move || -> Result<T, Fault> {
            // Here and not outside, where it would end with the request.
            let _turn = turn;
            let (result, filled) = work()?;
            inner.hashes.fetch_add(1, Ordering::Relaxed);
            inner.filled_kib.fetch_add(filled, Ordering::Relaxed);
            Ok(result)
        });
        Ok(task.await.map_err(Fault::Stopped)??)
    }
}

impl Keys {
    fn new(peppers: Peppers, params: HashParams) -> Result<Self, Fault> {
        let nobody = Argon2Hash::random(params, peppers.current().cloned())?;
        Ok(Self { peppers, nobody })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("target", &self.0.target)
            .field("registry", &self.0.registry)
            .field("peppers", &self.keys().peppers)
            .field("stats", &self.stats())
            .finish()
    }
}

/// The hash of a password that has just been verified is to be made anew: with present costs, or with the present pepper, or
/// because it was imported.
///
/// [`Passwords::rehash`](super::Passwords::rehash) makes it and stores it. To do nothing with this is harmless.
#[must_use = "a hash is made anew when it is told to be"]
pub struct Rehash {
    hasher: Hasher,
    old: PasswordHash,
    params: HashParams,
    form: Form,
    password: Password,
}

impl Rehash {
    /// The hash that is to be replaced. It may only be replaced where it still stands: see
    /// [`PasswordStore::rehash`](super::PasswordStore::rehash).
    #[must_use]
    pub fn old(&self) -> &PasswordHash {
        &self.old
    }

    /// Makes the new hash.
    ///
    /// # Errors
    ///
    /// The kinds `Busy`, `NoRandomness` and `Stopped`.
    pub async fn hash(&self) -> Result<PasswordHash, PasswordError> {
        let password = Password::from(self.password.expose_secret());
        self.hasher.make(self.params, self.form, password).await
    }
}

impl fmt::Debug for Rehash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehash")
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}
