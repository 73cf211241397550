mod end;
mod error;
mod events;
mod issued;
mod login;
#[cfg(feature = "jwt")]
mod signed;

use std::sync::Arc;

use portcullis_secrets::{SecretBytes, SecretString};

use self::error::Source;
use self::events::Events;
#[cfg(feature = "jwt")]
use self::signed::Signed;
use super::{
    Authentic, Created, Family, Nonce, Outcome, RefreshKeys, RefreshPolicy, RefreshStore,
    RefreshToken, Rotate, State,
};
use crate::audit::{AuditSink, Context, TracingSink};
use crate::id::{SessionId, SubjectId, TenantId};
#[cfg(feature = "jwt")]
use crate::jwt::TokenIssuer;
use crate::revocation::Revocations;
use crate::store::StoreError;
use crate::time::{Clock, SystemClock};

pub use error::{
    LoginError, LoginErrorKind, RefreshError, RefreshErrorKind, StartError, StartErrorKind,
};
pub use issued::{Issued, SessionInfo};
pub use login::{Login, RefreshRequest};

/// How many families a step of [`RefreshService::purge`] deletes.
const BATCH: u32 = 1000;

/// Sessions that are kept alive by refresh tokens: see the [module docs](super). A clone is the same service.
#[derive(Clone, Debug)]
pub struct RefreshService {
    store: Arc<dyn RefreshStore>,
    keys: RefreshKeys,
    policy: RefreshPolicy,
    clock: Arc<dyn Clock>,
    events: Events,
    revocations: Option<Revocations>,
    #[cfg(feature = "jwt")]
    signed: Option<Signed>,
}

/// A [`RefreshService`] that has not looked into its store yet.
#[derive(Debug)]
#[must_use = "a service has to be started"]
pub struct RefreshServiceBuilder(RefreshService);

impl RefreshServiceBuilder {
    /// How long sessions last, and how repetitions are answered. Default: [`RefreshPolicy::default`].
    pub fn policy(mut self, policy: RefreshPolicy) -> Self {
        self.0.policy = policy;
        self
    }

    /// Where the time is read. Default: [`SystemClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Where events go. Default: [`TracingSink`].
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.0.events = Events(sink);
        self
    }

    /// Ends the access tokens of sessions with them. Without, they are good until they expire.
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.0.revocations = Some(revocations);
        self
    }

    /// Hands out refresh tokens that `issuer` signs as well, of the type `rt+jwt` (with its
    /// [`refresh_ring`](crate::jwt::TokenIssuerSettings::refresh_ring)): whoever has the public keys can tell them from made-up
    /// ones, this service without a look into its store. Everything else stays as it is: the row of the session is asked each
    /// time, and says whether a token is good; opaque tokens of sessions that began before are.
    ///
    /// Repetitions get the same text if the key's signatures are always the same, as those of EdDSA, HMAC and RSA's PKCS #1
    /// are; otherwise, and where another key signs by then, the same token with another signature. One that has expired by
    /// itself, after the issuer's lifetime for refresh tokens, is not looked up any more.
    #[cfg(feature = "jwt")]
    pub fn signed(mut self, issuer: TokenIssuer) -> Self {
        self.0.signed = Some(Signed::new(issuer));
        self
    }

    /// The service, once it is sure that no session depends on a key that is not there.
    ///
    /// # Errors
    ///
    /// When live sessions need another key, or the store cannot tell; and when tokens are to be signed and cannot be.
    pub async fn start(self) -> Result<RefreshService, StartError> {
        let service = self.0;
        #[cfg(feature = "jwt")]
        if let Some(signed) = &service.signed
            && !signed.lasts(&service.policy)
        {
            return Err(StartError::unsigned());
        }
        let now = service.clock.now();
        for (id, sessions) in service.store.count_by_key(now).await? {
            if !service.keys.contains(id) {
                return Err(StartError::missing_key(id, sessions));
            }
        }
        Ok(service)
    }
}

impl RefreshService {
    /// A service on `store`, with tokens made by `keys`.
    pub fn builder(store: Arc<dyn RefreshStore>, keys: RefreshKeys) -> RefreshServiceBuilder {
        RefreshServiceBuilder(Self {
            store,
            keys,
            policy: RefreshPolicy::default(),
            clock: Arc::new(SystemClock),
            events: Events(Arc::new(TracingSink)),
            revocations: None,
            #[cfg(feature = "jwt")]
            signed: None,
        })
    }

    /// The policy that it goes by.
    #[must_use]
    pub fn policy(&self) -> &RefreshPolicy {
        &self.policy
    }

    /// The epoch of a subject: to be read before its password is, and handed to [`login`](Self::login).
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn epoch(&self, tenant: &TenantId, subject: &SubjectId) -> Result<u64, StoreError> {
        self.store.epoch(tenant, subject).await
    }

