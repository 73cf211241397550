use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use portcullis_auth_core::audit::{AuditSink, Context, Event, EventKind, TracingSink};
use portcullis_auth_core::jwt::{JwtError, VerifiedToken, Verifier};
use portcullis_auth_core::principal::Principal;
use portcullis_auth_core::revocation::{Marks, Refused, Revocations};
use portcullis_auth_core::roles::Roles;
use portcullis_auth_core::time::{Clock, SystemClock, Timestamp};
use portcullis_layer_core::refusal::Negotiated;
use portcullis_secrets::SecretString;

use super::cache::{Entry, TokenCache, TokenHash};
use super::tally::Metric;
use super::{
    AuthLayer, AuthRefusedKind, Authenticated, Knock, Presented, Scheme, SchemeName, Tally, Verdict,
};

/// Lets in who has an access token that a [`Verifier`] accepts: an [`AuthLayer`] with [`Bearer`].
pub type BearerLayer<R = Negotiated> = AuthLayer<Bearer, R>;

/// How long a client waits whose token's keys cannot be had, if nobody says.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const CACHE_CAPACITY: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");

static FAILURES: Metric = Metric {
    name: "auth_jwt_validation_failures",
    help: "Access tokens that were not accepted",
    label: "reason",
    values: &[
        "expired",
        "too_large",
        "malformed",
        "duplicate_member",
        "algorithm",
        "extension",
        "embedded_key",
        "key_id",
        "issuer",
        "type",
        "unknown_key",
        "stale_keys",
        "keys_unavailable",
        "signature",
        "audience",
        "expiry",
        "lifetime",
        "not_before",
        "issued_at",
        "subject",
        "missing_claim",
        "not_access_token",
        "tenant",
        REVOKED,
        UNKNOWN,
        NO_PRINCIPAL,
    ],
};
const REVOKED: &str = "revoked";
/// Whether it was revoked cannot be told.
const UNKNOWN: &str = "revocation_unknown";
/// It says nothing that makes a principal.
const NO_PRINCIPAL: &str = "no_principal";

type PrincipalOf = dyn Fn(&VerifiedToken) -> Option<Principal> + Send + Sync;

/// Signed access tokens as a [`Scheme`] (RFC 6750).
///
/// A token that was accepted is remembered by a keyed hash: the next request with it costs a look-up instead of a signature.
/// It is forgotten when it expires, and when its issuer takes a key back; whether it was [revoked](Self::revocations) is
/// looked up every time. A clone shares what it remembers, until one of the two is given another setting.
#[derive(Clone)]
pub struct Bearer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    verifier: Verifier,
    principal_of: Arc<PrincipalOf>,
    roles: Option<Roles>,
    revocations: Option<Revocations>,
    cache: Arc<TokenCache>,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
    tally: Tally,
}

impl Bearer {
    /// Believes what `verifier` accepts, and remembers up to 10,000 tokens, less than 1 KiB each.
    ///
    /// Without a catalogue of [`roles`](Self::roles), principals have the scopes and the roles that their tokens say, and no
    /// permissions.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self(Arc::new(Settings {
            verifier,
            principal_of: Arc::new(Principal::from_token),
            roles: None,
            revocations: None,
            cache: Arc::new(TokenCache::new(CACHE_CAPACITY)),
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
            tally: Tally::new(&FAILURES),
        }))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let settings = Arc::make_mut(&mut self.0);
        change(settings);
        // What others remember was judged by other rules.
        settings.cache = Arc::new(settings.cache.emptied());
        self
    }

    /// Sets what the roles of tokens allow.
    #[must_use]
    pub fn roles(self, roles: Roles) -> Self {
        self.set(|settings| settings.roles = Some(roles))
    }

    /// Makes principals by a rule of your own, for issuers that write roles or tenants into other claims. None refuses the
    /// token. Without, [`Principal::from_token`] makes them.
    ///
    /// The principal is remembered with its token: what changes before that expires is for [`revocations`](Self::revocations).
    #[must_use]
    pub fn principal_with<F>(self, f: F) -> Self
    where
        F: Fn(&VerifiedToken) -> Option<Principal> + Send + Sync + 'static,
    {
        self.set(|settings| settings.principal_of = Arc::new(f))
    }

    /// Sets what was revoked before it expires. Without, a token is good until then.
    #[must_use]
    pub fn revocations(self, revocations: Revocations) -> Self {
        self.set(|settings| settings.revocations = Some(revocations))
    }

    /// Sets how many tokens are remembered: 10,000 by default, one at least. There may be a few more, and what is not in use goes
    /// first.
    #[must_use]
    pub fn cache_capacity(self, tokens: NonZeroUsize) -> Self {
        self.set(|settings| settings.cache = Arc::new(TokenCache::new(tokens)))
    }

    /// Sets the clock that tokens expire by; without, it is that of the system.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.set(|settings| settings.clock = clock)
    }

    /// Sets where events go; without, they go to `tracing`.
    #[must_use]
    pub fn audit(self, sink: Arc<dyn AuditSink>) -> Self {
        self.set(|settings| settings.audit = sink)
    }

    /// How tokens failed so far: for a registry, as `auth_jwt_validation_failures_total{reason}`.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.0.tally.clone()
    }
}

