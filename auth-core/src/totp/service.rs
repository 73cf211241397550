//! Setting factors up and taking them away.

use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretString;

use super::uri::provisioning;
use super::{
    Code, Epochs, Factor, FactorId, Issuer, Match, Owner, RECOVERY_CODES, RecoveryCode, SealKeys,
    TotpError, TotpErrorKind, TotpSecret, TotpStore, Window,
};
use crate::audit::{Actor, AuditSink, Context, Event, EventKind, TracingSink};
use crate::time::{Clock, SystemClock, Timestamp};

/// How long ago somebody may have signed in who changes a factor: ten minutes.
pub const REAUTHENTICATION: Duration = Duration::from_secs(10 * 60);

/// Second factors by time-based codes, with recovery codes. See the [module docs](super) for an example.
///
/// Clones are the same service, until one of them is set to something else.
#[derive(Clone, Debug)]
pub struct Totp(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    issuer: Issuer,
    keys: Arc<SealKeys>,
    store: Arc<dyn TotpStore>,
    window: Window,
    epochs: Option<Arc<dyn Epochs>>,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
}

/// A factor that was made and is pending: to be shown to its owner, once.
#[derive(Debug)]
pub struct Enrolment {
    id: FactorId,
    secret: TotpSecret,
    uri: SecretString,
}

impl Enrolment {
    /// Which one it is.
    #[must_use]
    pub fn id(&self) -> FactorId {
        self.id
    }

    /// The secret, for owners who type it into their authenticator.
    #[must_use]
    pub fn secret(&self) -> &TotpSecret {
        &self.secret
    }

    /// The URI `otpauth://totp/..`, for a QR code. Made by the server or in the browser: the image is as secret as the text.
    pub fn uri(&self) -> &SecretString {
        &self.uri
    }
}

impl Totp {
    /// A service that counts codes beside the current one ([`Window::Adjacent`]), reads the system's clock and tells `tracing`.
    #[must_use]
    pub fn new(issuer: Issuer, keys: SealKeys, store: impl TotpStore) -> Self {
        Self::from_shared(issuer, keys, Arc::new(store))
    }

    /// As [`new`](Self::new), with a store that others share.
    #[must_use]
    pub fn from_shared(issuer: Issuer, keys: SealKeys, store: Arc<dyn TotpStore>) -> Self {
        Self(Arc::new(Parts {
            issuer,
            keys: Arc::new(keys),
            store,
            window: Window::default(),
            epochs: None,
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
        }))
    }

    fn set(mut self, set: impl FnOnce(&mut Parts)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }

    /// Sets which codes count besides the current one. The default is [`Window::Adjacent`].
    #[must_use]
    pub fn window(self, window: Window) -> Self {
        self.set(|parts| parts.window = window)
    }

    /// Sets where the epochs of subjects are read. A challenge of an earlier one is over then: what comes for it is not looked
    /// at, so that nobody learns whether it was right, and no recovery code is spent on it. Without, that no session starts is up
    /// to the caller alone: see [`Verified::epoch`](super::Verified::epoch).
    #[must_use]
    pub fn epochs(self, epochs: impl Epochs) -> Self {
        self.set(|parts| parts.epochs = Some(Arc::new(epochs)))
    }

