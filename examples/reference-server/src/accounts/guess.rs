//! Somebody who is signed in says their password again.

use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::SubjectId;
use portcullis_auth_core::password::{Account, PasswordError, PasswordErrorKind};
use portcullis_auth_core::throttle::{Attempt, Permit};

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
    /// Charges for a guess at a password, as for one that signs in.
    pub(crate) async fn guess(
        &self,
        user: &User,
        device: Option<&str>,
        context: &Context,
    ) -> Result<Guess, SignInError> {
        let key = user.email.to_ascii_lowercase();
        let attempt = Attempt::password(&user.account.tenant, &key)
            .device(device)
            .client(&self.client)
            .context(context);
        let permit = self.permit(&attempt).await?;
        Ok(Guess(permit, user.account.subject.clone()))
    }

    /// The account of somebody who is signed in; they are known, unless they were deleted or disabled a moment ago.
    pub(crate) async fn enabled_user(&self, account: &Account) -> Result<User, SignInError> {
        let user = self.store.user(&account.tenant, &account.subject).await?;
        user.filter(User::is_enabled).ok_or(SignInError::Wrong)
    }
}