impl Scheme for Bearer {
    fn names(&self) -> Vec<SchemeName> {
        vec![SchemeName::Bearer]
    }

    fn check(&self, presented: Presented<'_>, knock: &Knock<'_>) -> Option<Verdict> {
        let Presented::Bearer(token) = presented else {
            return None;
        };
        let settings = &self.0;
        let now = settings.clock.now();
        let hash = settings.cache.hash(token);
        // Read before the token is judged: a key that goes meanwhile makes what is remembered old at once.
        let version = settings.verifier.version();
        if let Some(known) = settings.cache.get(hash, version, now) {
            let verdict = settings.unless_revoked(known, hash, || knock.context());
            return Some(Verdict::Now(verdict));
        }
        Some(match settings.verifier.verify(token, now) {
            Err(error) if error.is_stale() => {
                let (settings, context) = (Arc::clone(settings), knock.context());
                let token = SecretString::from(token.to_owned());
                Verdict::Later(Box::pin(async move {
                    let token = token.expose_secret();
                    settings.verifier.refresh(token, now).await;
                    // Time has passed, and keys may go at any moment: both are asked anew, the keys first.
                    let version = settings.verifier.version();
                    let judged = settings.verifier.verify(token, settings.clock.now());
                    settings.judge(judged, hash, version, || context)
                }))
            }
            judged => Verdict::Now(settings.judge(judged, hash, version, || knock.context())),
        })
    }
}

impl Settings {
    fn judge(
        &self,
        judged: Result<VerifiedToken, JwtError>,
        hash: TokenHash,
        version: u64,
        context: impl FnOnce() -> Context,
    ) -> Result<Authenticated, AuthRefusedKind> {
        let token = match judged {
            Ok(token) => token,
            Err(error) => {
                let refused = if error.is_unavailable() {
                    let retry_after = error.retry_after().unwrap_or(RETRY_AFTER);
                    AuthRefusedKind::Unavailable { retry_after }
                } else {
                    AuthRefusedKind::Invalid
                };
                let event = |now| error.event(now, &context());
                return Err(self.refused(error.kind().as_str(), event, refused));
            }
        };
        if token.embeds_key()
            && let Some(event) = token.embedded_key_event(self.clock.now(), &Context::default())
        {
            self.audit.record(&event);
        }
        let Some(principal) = (self.principal_of)(&token) else {
            let event = |now| rejected(now, NO_PRINCIPAL, &context());
            return Err(self.refused(NO_PRINCIPAL, event, AuthRefusedKind::Invalid));
        };
        let principal = match &self.roles {
            Some(roles) => principal.authorized(roles),
            None => principal,
        };
        let entry = Entry {
            // Hashes, which are only made where somebody looks at them.
            marks: match self.revocations {
                Some(_) => marks(&token, &principal),
                None => Marks::default(),
            },
            principal: principal.into(),
            until: token.expires(),
            version,
        };
        self.cache.insert(hash, entry.clone());
        self.unless_revoked(entry, hash, context)
    }

    fn unless_revoked(
        &self,
        known: Entry,
        hash: TokenHash,
        context: impl FnOnce() -> Context,
    ) -> Result<Authenticated, AuthRefusedKind> {
        let Some(revocations) = &self.revocations else {
            return Ok(known.principal);
        };
        let reason = match revocations.check(&known.marks, self.clock.now()) {
            Ok(()) => return Ok(known.principal),
            Err(reason) => reason,
        };
        Err(if reason == Refused::Unavailable {
            let retry_after = RETRY_AFTER;
            let event = |now| rejected(now, UNKNOWN, &context());
            self.refused(UNKNOWN, event, AuthRefusedKind::Unavailable { retry_after })
        } else {
            self.cache.remove(hash);
            let event = |now| rejected(now, REVOKED, &context());
            self.refused(REVOKED, event, AuthRefusedKind::Invalid)
        })
    }

    fn refused(
        &self,
        reason: &str,
        event: impl FnOnce(Timestamp) -> Event,
        kind: AuthRefusedKind,
    ) -> AuthRefusedKind {
        self.tally.count(reason);
        self.audit.record(&event(self.clock.now()));
        kind
    }
}

fn rejected(now: Timestamp, reason: &'static str, context: &Context) -> Event {
    Event::new(EventKind::JwtRejected, now)
        .reason(reason)
        .context(context)
}

/// By what the token can be revoked.
fn marks(token: &VerifiedToken, principal: &Principal) -> Marks {
    let claims = token.claims();
    let mut marks = Marks::default();
    if let Some(session) = claims.session() {
        marks = marks.session(session);
    }
    // Other issuers have ids that look like ours, such as those of Keycloak.
    if !token.is_own()
        && let Some(session) = claims.text("sid")
    {
        marks = marks.foreign_session(claims.issuer(), &session);
    }
    if let Some(id) = claims.token_id() {
        marks = marks.token(claims.issuer(), id);
    }
    if let Some(tenant) = principal.tenant_ref() {
        let epoch = claims.epoch().unwrap_or_default();
        marks = marks.subject(tenant, principal.subject_ref(), epoch);
    }
    marks
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("verifier", &self.0.verifier)
            .field("cache", &self.0.cache)
            .finish_non_exhaustive()
    }
}
