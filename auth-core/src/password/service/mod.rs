mod change;

use std::sync::Arc;

use portcullis_secrets::Password;

use super::breach::{self, BreachChecker};
use super::error::Fault;
use super::form;
use super::{
    Account, ContextWords, Hasher, Match, PasswordError, PasswordErrorKind, PasswordHash,
    PasswordPolicy, PasswordStore, Reason, Rehash, Rejection, ResetStore,
};
use crate::audit::{AuditSink, Context, Event, EventKind};
use crate::time::Clock;

/// Passwords of accounts: verified, chosen, changed and reset, with the events that tell of it.
///
/// It does not throttle: ask [`verify`](Self::verify) and [`change`](Self::change) only for attempts that were let through, and
/// charge before asking.
///
/// # Panics
///
/// Its methods panic outside of a tokio runtime with time.
#[derive(Clone, Debug)]
pub struct Passwords {
    hasher: Hasher,
    policy: PasswordPolicy,
    breaches: Option<Arc<dyn BreachChecker>>,
    store: Arc<dyn PasswordStore>,
    resets: Arc<dyn ResetStore>,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
}

/// The password of an account, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Whose it is.
    pub account: &'a Account,
    /// Its hash.
    pub hash: &'a PasswordHash,
}

/// A password that somebody wants to have.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The password.
    pub password: &'a Password,
    /// What it should not be made of.
    pub words: &'a ContextWords,
}

/// What came of a sign-in.
#[derive(Debug)]
pub enum Verdict {
    /// It is the password.
    Right(Verified),
    /// It is not, or there is no such account: these are told apart by nobody.
    Wrong,
}

/// A right password, and what is to be done about it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The stored hash is to be made anew: give it to [`Passwords::rehash`], now or in a task of its own.
    pub rehash: Option<Rehash>,
    /// The password is known from a breach: let its owner do nothing but choose another.
    pub must_change: bool,
}

impl Passwords {
    /// Ties together what is needed: where hashes and reset tokens are kept, where the time is read
    /// ([`SystemClock`](crate::time::SystemClock) outside of tests), and where events go
    /// ([`TracingSink`](crate::audit::TracingSink), or one of your own). None of them has a default. There is no list of breaches
    /// until one is [given](Self::breach_checker).
    #[must_use]
    pub fn new(
        hasher: Hasher,
        policy: PasswordPolicy,
        store: Arc<dyn PasswordStore>,
        resets: Arc<dyn ResetStore>,
        clock: Arc<dyn Clock>,
        audit: Arc<dyn AuditSink>,
    ) -> Self {
        let breaches = None;
        Self {
            hasher,
            policy,
            breaches,
            store,
            resets,
            clock,
            audit,
        }
    }

    /// Sets the list of breaches.
    #[must_use]
    pub fn breach_checker(mut self, breaches: Arc<dyn BreachChecker>) -> Self {
        self.breaches = Some(breaches);
        self
    }