    /// Sets where the time is read. The default is the system's clock.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.set(|parts| parts.clock = Arc::new(clock))
    }

    /// Sets where events go. The default is [`TracingSink`]. They are also what a notice to the owner is made from:
    /// `mfa_activated`, `mfa_removed`, `mfa_frozen`, `recovery_code_used` and `recovery_code_regenerated` call for one.
    #[must_use]
    pub fn audit(self, audit: impl AuditSink) -> Self {
        self.set(|parts| parts.audit = Arc::new(audit))
    }

    /// Makes a factor that waits for its first code, in place of any other that does. `account` is what the authenticator
    /// lists it by, the address of mail for example.
    ///
    /// # Errors
    ///
    /// If `signed_in_at` is more than ten minutes ago, if there are five factors, and when store or randomness fail.
    pub async fn enrol(
        &self,
        owner: &Owner,
        account: &str,
        signed_in_at: Timestamp,
        context: &Context,
    ) -> Result<Enrolment, TotpError> {
        let now = self.recently(signed_in_at)?;
        let secret = TotpSecret::generate().map_err(|_| TotpErrorKind::NoRandomness)?;
        let id = FactorId::generate();
        let sealed = self.0.keys.seal(&secret, owner, id)?;
        let factor = Factor::pending(id, sealed, now);
        if !self.0.store.enrol(owner, &factor).await? {
            return Err(TotpErrorKind::TooManyFactors.into());
        }
        self.record(owner, EventKind::MfaEnrolled, context, |event| event);
        let uri = provisioning(&self.0.issuer, account, &secret);
        Ok(Enrolment { id, secret, uri })
    }

    /// Makes a pending factor active whose owner shows its first code, which does not count a second time.
    ///
    /// # Errors
    ///
    /// If the code is wrong, if the factor is not pending or has been for more than ten minutes, and when the store fails.
    pub async fn activate(
        &self,
        owner: &Owner,
        factor: FactorId,
        code: &str,
        context: &Context,
    ) -> Result<(), TotpError> {
        let now = self.now();
        let code = Code::parse(code).ok_or(TotpErrorKind::WrongCode)?;
        let factors = self.0.store.factors(owner).await?;
        let pending = factors
            .iter()
            .find(|kept| kept.id == factor && kept.is_pending(now))
            .ok_or(TotpErrorKind::UnknownFactor)?;
        let secret = self.open(owner, pending, context)?;
        let Match::Fresh { step, drift } =
            secret.check(&code, now, self.0.window, pending.last_step)
        else {
            self.record(owner, EventKind::MfaFail, context, |event| {
                event.reason("activation")
            });
            return Err(TotpErrorKind::WrongCode.into());
        };
        let store = &self.0.store;
        if !store.activate(owner, factor, step, drift, now).await? {
            return Err(TotpErrorKind::UnknownFactor.into());
        }
        self.record(owner, EventKind::MfaActivated, context, |event| event);
        Ok(())
    }

    /// Takes a factor away, pending or active. Recovery codes stay, and are of no use without a factor.
    ///
    /// # Errors
    ///
    /// If `signed_in_at` is more than ten minutes ago, if there is no such factor, and when the store fails.
    pub async fn remove(
        &self,
        owner: &Owner,
        factor: FactorId,
        signed_in_at: Timestamp,
        context: &Context,
    ) -> Result<(), TotpError> {
        self.recently(signed_in_at)?;
        if !self.0.store.remove(owner, factor).await? {
            return Err(TotpErrorKind::UnknownFactor.into());
        }
        self.record(owner, EventKind::MfaRemoved, context, |event| event);
        Ok(())
    }

    /// The active factors of an owner, oldest first.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn factors(&self, owner: &Owner) -> Result<Vec<Factor>, TotpError> {
        let mut factors = self.0.store.factors(owner).await?;
        factors.retain(|factor| factor.activated_at.is_some());
        Ok(factors)
    }

    /// Makes ten recovery codes in place of all that there were: to be shown to their owner, once.
    ///
    /// # Errors
    ///
    /// If `signed_in_at` is more than ten minutes ago, and when store or randomness fail.
    pub async fn regenerate_recovery_codes(
        &self,
        owner: &Owner,
        signed_in_at: Timestamp,
        context: &Context,
    ) -> Result<Vec<RecoveryCode>, TotpError> {
        self.recently(signed_in_at)?;
        let codes: Result<Vec<_>, _> = (0..RECOVERY_CODES)
            .map(|_| RecoveryCode::generate())
            .collect();
        let codes = codes.map_err(|_| TotpErrorKind::NoRandomness)?;
        let hashes: Vec<_> = codes.iter().map(|code| code.hash(owner)).collect();
        self.0.store.replace_recovery_codes(owner, &hashes).await?;
        self.record(
            owner,
            EventKind::RecoveryCodesRegenerated,
            context,
            |event| event,
        );
        Ok(codes)
    }

    /// How many recovery codes are left. With less than [`FEW_RECOVERY_CODES`](super::FEW_RECOVERY_CODES), ask their owner to
    /// make new ones.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn recovery_codes_left(&self, owner: &Owner) -> Result<u32, TotpError> {
        Ok(self.0.store.recovery_codes_left(owner).await?)
    }

    /// Lets codes count again after fifty wrong ones, without a recovery code: for an administrator who knows the owner. `by`
    /// is who it is.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn thaw(&self, owner: &Owner, by: Actor, context: &Context) -> Result<(), TotpError> {
        self.0.store.thaw(owner).await?;
        self.record(owner, EventKind::AuthzAdmin, context, |event| {
            event.actor(by).reason("mfa_thawed")
        });
        Ok(())
    }

    /// Deletes everything of an owner whose account is deleted.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn forget(&self, owner: &Owner) -> Result<(), TotpError> {
        Ok(self.0.store.forget(owner).await?)
    }

    /// Deletes up to `limit` challenges that are over and as many factors that were never activated, and returns how many of
    /// both there were. To be called now and then.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn purge(&self, limit: u32) -> Result<u64, TotpError> {
        Ok(self.0.store.purge(self.now(), limit).await?)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn store(&self) -> &dyn TotpStore {
        &*self.0.store
    }

    pub(super) fn epochs_ref(&self) -> Option<&dyn Epochs> {
        self.0.epochs.as_deref()
    }

    pub(super) fn keys(&self) -> &SealKeys {
        &self.0.keys
    }

    pub(super) fn window_ref(&self) -> Window {
        self.0.window
    }

    pub(super) fn open(
        &self,
        owner: &Owner,
        factor: &Factor,
        context: &Context,
    ) -> Result<TotpSecret, TotpError> {
        let opened = self.0.keys.open(&factor.sealed, owner, factor.id);
        if opened.is_err() {
            self.record(owner, EventKind::DecryptFail, context, |event| {
                event.reason("totp_secret")
            });
        }
        opened
    }

    pub(super) fn record(
        &self,
        owner: &Owner,
        kind: EventKind,
        context: &Context,
        more: impl FnOnce(Event) -> Event,
    ) {
        self.tell(kind, context, |event| {
            more(event.tenant(owner.tenant()).subject(owner.subject()))
        });
    }

    /// [`record`](Self::record), of what is nobody's.
    pub(super) fn tell(
        &self,
        kind: EventKind,
        context: &Context,
        more: impl FnOnce(Event) -> Event,
    ) {
        let event = Event::new(kind, self.now()).context(context);
        self.0.audit.record(&more(event));
    }

    fn recently(&self, signed_in_at: Timestamp) -> Result<Timestamp, TotpError> {
        let now = self.now();
        if now.since(signed_in_at) > REAUTHENTICATION {
            return Err(TotpErrorKind::ReauthenticationRequired.into());
        }
        Ok(now)
    }
}
