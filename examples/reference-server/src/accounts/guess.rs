//! Somebody who is signed in says their password again, makes a key that signs in for them, or helps somebody else.

use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::{SessionId, SubjectId};
use portcullis_auth_core::password::{Account, PasswordError, PasswordErrorKind};
use portcullis_auth_core::throttle::{Attempt, Grant, Permit};

use super::{Accounts, SignInError};
use crate::store::User;

/// The right to one guess at the password of somebody who is signed in already.
#[derive(Debug)]
pub(crate) struct Guess(Permit, SubjectId);

impl Guess {
    /// Only a wrong password counts.
    pub(crate) async fn settle(self, outcome: Result<(), &PasswordError>) {
        match outcome {
            Ok(()) => self.right().await,
            Err(error) if error.kind() == PasswordErrorKind::WrongCurrent => self.wrong(),
            Err(_) => self.withdrawn().await,
        }
    }

    /// Nobody signs in by it, so that it is no event.
    pub(crate) async fn right(self) {
        self.0.first_factor().await;
    }

    pub(crate) fn wrong(self) {
        let Self(permit, subject) = self;
        permit.failed("wrong_password", Some(&subject));
    }

    /// Nobody looked at it.
    pub(crate) async fn withdrawn(self) {
        self.0.withdrawn().await;
    }
}

impl Accounts {
    /// Charges for a guess at a password within a session. Counted by session, apart from guesses that sign in: whoever has
    /// stolen a token must neither find out the password with it nor keep its owner from signing in, and an owner whom a thief
    /// holds back within one session signs in to another.
    pub(crate) async fn guess(
        &self,
        account: &Account,
        session: SessionId,
        context: &Context,
    ) -> Result<Guess, SignInError> {
        let session = session.to_string();
        let attempt = Attempt::password(&account.tenant, &session)
            .client(&self.client)
            .context(context);
        let permit = self.permit(&self.guesses, &attempt).await?;
        Ok(Guess(permit, account.subject.clone()))
    }

    /// Asks for a key to be made: not from where many have just failed to sign in.
    pub(crate) async fn may_make_key(
        &self,
        account: &Account,
        context: &Context,
    ) -> Result<Permit, SignInError> {
        let attempt = Attempt::with(&account.tenant, Grant::ApiKey)
            .client(&self.client)
            .context(context);
        self.permit(&self.gate, &attempt).await
    }

    /// Forgets that somebody has failed to sign in for this account, so that its owner need not wait any longer.
    pub(crate) async fn forgive(&self, user: &User) -> Result<(), SignInError> {
        let key = user.email.to_ascii_lowercase();
        // From no address, since whoever asks has not failed there.
        let attempt = Attempt::with(&user.account.tenant, Grant::Recovery)
            .identifier(&key)
            .client(&self.client);
        let permit = self.permit(&self.gate, &attempt).await?;
        permit.first_factor().await;
        Ok(())
    }

    /// The account of somebody who is signed in; they are known, unless they were deleted or disabled a moment ago.
    pub(crate) async fn enabled_user(&self, account: &Account) -> Result<User, SignInError> {
        let user = self.store.user(&account.tenant, &account.subject).await?;
        user.filter(User::is_enabled).ok_or(SignInError::Wrong)
    }
}
