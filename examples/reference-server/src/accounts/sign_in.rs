//! Signing in: by a password, and by a second factor where there is one.

use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::{SubjectId, TenantId};
use portcullis_auth_core::password::{Account, PasswordErrorKind, Rehash, Stored, Verdict};
use portcullis_auth_core::refresh::Login;
use portcullis_auth_core::roles::Scopes;
use portcullis_auth_core::throttle::{
    Attempt, AuthGate, Decision, DeviceCookie, Grant, Permit, Policy,
};
use portcullis_auth_core::totp::{self, MfaToken, Owner};
use portcullis_secrets::Password;
use uuid::Uuid;

use super::error::{password_failed, unavailable};
use super::{Accounts, Session, SignInError};
use crate::store::User;

/// Somebody who wants to sign in.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) tenant: &'a TenantId,
    /// What was typed as an address; it need not be one.
    pub(crate) email: &'a str,
    pub(crate) password: &'a Password,
    /// A code of the second factor, if it was sent along.
    pub(crate) code: Option<&'a str>,
    /// The cookie that tells a device.
    pub(crate) device: Option<&'a str>,
}

/// What shows that somebody has the second factor.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    Code(&'a str),
    RecoveryCode(&'a str),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum SignedIn {
    Session {
        session: Box<Session>,
        device: Option<DeviceCookie>,
    },
    /// The password was right, and the second factor has to follow.
    SecondFactor(MfaToken),
}

impl Accounts {
    /// Signs in with a password. Takes as long for an address that nobody has as for a wrong password.
    pub(crate) async fn sign_in(
        &self,
        sign_in: &SignIn<'_>,
        context: &Context,
    ) -> Result<SignedIn, SignInError> {
        let tenant = sign_in.tenant;
        let key = sign_in.email.to_ascii_lowercase();
        let attempt = Attempt::password(tenant, &key)
            .device(sign_in.device)
            .client(&self.client)
            .context(context);
        let permit = self.permit(&self.gate, &attempt).await?;
        let checked = match self
            .check_password(tenant, &key, sign_in.password, context)
            .await
        {
            Ok(checked) => checked,
            Err(error) => {
                permit.withdrawn().await;
                return Err(error);
            }
        };
        let (user, epoch, rehash) = match checked {
            Checked::Right {
                user,
                epoch,
                rehash,
            } if user.is_enabled() => (user, epoch, rehash),
            Checked::Right { user, .. } => {
                permit.failed("disabled", Some(&user.account.subject));
                return Err(SignInError::Wrong);
            }
            Checked::Wrong(subject) => {
                let reason = if subject.is_some() {
                    "wrong_password"
                } else {
                    "unknown_account"
                };
                permit.failed(reason, subject.as_ref());
                return Err(SignInError::Wrong);
            }
        };
        self.rehash(&user.account, rehash, context);

        let owner = Owner::new(tenant, &user.account.subject);
        let challenge = self.totp.challenge(&owner, &self.client, epoch).await;
        let token = match challenge {
            Ok(Some(token)) => token,
            Ok(None) => {
                let session = self.begin(&user, epoch, "pwd", context).await;
                return self.admit(permit, &attempt, session).await;
            }
            Err(error) => {
                permit.withdrawn().await;
                return Err(error.into());
            }
        };
        permit.first_factor().await;
        let Some(code) = sign_in.code else {
            return Ok(SignedIn::SecondFactor(token));
        };
        let token = token.to_text().expose_secret();
        let signed_in = self
            .sign_in_further(token, Proof::Code(code), sign_in.device, context)
            .await;
        // One answer to every wrong login, also where it is the code that was wrong.
        signed_in.map_err(|error| match error {
            SignInError::WrongCode => SignInError::Wrong,
            other => other,
        })
    }

    /// Signs in with the second factor, after the password was right.
    pub(crate) async fn sign_in_further(
        &self,
        token: &str,
        proof: Proof<'_>,
        device: Option<&str>,
        context: &Context,
    ) -> Result<SignedIn, SignInError> {
        let signed_in = self.prove(token, proof, device, context).await;
        // Nobody is told that a code was right which came too late: for an account that was disabled, or signed out meanwhile.
        signed_in.map_err(|error| match error {
            SignInError::Wrong => SignInError::WrongCode,
            other => other,
        })
    }

    async fn prove(
        &self,
        token: &str,
        proof: Proof<'_>,
        device: Option<&str>,
        context: &Context,
    ) -> Result<SignedIn, SignInError> {
        let (verified, methods) = match proof {
            Proof::Code(code) => {
                let verified = self.totp.verify(token, &self.client, code, context).await?;
                (verified, "pwd otp")
            }
            Proof::RecoveryCode(code) => {
                let verified = self
                    .totp
                    .recover(token, &self.client, code, context)
                    .await?;
                (verified, "pwd mfa")
            }
        };
        self.finish(&verified, methods, device, context).await
    }

