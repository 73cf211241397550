//! How a password takes the place of another.

use portcullis_secrets::{Password, SecretString};

use super::{Candidate, Passwords, Stored, is_broken};
use crate::audit::{Context, Event, EventKind};
use crate::password::error::Fault;
use crate::password::{
    Account, Match, PasswordError, PasswordHash, Reason, Rejection, ResetTicket, ResetToken, form,
    reset,
};

impl Passwords {
    /// Changes the password of somebody who is signed in and who knows the current one. Reset tokens of the account end.
    ///
    /// The store ends all sessions; a new one for whoever asked is the caller's to make.
    ///
    /// # Errors
    ///
    /// All kinds but `ResetToken`. Each leaves an event.
    pub async fn change(
        &self,
        stored: Stored<'_>,
        current: &Password,
        new: Candidate<'_>,
        context: &Context,
    ) -> Result<(), PasswordError> {
        let changed = self.try_change(stored, current, new, context).await;
        self.tell(changed, stored.account, "change", context)
    }

    async fn try_change(
        &self,
        stored: Stored<'_>,
        current: &Password,
        new: Candidate<'_>,
        context: &Context,
    ) -> Result<(), PasswordError> {
        let same =
            form::nfc(form::received(current)?).ct_eq(&form::nfc(form::received(new.password)?));
        if same {
            return Err(Rejection::from(Reason::Current).into());
        }
        // Before the list of breaches is asked, which may be far away.
        self.check(new).await?;
        match self.compare(current, Some(stored), context).await? {
            Match::Right { .. } => {}
            Match::Wrong => return Err(Fault::WrongCurrent.into()),
        }
        self.refuse_breached(new.password).await?;
        let hash = self.hasher.hash(new.password).await?;
        self.put(stored.account, Some(stored.hash), &hash).await
    }

    /// Makes the token for somebody who has forgotten their password. It is good for 20 minutes and once, and ends the one before
    /// it.
    ///
    /// To be called for accounts that exist, from a queue: whoever asks gets the same answer in any case, at once. Leaves an
    /// event.
    ///
    /// # Errors
    ///
    /// The kinds `NoRandomness` and `Store`.
    pub async fn issue_reset(&self, account: &Account) -> Result<ResetToken, PasswordError> {
        let (token, digest) = ResetToken::generate()?;
        let now = self.clock.now();
        let expires = now.plus(reset::LIFETIME);
        self.resets.put(account, &digest, expires, now).await?;
        let event = self.event(EventKind::TokenCreated, account, &Context::default());
        self.audit.record(&event.reason("reset"));
        Ok(token)
    }

    /// Whose password may be set by whoever presents this token. The token is still good afterwards, so that a password that is
    /// refused can be followed by another.
    ///
    /// # Errors
    ///
    /// The kinds `ResetToken`, which leaves an event, and `Store`.
    pub async fn find_reset(
        &self,
        token: &SecretString,
        context: &Context,
    ) -> Result<ResetTicket, PasswordError> {
        let now = self.clock.now();
        if let Some(digest) = reset::presented(token)
            && let Some(account) = self.resets.find(&digest, now).await?
        {
            return Ok(ResetTicket { account, digest });
        }
        let error = PasswordError::from(Fault::ResetToken);
        let event = Event::new(EventKind::PasswordChangeFail, now).context(context);
        self.audit.record(&event.reason(error.code()));
        Err(error)
    }

    /// Sets the password of somebody who has presented a reset token, which is spent by it. `stored` is the hash that there is, so
    /// that the forgotten password is not chosen again.
    ///
    /// It signs nobody in. Whoever has a second factor is asked for it at the sign-in that follows.
    ///
    /// # Errors
    ///
    /// All kinds but `WrongCurrent`. Each leaves an event. The token is spent only if there is no error, or if a store fails in
    /// the middle.
    pub async fn reset(
        &self,
        ticket: &ResetTicket,
        stored: Option<&PasswordHash>,
        new: Candidate<'_>,
        context: &Context,
    ) -> Result<(), PasswordError> {
        let done = self.try_reset(ticket, stored, new, context).await;
        self.tell(done, &ticket.account, "reset", context)
    }

    async fn try_reset(
        &self,
        ticket: &ResetTicket,
        stored: Option<&PasswordHash>,
        new: Candidate<'_>,
        context: &Context,
    ) -> Result<(), PasswordError> {
        let account = &ticket.account;
        self.allow(new).await?;
        if let Some(hash) = stored {
            let stored = Stored { account, hash };
            match self.compare(new.password, Some(stored), context).await {
                Ok(Match::Right { .. }) => return Err(Rejection::from(Reason::Current).into()),
                Ok(Match::Wrong) => {}
                // A hash that nobody can verify is what a reset is good for.
                Err(error) if is_broken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let hash = self.hasher.hash(new.password).await?;
        let spent = self.resets.take(&ticket.digest, self.clock.now()).await?;
        if spent.as_ref() != Some(account) {
            return Err(Fault::ResetToken.into());
        }
        self.put(account, None, &hash).await
    }

    async fn put(
        &self,
        account: &Account,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
    ) -> Result<(), PasswordError> {
        // First, for a token that is left over can undo the change.
        self.resets.forget(account).await?;
        if self.store.change(account, old, new).await? {
            Ok(())
        } else {
            Err(Fault::Changed.into())
        }
    }

    /// Tells how an attempt to set a password ended.
    fn tell(
        &self,
        result: Result<(), PasswordError>,
        account: &Account,
        way: &'static str,
        context: &Context,
    ) -> Result<(), PasswordError> {
        let event = |kind| self.event(kind, account, context);
        match &result {
            Ok(()) => self
                .audit
                .record(&event(EventKind::PasswordChange).reason(way)),
            Err(error) => {
                let reasons = error
                    .rejection()
                    .map(Rejection::reasons)
                    .unwrap_or_default();
                if reasons.contains(&Reason::Breached) {
                    self.audit
                        .record(&event(EventKind::PasswordBreached).reason(way));
                }
                self.audit
                    .record(&event(EventKind::PasswordChangeFail).reason(error.code()));
            }
        }
        result
    }
}