    /// Begins a session for somebody whose proof was checked, with an id that never was before.
    ///
    /// `epoch` is the subject's as it was before the proof was checked. If it has moved, the password was changed meanwhile
    /// or the account was disabled, and what was checked is no proof any more.
    ///
    /// # Errors
    ///
    /// When the epoch has moved, or the store does not answer: nobody is signed in then.
    pub async fn login(
        &self,
        login: &Login,
        epoch: u64,
        context: &Context,
    ) -> Result<Issued, LoginError> {
        let now = self.clock.now();
        let family = Arc::new(Family {
            id: SessionId::generate(),
            tenant: login.tenant.clone(),
            subject: login.subject.clone(),
            client: login.client.clone(),
            key_id: self.keys.current(),
            nonce: nonce()?,
            created_at: now,
            expires_at: now.plus(self.policy.absolute),
            scopes: login.scopes.clone(),
            amr: login.amr.clone(),
            acr: login.acr.clone(),
            auth_time: login.auth_time.unwrap_or(now),
            dpop_jkt: login.dpop_jkt.clone(),
            user_agent: context.user_agent_ref().map(Into::into),
            ip: context.ip_ref(),
        });
        let state = State::new(&family, epoch, &self.policy);
        let token = self.write(&family, &state);
        let token = token.map_err(LoginError::unavailable)?;
        let limit = self.policy.max_sessions;
        match self.store.create(&family, &state, limit, now).await? {
            Created::EpochMoved => Err(LoginError::epoch_moved()),
            Created::Kept { evicted } => {
                self.events.login(&family, &evicted, now, context);
                self.forget_all(&evicted, context).await;
                let scopes = family.scopes.clone();
                let issued = Issued::new(family, state, token, scopes, false);
                Ok(issued.instead_of(evicted))
            }
        }
    }

    /// Exchanges a refresh token for its successor, or for what that was if it is repeated within the grace. A session that
    /// ends because its token was copied takes its access tokens along, and does so again for each token that comes later:
    /// the answer to the first may never have come from the store.
    ///
    /// The exchange is in the store when this returns. Read the account anew and sign the access token afterwards: if that
    /// fails, answer 503; the client tries again with the token it has and gets this very answer.
    ///
    /// # Errors
    ///
    /// See [`RefreshErrorKind`]. Only those of which [`RefreshErrorKind::is_invalid_grant`] says so are the token's fault.
    pub async fn refresh(
        &self,
        request: &RefreshRequest<'_>,
        context: &Context,
    ) -> Result<Issued, RefreshError> {
        let authentic = self.authenticate(request.token).await?;
        let Ok(token) = authentic.map_err(|reason| {
            self.events.invalid(reason, self.clock.now(), context);
        }) else {
            return Err(RefreshErrorKind::Invalid.into());
        };
        let family = token.family().clone();
        let tenant = request.tenant.unwrap_or(&family.tenant).clone();
        let client = request.client.clone();
        let rotate = Rotate::new(token, tenant, client, self.policy)
            .dpop_jkt(request.dpop_jkt.map(Into::into));
        let scopes = request.scopes.unwrap_or(&family.scopes);
        let exceeded = !scopes.iter().all(|scope| family.scopes.contains(scope));
        // Before the token is exchanged: the client's mistake must not cost it the token. Whoever has somebody else's token is
        // not told what that is good for.
        if exceeded && !rotate.is_mismatch() {
            return Err(RefreshError::of(RefreshErrorKind::ScopeExceeded, family.id));
        }
        let scopes = scopes.clone();
        let now = self.clock.now();
        let Some(rotation) = self.store.rotate(&rotate, now).await? else {
            self.events.invalid("unknown", now, context);
            return Err(RefreshErrorKind::Invalid.into());
        };
        self.events.rotation(&rotate, &rotation, now, context);
        if rotation.is_reuse() {
            self.forget_all(&[family.id], context).await;
        }
        if let Some(kind) = RefreshErrorKind::of(rotation.outcome) {
            return Err(RefreshError::of(kind, family.id));
        }
        let replay = rotation.outcome == Outcome::GraceReplay;
        let token = self.write(&family, &rotation.state);
        let token = token.map_err(RefreshError::unavailable)?;
        Ok(Issued::new(family, rotation.state, token, scopes, replay))
    }

    /// The live sessions of `subject`, the most recently refreshed first. `current` is the one that asks.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn sessions(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        current: Option<SessionId>,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let live = self.store.list(tenant, subject, self.clock.now()).await?;
        let info = |(family, state)| SessionInfo::new(family, &state, current);
        Ok(live.into_iter().map(info).collect())
    }

    /// Deletes what was over an hour ago. To be called now and then, by one instance or by all. Returns how many sessions
    /// were deleted.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn purge(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let mut deleted = 0;
        loop {
            let batch = self.store.purge(now, BATCH).await?;
            deleted += batch;
            if batch < u64::from(BATCH) {
                return Ok(deleted);
            }
        }
    }

    /// Whether we made `token`, for a family that exists; or a word for why not.
    async fn authenticate(
        &self,
        token: &str,
    ) -> Result<Result<Authentic, &'static str>, RefreshError> {
        let token = match self.read(token) {
            Ok(token) => token,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(family) = self.store.find(token.family()).await? else {
            return Ok(Err("unknown"));
        };
        let authentic = self.keys.verify(&token, family)?;
        Ok(authentic.ok_or("forged"))
    }

    fn read(&self, token: &str) -> Result<RefreshToken, &'static str> {
        let opaque = RefreshToken::parse(token).map_err(|_| "malformed");
        #[cfg(feature = "jwt")]
        if let (Err(_), Some(signed)) = (&opaque, &self.signed) {
            return signed.read(token, self.clock.now());
        }
        opaque
    }

    fn write(&self, family: &Family, state: &State) -> Result<SecretString, Source> {
        #[cfg(feature = "jwt")]
        if let Some(signed) = &self.signed {
            return signed.write(&self.keys, family, state, self.clock.now());
        }
        Ok(self.keys.token(family, state.generation)?)
    }
}

fn nonce() -> Result<Nonce, LoginError> {
    let bytes = SecretBytes::generate(32).map_err(|error| LoginError::unavailable(error.into()))?;
    bytes.expose(|bytes| {
        let bytes = bytes.try_into().expect("as many bytes as were asked for");
        Ok(Nonce::from_bytes(bytes))
    })
}
