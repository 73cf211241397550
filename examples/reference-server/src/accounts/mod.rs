//! Accounts: who somebody is, what they may do, and the sessions, keys and factors by which they prove it.
//!
//! Every decision is one of `portcullis-auth-core`; what is here ties its services to this server's tables, to one audit trail
//! and to keys that are all derived from one secret.

pub(crate) mod audit;
mod error;
mod guess;
mod hashes;
mod keys;
mod numbers;
mod owners;
pub(crate) mod rights;
mod session;
mod sign_in;
mod upkeep;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use portcullis_auth_core::api_key::{self, ApiKeys, Environment as KeyEnvironment, KeyFormat};
use portcullis_auth_core::audit::{AuditSink, Context, Event, EventKind, FoldingSink};
use portcullis_auth_core::id::{ClientId, SessionId};
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
};
use portcullis_auth_core::password::{
    Account, Candidate, ContextWords, HashParams, Hasher, MemoryResetStore, PasswordError,
    PasswordPolicy, Passwords, Stored,
};
use portcullis_auth_core::refresh::{self, RefreshKeys, RefreshService, RevokeReason};
use portcullis_auth_core::revocation::{self, Revocations};
use portcullis_auth_core::roles::Roles;
use portcullis_auth_core::store::StoreError;
use portcullis_auth_core::throttle::{self, AuthGate, DeviceKeys};
use portcullis_auth_core::time::{Clock, SystemClock, Timestamp};
use portcullis_auth_core::totp::{self, SealKeys, Totp, TotpStore};
use portcullis_secrets::Password;
use portcullis_secrets::rotate::{KeyTimes, RingPolicy};
use portcullis_security_layers::auth::{ApiKeyScheme, AuthLayer, Bearer};

use self::audit::AuditTrail;
pub(crate) use self::error::SignInError;
use self::hashes::Hashes;
use self::keys::{Purpose, derive};
use self::numbers::Numbers;
use self::owners::KeyOwners;
pub(crate) use self::session::{REFRESH, REVOKE, Session};
pub(crate) use self::sign_in::{Proof, SignIn, SignedIn, new_subject};
use crate::domain::email::Email;
use crate::settings::{Environment, Registration, Settings, SignInLimit};
use crate::stack::Error;
use crate::store::{Ending, Store};

/// What our own tokens are for (`aud`).
const AUDIENCE: &str = "reference-server-api";
/// The program that people sign in with: this API knows no others.
const CLIENT: &str = "reference-server";
/// What API keys begin with.
const BRAND: &str = "portcullis";
/// The number of each key that is derived: there is one for each purpose.
const KEY_ID: u8 = 1;

/// The layer that finds out whom a request comes from.
pub(crate) type Guard = AuthLayer<(ApiKeyScheme, Bearer)>;

/// The services around accounts. A clone shares them.
#[derive(Clone, Debug)]
pub(crate) struct Accounts(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) refresh: RefreshService,
    pub(crate) revocations: Revocations,
    pub(crate) api_keys: ApiKeys,
    pub(crate) totp: Totp,
    /// Where the factors are, pending ones included.
    pub(crate) factors: Arc<dyn TotpStore>,
    pub(crate) issuer: TokenIssuer,
    verifier: Verifier,
    pub(crate) roles: Roles,
    audit: Arc<FoldingSink>,
    pub(crate) registration: Registration,
    pub(crate) client: ClientId,
    gate: AuthGate,
    /// For those who are signed in.
    guesses: AuthGate,
    hasher: Hasher,
    schemes: (ApiKeyScheme, Bearer),
    numbers: Numbers,
}

