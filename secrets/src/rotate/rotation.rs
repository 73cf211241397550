use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::error::Fault;
use super::rotating::{Fetched, Fetching, Known, Shared, Supply};
use super::state::Held;
use super::{Rejected, RotateError, Rotating};
#[cfg(feature = "redact")]
use crate::redact::KnownSecrets;
use crate::source::{MAX_BYTES, SecretSource, SourceErrorKind, Versioned};
use crate::{SecretBytes, SecretString};

/// The settings of a [`Rotating`] value: where it comes from, what makes it acceptable, how long the old one counts.
///
/// Checks run in the order in which they are added, each time the source has something new and before it is taken over.
#[must_use = "nothing is loaded until it is started"]
pub struct Rotation<V, T> {
    name: Box<str>,
    source: Arc<dyn SecretSource<V>>,
    next: Option<Arc<dyn SecretSource<V>>>,
    accept: Accept<V, T>,
    timing: Timing,
}

type Accept<V, T> = Box<dyn Fn(V) -> Result<T, Fault> + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) poll: Option<Duration>,
    pub(super) keep: Duration,
    pub(super) deadline: Duration,
    pub(super) stale_after: Duration,
}

impl<V: Send + 'static> Rotation<V, V> {
    /// The secret from `source`, taken as it is. `name` is how events and errors call it.
    ///
    /// Defaults: the source is asked every 30 s, also if its files are watched, because events of file systems get lost;
    /// one load has 30 s; the previous value is not kept; a value that could not be confirmed for 5 minutes is reported
    /// as stale.
    pub fn new(name: &str, source: impl SecretSource<V>) -> Self {
        Self {
            name: name.into(),
            source: Arc::new(source),
            next: None,
            accept: Box::new(Ok),
            timing: Timing {
                poll: Some(Duration::from_secs(30)),
                keep: Duration::ZERO,
                deadline: Duration::from_secs(30),
                stale_after: Duration::from_secs(5 * 60),
            },
        }
    }
}

impl<V: Send + 'static> Rotation<V, SecretBytes> {
    /// Takes the bytes as UTF-8 text.
    pub fn text(self) -> Rotation<V, SecretString> {
        self.parse(|bytes| {
            SecretString::read_from(bytes.expose_secret(), MAX_BYTES).map_err(Rejected::from)
        })
    }
}

impl<V: Send + 'static, T: Send + Sync + 'static> Rotation<V, T> {
    /// Makes another value of what has been accepted so far.
    pub fn parse<U, F>(self, parse: F) -> Rotation<V, U>
    where
        F: Fn(T) -> Result<U, Rejected> + Send + Sync + 'static,
    {
        let accept = self.accept;
        Rotation {
            name: self.name,
            source: self.source,
            next: self.next,
            accept: Box::new(move |value| parse(accept(value)?).map_err(Fault::Rejected)),
            timing: self.timing,
        }
    }

    /// Refuses values that `check` refuses.
    pub fn check<F>(self, check: F) -> Self
    where
        F: Fn(&T) -> Result<(), Rejected> + Send + Sync + 'static,
    {
        self.checked(check, Fault::Rejected)
    }

    /// Refuses values that `strength` finds too weak, with a `secret_weak` event of their own.
    pub fn strength<F>(self, strength: F) -> Self
    where
        F: Fn(&T) -> Result<(), Rejected> + Send + Sync + 'static,
    {
        self.checked(strength, Fault::Weak)
    }

    /// Tells `secrets` each value, so that it is redacted wherever it is printed; the old one for another 24 hours. Without
    /// effect for a value that would be found in ordinary text: see [`KnownSecrets::insert`].
    ///
    /// ```
    /// use portcullis_secrets::redact::{KnownSecrets, Redactor};
    /// use portcullis_secrets::rotate::Rotation;
    /// use portcullis_secrets::source::FileSource;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("webhook_secret");
    /// # std::fs::write(&path, "vK8#qd/Lm2x7Zp")?;
    /// let known = KnownSecrets::new();
    /// let redactor = Redactor::builder().known_secrets(known.clone()).build()?;
    /// let secret = Rotation::new("webhook_secret", FileSource::new(path))
    ///     .known_to(known, |secret| secret.expose_secret())
    ///     .start()
    ///     .await?;
    /// assert_eq!(redactor.redact("sent vK8#qd/Lm2x7Zp to joe"), "sent [REDACTED] to joe");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redact")]
    pub fn known_to<F>(self, secrets: KnownSecrets, expose: F) -> Self
    where
        F: Fn(&T) -> &[u8] + Send + Sync + 'static,
    {
        let name = self.name.clone();
        self.check(move |value| {
            let known = secrets.insert(&name, expose(value), std::time::Instant::now());
            // One that is too common stays out; that is no fault of its own.
            known.or(Ok(()))
        })
    }