    /// Sets where hashes are put: for a change that is one transaction with others of the caller's, for example.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn PasswordStore>) -> Self {
        self.store = store;
        self
    }

    /// Compares the password that somebody presents with the one that is stored; with none, for a name that is unknown or an
    /// account without a password, it takes as long and says [`Verdict::Wrong`].
    ///
    /// A list of breaches that does not answer does not keep anybody out: it is asked again at the next sign-in.
    ///
    /// # Errors
    ///
    /// As [`Hasher::verify`]. Broken hashes leave an event.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<Stored<'_>>,
        context: &Context,
    ) -> Result<Verdict, PasswordError> {
        let Match::Right { rehash } = self.compare(password, stored, context).await? else {
            return Ok(Verdict::Wrong);
        };
        let must_change = match self.is_breached(password).await {
            Ok(breached) => breached,
            Err(error) => {
                tracing::warn!(error = %error, "a password was not looked up in the list of breaches");
                false
            }
        };
        if must_change && let Some(stored) = stored {
            let event = self.event(EventKind::PasswordBreached, stored.account, context);
            self.audit.record(&event.reason("login"));
        }
        Ok(Verdict::Right(Verified {
            rehash,
            must_change,
        }))
    }

    /// Makes a hash anew after a sign-in and puts it where the old one still stands. Whether it did.
    ///
    /// The sign-in has succeeded, whatever comes of this.
    ///
    /// # Errors
    ///
    /// The kinds `Busy`, `NoRandomness`, `Stopped` and `Store`. The old hash stays, and the next sign-in tries again.
    pub async fn rehash(
        &self,
        account: &Account,
        rehash: Rehash,
        context: &Context,
    ) -> Result<bool, PasswordError> {
        let new = rehash.hash().await?;
        let replaced = self.store.rehash(account, rehash.old(), &new).await?;
        if replaced {
            let event = self.event(EventKind::PasswordRehashed, account, context);
            self.audit.record(&event);
        }
        Ok(replaced)
    }

    /// Makes the hash of a new account's password, if the policy and the list of breaches allow it.
    ///
    /// # Errors
    ///
    /// The kinds `Length`, `Refused`, `Busy`, `NoRandomness`, `Stopped` and `Store`.
    pub async fn choose(&self, candidate: Candidate<'_>) -> Result<PasswordHash, PasswordError> {
        self.allow(candidate).await?;
        self.hasher.hash(candidate.password).await
    }

    async fn allow(&self, candidate: Candidate<'_>) -> Result<(), PasswordError> {
        self.check(candidate).await?;
        self.refuse_breached(candidate.password).await
    }

    /// [`PasswordPolicy::check`], off the reactor: a thousand characters take milliseconds.
    async fn check(&self, candidate: Candidate<'_>) -> Result<(), PasswordError> {
        let text = form::received(candidate.password)?;
        let (password, words) = (Password::from(text), candidate.words.clone());
        let policy = self.policy.clone();
        let checked = tokio::task::spawn_blocking(move || policy.check(&password, &words));
        checked.await.map_err(Fault::Stopped)?
    }

    async fn refuse_breached(&self, password: &Password) -> Result<(), PasswordError> {
        if self.is_breached(password).await? {
            return Err(Rejection::from(Reason::Breached).into());
        }
        Ok(())
    }

    async fn is_breached(&self, password: &Password) -> Result<bool, PasswordError> {
        let Some(breaches) = &self.breaches else {
            return Ok(false);
        };
        let prepared = form::nfc(form::received(password)?);
        let sha1 = prepared.expose(breach::sha1);
        Ok(breaches.is_breached(&sha1).await?)
    }

    /// [`Hasher::verify`], and an event for a hash that cannot be used.
    async fn compare(
        &self,
        password: &Password,
        stored: Option<Stored<'_>>,
        context: &Context,
    ) -> Result<Match, PasswordError> {
        let result = self
            .hasher
            .verify(password, stored.map(|stored| stored.hash))
            .await;
        if let Err(error) = &result
            && let Some(stored) = stored
            && is_broken(error)
        {
            let event = match error.pepper() {
                Some(id) => self
                    .event(EventKind::PepperUnknown, stored.account, context)
                    .key_id(&id.to_string()),
                None => self.event(EventKind::HashParamsRejected, stored.account, context),
            };
            self.audit.record(&event.reason(error.code()));
        }
        result
    }

    fn event(&self, kind: EventKind, account: &Account, context: &Context) -> Event {
        Event::new(kind, self.clock.now())
            .tenant(&account.tenant)
            .subject(&account.subject)
            .context(context)
    }
}

/// Whether it is the stored hash that is at fault.
fn is_broken(error: &PasswordError) -> bool {
    matches!(
        error.kind(),
        PasswordErrorKind::ParamsRejected
            | PasswordErrorKind::PepperUnknown
            | PasswordErrorKind::UnknownScheme
            | PasswordErrorKind::Malformed
    )
}