    async fn finish(
        &self,
        verified: &totp::Verified,
        methods: &str,
        device: Option<&str>,
        context: &Context,
    ) -> Result<SignedIn, SignInError> {
        let owner = verified.owner();
        let user = self.store.user(owner.tenant(), owner.subject()).await?;
        let Some(user) = user.filter(User::is_enabled) else {
            return Err(SignInError::Wrong);
        };
        let key = user.email.to_ascii_lowercase();
        let attempt = Attempt::with(owner.tenant(), Grant::SecondFactor)
            .identifier(&key)
            .device(device)
            .client(&self.client)
            .context(context);
        let permit = self.permit(&self.gate, &attempt).await?;
        let session = self.begin(&user, verified.epoch(), methods, context).await;
        self.admit(permit, &attempt, session).await
    }

    /// The end of an attempt all of whose proofs were right.
    async fn admit(
        &self,
        permit: Permit,
        attempt: &Attempt<'_>,
        session: Result<Session, SignInError>,
    ) -> Result<SignedIn, SignInError> {
        let session = match session {
            Ok(session) => Box::new(session),
            Err(error) => {
                permit.withdrawn().await;
                return Err(error);
            }
        };
        let subject = session.issued.subject();
        permit
            .succeeded(subject, Some(session.issued.session()))
            .await;
        let device = self.gate.trust_device(attempt, subject);
        Ok(SignedIn::Session { session, device })
    }

    pub(super) async fn permit(
        &self,
        gate: &AuthGate,
        attempt: &Attempt<'_>,
    ) -> Result<Permit, SignInError> {
        let wait = match gate.begin(attempt).await {
            Decision::Permit(permit) => return Ok(permit),
            Decision::Limited(limited) => limited.retry_after_secs(),
            // There is no second step here that could be taken: an owner goes on from a device or a session that is known.
            Decision::ChallengeRequired => Policy::LONGEST_PAUSE.as_secs(),
        };
        self.numbers.attempt_held_back();
        Err(SignInError::Limited(wait))
    }

    async fn check_password(
        &self,
        tenant: &TenantId,
        key: &str,
        password: &Password,
        context: &Context,
    ) -> Result<Checked, SignInError> {
        let found = self.store.credentials(tenant, key).await?;
        let stored = found.as_ref().map(|(user, _)| Stored {
            account: &user.account,
            hash: &user.password,
        });
        let verdict = self.passwords.verify(password, stored, context).await;
        let known = found.as_ref().map(|(user, _)| user.account.subject.clone());
        match (verdict, found) {
            (Ok(Verdict::Right(verified)), Some((mut user, epoch))) => {
                if verified.must_change && !user.must_change {
                    self.store
                        .must_change(&user.account, &user.password)
                        .await?;
                    user.must_change = true;
                }
                Ok(Checked::Right {
                    user: Box::new(user),
                    epoch,
                    rehash: verified.rehash,
                })
            }
            (Ok(_), _) => Ok(Checked::Wrong(known)),
            // What is too long or empty is nobody's password.
            (Err(error), _) if error.kind() == PasswordErrorKind::Length => {
                Ok(Checked::Wrong(known))
            }
            (Err(error), _) => Err(password_failed(&error)),
        }
    }

    /// Begins a session for somebody who has shown all that is asked for.
    async fn begin(
        &self,
        user: &User,
        epoch: u64,
        methods: &str,
        context: &Context,
    ) -> Result<Session, SignInError> {
        let Account { tenant, subject } = user.account.clone();
        let methods: Scopes = methods.parse().map_err(|error| unavailable(&error, None))?;
        let login = Login::new(tenant, subject, self.client.clone()).amr(methods);
        let issued = self.refresh.login(&login, epoch, context).await?;
        let access = self
            .sign(&issued, user)
            .map_err(|error| unavailable(&error, None))?;
        let now = self.now().as_millis();
        self.store.signed_in(&user.account, now).await?;
        Ok(Session {
            issued,
            access,
            must_change: user.must_change,
        })
    }

    /// In a task of its own: nobody waits for it, and a failure is no concern of the one who signs in.
    fn rehash(&self, account: &Account, rehash: Option<Rehash>, context: &Context) {
        let Some(rehash) = rehash else { return };
        let (accounts, account, context) = (self.clone(), account.clone(), context.clone());
        tokio::spawn(async move {
            let done = accounts.passwords.rehash(&account, rehash, &context);
            if let Err(error) = done.await {
                tracing::warn!(%error, "a password was not hashed anew");
            }
        });
    }
}

enum Checked {
    Right {
        user: Box<User>,
        epoch: u64,
        rehash: Option<Rehash>,
    },
    /// With whose password it was not, if it is somebody's at all.
    Wrong(Option<SubjectId>),
}

/// The id of a new account.
pub(crate) fn new_subject() -> SubjectId {
    let id = Uuid::now_v7().hyphenated().to_string();
    id.parse().expect("a UUID is an identifier")
}