impl std::ops::Deref for Accounts {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Accounts {
    /// Puts the services together. `issuer` is the name that tokens have for us, unless the settings say otherwise.
    pub(crate) async fn open(
        settings: &mut Settings,
        store: Store,
        issuer: &str,
        audit: AuditTrail,
    ) -> Result<Self, Error> {
        // A flood of made-up tokens must not push what matters out of the trail.
        let audit = Arc::new(FoldingSink::new(audit));
        let sink = || Arc::clone(&audit) as Arc<dyn AuditSink>;
        let key = |purpose| derive(&settings.token_secret, purpose);
        let pool = store.pool();

        let roles = rights::catalogue()?;
        let issuer = settings.issuer.clone().unwrap_or_else(|| issuer.to_owned());
        let signing = match settings.signing_key.take() {
            Some(signing) => signing,
            None => key(Purpose::AccessToken)
                .expose(|key| SigningKey::from_secret(Algorithm::Hs256, "derived", key))?,
        };
        let tokens = TokenIssuer::settings(&issuer, AUDIENCE, ring(signing)?).build()?;

        let revocations = Revocations::builder(&tokens)
            .audit(Arc::clone(&audit))
            .shared(revocation::SqliteStore::new(pool.clone()));
        revocations.sync().await?;

        let refresh = {
            let store = refresh::sqlite::SqliteStore::new(pool.clone());
            let keys = RefreshKeys::new(KEY_ID, &key(Purpose::RefreshToken))?;
            let builder = RefreshService::builder(Arc::new(store), keys);
            let builder = builder.policy(settings.refresh).audit(sink());
            let builder = builder.revocations(revocations.clone());
            builder.start().await?
        };

        let hasher = hasher()?;
        let passwords = {
            // Nobody is sent a link by this server, so that there are no tokens to reset a password with.
            let resets = Arc::new(MemoryResetStore::new(NonZeroUsize::MIN));
            let clock = Arc::new(SystemClock);
            let store = Arc::new(Hashes::new(store.clone(), revocations.clone(), None));
            let policy = PasswordPolicy::single_factor();
            let passwords = Passwords::new(hasher.clone(), policy, store, resets, clock, sink());
            match settings.breaches.take() {
                Some(breaches) => passwords.breach_checker(Arc::new(breaches)),
                None => passwords,
            }
        };

        let gate = |purpose| -> Result<AuthGate, Error> {
            let devices = DeviceKeys::new(KEY_ID, &key(Purpose::Device))?;
            let gate = AuthGate::new(&key(purpose), devices)?
                .store(throttle::sqlite::SqliteStore::new(pool.clone()))
                .audit(Arc::clone(&audit));
            Ok(match settings.sign_in_limit {
                SignInLimit::Default => gate,
                SignInLimit::Off => gate.danger_unlimited(),
            })
        };
        let (gate, guesses) = (gate(Purpose::Throttle)?, gate(Purpose::Guesses)?);

        let factors: Arc<dyn TotpStore> = Arc::new(totp::sqlite::SqliteStore::new(pool.clone()));
        let totp = {
            let keys = SealKeys::new(KEY_ID, &key(Purpose::TotpSeal))?;
            let name = "Portcullis".parse()?;
            Totp::from_shared(name, keys, Arc::clone(&factors))
                .epochs(refresh.clone())
                .audit(Arc::clone(&audit))
        };

        let environment = match settings.environment {
            Environment::Production => KeyEnvironment::Live,
            Environment::Development => KeyEnvironment::Test,
        };
        let api_keys = ApiKeys::builder(
            KeyFormat::new(BRAND, environment)?,
            api_key::Peppers::new(KEY_ID, key(Purpose::ApiKeyPepper))?,
            issuer,
            api_key::SqliteStore::new(pool),
            KeyOwners::new(store.clone(), roles.clone()),
        )
        .audit(Arc::clone(&audit))
        .build();

        let verifier = Verifier::new(tokens.issuer(TokenKind::Access))?;
        let bearer = Bearer::new(verifier.clone())
            .roles(roles.clone())
            .revocations(revocations.clone())
            .audit(sink());
        let schemes = (ApiKeyScheme::new(api_keys.clone()), bearer);

        Ok(Self(Arc::new(Parts {
            numbers: Numbers::default(),
            store,
            passwords,
            refresh,
            revocations,
            api_keys,
            totp,
            factors,
            issuer: tokens,
            verifier,
            roles,
            audit,
            registration: settings.registration,
            client: CLIENT.parse()?,
            gate,
            guesses,
            hasher,
            schemes,
        })))
    }

    /// Lets in who has an access token or an API key of ours.
    pub(crate) fn guard(&self) -> Guard {
        let (api_keys, bearer) = &self.schemes;
        AuthLayer::required((api_keys.clone(), bearer.clone()))
            .report_subject()
            .audit(self.sink())
    }

    /// Tells the trail of events that were folded until now.
    pub(crate) fn flush_audit(&self) {
        self.audit.flush();
    }

    /// Where events go.
    pub(crate) fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::clone(&self.audit) as Arc<dyn AuditSink>
    }