    fn checked<F>(mut self, check: F, fault: fn(Rejected) -> Fault) -> Self
    where
        F: Fn(&T) -> Result<(), Rejected> + Send + Sync + 'static,
    {
        let accept = self.accept;
        self.accept = Box::new(move |value| {
            let value = accept(value)?;
            check(&value).map_err(fault)?;
            Ok(value)
        });
        self
    }

    /// Where the value that will come next is announced, so that what another instance has signed with it already is
    /// accepted. It may have none; anything else that is wrong with it fails the load as a whole. Default: none.
    pub fn next(mut self, source: impl SecretSource<V>) -> Self {
        self.next = Some(Arc::new(source));
        self
    }

    /// For how long the old value is still accepted after a new one is in force. Default: not at all.
    pub fn keep_previous(mut self, keep: Duration) -> Self {
        self.timing.keep = keep;
        self
    }

    /// How often the source is asked. Less than a second counts as one. Default: 30 s.
    pub fn poll_every(mut self, period: Duration) -> Self {
        self.timing.poll = Some(period.max(Duration::from_secs(1)));
        self
    }

    /// Does not ask the source by itself, only by [`Rotating::reload`]. Files and leases are then for the caller to watch.
    pub fn without_polling(mut self) -> Self {
        self.timing.poll = None;
        self
    }

    /// How long one load may take, trial run included. Default: 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.timing.deadline = deadline;
        self
    }

    /// After how long without a successful load the value is reported as stale. Default: 5 minutes.
    pub fn stale_after(mut self, age: Duration) -> Self {
        self.timing.stale_after = age;
        self
    }

    /// Loads the value and keeps it up to date until the last clone of the result is dropped.
    ///
    /// # Errors
    ///
    /// When there is no acceptable value, or no tokio runtime.
    pub async fn start(self) -> Result<Rotating<T>, RotateError> {
        self.start_with(|_| async { Ok(()) }).await
    }

    /// As [`start`](Self::start), and lets `probe` try each new value out before it is taken over: log in with it, sign
    /// and verify something.
    ///
    /// # Errors
    ///
    /// When there is no acceptable value, or no tokio runtime.
    pub async fn start_with<P, F>(self, probe: P) -> Result<Rotating<T>, RotateError>
    where
        P: Fn(Arc<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Rejected>> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return Err(RotateError::new(&self.name, Fault::NoRuntime));
        };
        let pipeline = Pipeline {
            source: self.source,
            next: self.next,
            accept: self.accept,
            probe,
        };
        Shared::start(self.name, Box::new(pipeline), self.timing, &runtime).await
    }
}

impl<V, T> fmt::Debug for Rotation<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation")
            .field("name", &self.name)
            .field("source", &self.source)
            .field("next", &self.next)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

struct Pipeline<V, T, P> {
    source: Arc<dyn SecretSource<V>>,
    next: Option<Arc<dyn SecretSource<V>>>,
    accept: Accept<V, T>,
    probe: P,
}

impl<V, T, P, F> Pipeline<V, T, P>
where
    P: Fn(Arc<T>) -> F + Send + Sync,
    F: Future<Output = Result<(), Rejected>> + Send,
{
    async fn candidate(&self, loaded: Versioned<V>, known: &Known<T>) -> Result<Held<T>, Fault> {
        let version = loaded.version();
        let until = loaded
            .lease_ref()
            .and_then(|lease| Instant::now().checked_add(lease.valid_for));
        let accepted_before = known.iter().find(|(known, _)| *known == version);
        if let Some(value) = accepted_before.and_then(|(_, value)| value.upgrade()) {
            return Ok(Held {
                value,
                version,
                until,
            });
        }
        let value = Arc::new((self.accept)(loaded.into_value())?);
        (self.probe)(value.clone()).await.map_err(Fault::Rejected)?;
        Ok(Held {
            value,
            version,
            until,
        })
    }
}

impl<V, T, P, F> Supply<T> for Pipeline<V, T, P>
where
    V: Send + 'static,
    T: Send + Sync + 'static,
    P: Fn(Arc<T>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Rejected>> + Send + 'static,
{
    fn fetch(&self, known: Known<T>) -> Fetching<'_, T> {
        let fetch: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
            let loaded = self.source.load().await.map_err(Fault::Source)?;
            let renew_after = loaded.lease_ref().map(|lease| lease.renew_after);
            let current = self.candidate(loaded, &known).await?;
            let next = match &self.next {
                None => None,
                Some(next) => match next.load().await {
                    Ok(loaded) => Some(self.candidate(loaded, &known).await?),
                    Err(error) if error.kind() == SourceErrorKind::NotFound => None,
                    Err(error) => return Err(Fault::Source(error)),
                },
            };
            Ok(Fetched {
                current,
                next,
                renew_after,
            })
        });
        fetch
    }

    fn files(&self) -> Vec<PathBuf> {
        let next = self.next.iter().flat_map(SecretSource::files);
        self.source.files().into_iter().chain(next).collect()
    }
}