    /// The same for those who have nothing of it yet; what is wrong is refused all the same.
    pub(crate) fn optional_guard(&self) -> Guard {
        let (api_keys, bearer) = &self.schemes;
        AuthLayer::optional((api_keys.clone(), bearer.clone()))
            .report_subject()
            .audit(self.sink())
    }

    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Tells of something that happened to an account.
    pub(crate) fn tell(
        &self,
        kind: EventKind,
        account: &Account,
        context: &Context,
        more: impl FnOnce(Event) -> Event,
    ) {
        let event = Event::new(kind, self.now())
            .tenant(&account.tenant)
            .subject(&account.subject)
            .context(context);
        self.audit.record(&more(event));
    }

    /// Ends a session of an account with its access tokens. False if there is no such session.
    pub(crate) async fn end_session(
        &self,
        account: &Account,
        session: SessionId,
        reason: RevokeReason,
        context: &Context,
    ) -> Result<bool, StoreError> {
        let (tenant, subject) = (&account.tenant, &account.subject);
        let ended = self.refresh.end(tenant, subject, session, reason, context);
        ended.await
    }

    /// How sessions end now.
    pub(crate) fn ending(&self, except: Option<SessionId>, reason: RevokeReason) -> Ending {
        let now = self.now();
        let until = self.revocations.remembered_until(now);
        Ending {
            except,
            reason,
            now,
            until,
        }
    }

    /// Ends all sessions of an account but one, with their access tokens, and all logins that are under way.
    pub(crate) async fn end_sessions(
        &self,
        account: &Account,
        except: Option<SessionId>,
        reason: RevokeReason,
        context: &Context,
    ) -> Result<(), StoreError> {
        let ending = self.ending(except, reason);
        let ended = self.store.end_sessions(account, &ending).await?;
        self.have_ended(account, &ending, &ended, context).await;
        Ok(())
    }

    /// Has the access tokens of sessions refused that have ended in the database, and tells of it.
    pub(crate) async fn have_ended(
        &self,
        account: &Account,
        ending: &Ending,
        ended: &[SessionId],
        context: &Context,
    ) {
        if let Err(error) = self.revocations.sync().await {
            tracing::warn!(%error, "access tokens of sessions that ended live on until the database answers");
        }
        for session in ended {
            self.tell(EventKind::TokenRevoked, account, context, |event| {
                event.session(*session).reason("session")
            });
        }
        if ending.except.is_none() {
            self.tell(EventKind::TokenRevoked, account, context, |event| {
                event.reason("subject")
            });
        }
        self.tell(EventKind::FamilyRevoked, account, context, |event| {
            event
                .reason(ending.reason.as_str())
                .count(ended.len() as u64)
        });
    }

    /// Changes the password of somebody who knows the current one. Of their sessions, only `acting` goes on.
    pub(crate) async fn change_password(
        &self,
        stored: Stored<'_>,
        current: &Password,
        new: Candidate<'_>,
        acting: SessionId,
        context: &Context,
    ) -> Result<(), PasswordError> {
        let hashes = Hashes::new(self.store.clone(), self.revocations.clone(), Some(acting));
        let hashes = Arc::new(hashes);
        let passwords = self.passwords.clone().store(Arc::clone(&hashes) as _);
        passwords.change(stored, current, new, context).await?;
        let ending = self.ending(Some(acting), RevokeReason::CredentialChange);
        let ended = hashes.ended().unwrap_or_default();
        self.have_ended(stored.account, &ending, ended, context)
            .await;
        Ok(())
    }

    /// What `account` must not make a password of.
    pub(crate) fn words(tenant: &str, email: &Email) -> ContextWords {
        ContextWords::new()
            .app("Portcullis")
            .tenant(tenant)
            .email(email.as_str())
            // Once more with its top-level domain, lest the whole address be a password.
            .user(email.as_str())
    }
}

/// New hashes cost what OWASP asks for at least; as many are made at a time as there are processors.
pub(crate) fn hasher() -> Result<Hasher, Error> {
    Ok(Hasher::settings(HashParams::OWASP).build()?)
}

/// A ring of one key, which signs for as long as it is configured.
fn ring(key: SigningKey) -> Result<SigningRing, Error> {
    let algorithms = Algorithms::new([key.algorithm()])?;
    let longest = std::time::Duration::from_secs(24 * 60 * 60);
    let policy = RingPolicy::settings(longest, std::time::Duration::from_secs(30)).build()?;
    let ring = SigningRing::new("access_token", policy, algorithms);
    let times = KeyTimes {
        published: SystemTime::UNIX_EPOCH,
        activates: SystemTime::UNIX_EPOCH,
        revoked: None,
    };
    ring.insert(key, times, SystemClock.now())?;
    Ok(ring)
}
