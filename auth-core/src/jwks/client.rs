use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::discovery::discover;
use super::driver::drive;
use super::endpoint::Endpoint;
use super::fetch::{Fetch, FetchError, FetchErrorKind, bounded};
use super::schedule::{Age, Missing, Schedule};
use super::settings::JwksSettings;
use crate::audit::{AuditSink, Event, EventKind};
use crate::id::SubjectId;
use crate::jwt::{Algorithm, KeySet, KeySource, Lookup, Refresh, VerifyingKey};
use crate::time::{Clock, Timestamp};

/// The keys of one issuer, read over the network and kept up to date. See the [module docs](super) for an example.
///
/// A clone shares everything. When the last one is dropped, nothing is read any more.
#[derive(Clone)]
pub struct Jwks {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    driver: AbortHandle,
}

/// What the client and the task that reads share.
pub(super) struct Shared {
    settings: JwksSettings,
    subject: SubjectId,
    /// The last set that was read. Whoever looks for a known key touches this and `wake_at`, and neither ever waits.
    snapshot: ArcSwap<Snapshot>,
    /// When a fetch is due that nobody has to ask for, in milliseconds: the task sleeps until then, but the clock may be
    /// ahead of its timer, after a suspended machine has woken for one.
    pub(super) wake_at: AtomicI64,
    pub(super) wake: Notify,
    /// Locked for a few instructions at a time, and never for a key that is known.
    schedule: Mutex<Schedule>,
    /// The number of the last flight that has ended.
    ended: watch::Receiver<u64>,
}

/// One reading of the issuer's keys.
struct Snapshot {
    keys: KeySet,
    usable_until: Timestamp,
    version: u64,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub(super) enum Location {
    At(Endpoint),
    /// Where the document of the issuer says.
    Discovered(Endpoint),
}

/// What is known of an issuer's keys. For metrics and probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How many keys verify tokens now.
    pub keys: usize,
    /// How many keys of the issuer's document are not used.
    pub skipped: usize,
    /// How long ago they were read; none if they never were.
    pub age: Option<Duration>,
    /// Whether they are older than they should be, and used for want of newer ones.
    pub stale: bool,
    /// How many fetches have succeeded.
    pub refreshed: u64,
    /// How many fetches have failed.
    pub failed: u64,
    /// How many fetches have failed since the last that succeeded.
    pub failures_in_a_row: u32,
    /// How many ids are remembered that the issuer was seen not to have. At 1,024 no more are.
    pub absent: usize,
}

impl Jwks {
    /// The keys of `issuer`, at the place that its [discovery document](discover) says. The place is asked for again after a
    /// fetch that failed.
    pub fn discover(issuer: &Endpoint, fetch: impl Fetch) -> JwksSettings {
        JwksSettings::new(issuer.as_str(), Location::Discovered(issuer.clone()), fetch)
    }

    /// The keys at `endpoint`, which are those of the issuer called `issuer`, a name for events.
    pub fn at(issuer: &str, endpoint: &Endpoint, fetch: impl Fetch) -> JwksSettings {
        JwksSettings::new(issuer, Location::At(endpoint.clone()), fetch)
    }

    pub(super) fn start(settings: JwksSettings, subject: SubjectId, runtime: &Handle) -> Self {
        let (end, ended) = watch::channel(0);
        let shared = Arc::new(Shared {
            subject,
            snapshot: ArcSwap::from_pointee(Snapshot {
                keys: KeySet::default(),
                usable_until: Timestamp::MIN,
                version: 0,
            }),
            wake_at: AtomicI64::new(i64::MAX),
            wake: Notify::new(),
            schedule: Mutex::new(Schedule::new(settings.limits)),
            ended,
            settings,
        });
        let driver = runtime.spawn(drive(shared.clone(), end)).abort_handle();
        let inner = Arc::new(Inner { shared, driver });
        Self { inner }
    }

    /// Waits for the first fetch to end, and says whether there are keys. To be awaited before a service starts to accept
    /// requests: until then tokens of this issuer wait too, and if there are none then, are answered with `503`.
    pub async fn loaded(&self) -> bool {
        let shared = &self.inner.shared;
        let mut ended = shared.ended.clone();
        // An error means that nothing is read any more, since the runtime ends.
        let first = ended.wait_for(|flight| *flight > 0).await.is_ok();
        first && shared.settings.clock.now() < shared.snapshot.load().usable_until
    }

    /// What is known now.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let snapshot = self.inner.shared.snapshot.load();
        let schedule = self.inner.shared.schedule();
        let (refreshed, failed) = schedule.totals();
        let usable = now < snapshot.usable_until;
        Status {
            keys: if usable {
                snapshot.keys.keys().len()
            } else {
                0
            },
            skipped: snapshot.keys.skipped().len(),
            age: schedule.read_at().map(|read_at| now.since(read_at)),
            stale: schedule.age(now) == Age::Stale,
            refreshed,
            failed,
            failures_in_a_row: schedule.failures_in_a_row(),
            absent: schedule.absent(),
        }
    }
}

impl KeySource for Jwks {
    fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Lookup {
        let shared = &self.inner.shared;
        {
            let snapshot = shared.snapshot.load();
            if now < snapshot.usable_until {
                if let Some(key) = snapshot.keys.get(id, algorithm) {
                    shared.wake_if_due(now);
                    return Lookup::Found(key.clone());
                }
                let fits = |key: &VerifyingKey| key.algorithm() == algorithm;
                if id.is_none() && snapshot.keys.keys().iter().any(fits) {
                    // Several would do: newer keys would not tell which one is meant.
                    return Lookup::Unknown;
                }
            }
        }
        match shared.schedule().missing(id.unwrap_or_default(), now) {
            Missing::Ask => Lookup::Stale,
            Missing::Unknown => Lookup::Unknown,
            Missing::Unavailable(retry_after) => Lookup::Unavailable(retry_after),
        }
    }

    fn refresh<'a>(&'a self, id: Option<&'a str>, now: Timestamp) -> Refresh<'a> {
        let shared = &self.inner.shared;
        let id = id.unwrap_or_default();
        Box::pin(async move {
            let Some(ticket) = shared.schedule().ask(id, now) else {
                return;
            };
            shared.wake.notify_one();
            let mut ended = shared.ended.clone();
            let landed = ended.wait_for(|flight| *flight >= ticket.flight).await;
            if landed.is_ok() && !shared.has(id) {
                let now = shared.settings.clock.now();
                shared.schedule().note_absent(id, ticket, now);
            }
        })
    }

    fn version(&self) -> u64 {
        self.inner.shared.snapshot.load().version
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.inner.shared;
        f.debug_struct("Jwks")
            .field("issuer", &shared.settings.issuer)
            .field("keys", &shared.snapshot.load().keys.keys().len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    // Nothing is left half-done in what it guards.
    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// Wakes the task if it should not sleep any more: once, whoever comes first.
    fn wake_if_due(&self, now: Timestamp) {
        let wake_at = self.wake_at.load(Ordering::Relaxed);
        if now.as_millis() >= wake_at
            && self
                .wake_at
                .compare_exchange(wake_at, i64::MAX, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.wake.notify_one();
        }
    }

    fn has(&self, id: &str) -> bool {
        let snapshot = self.snapshot.load();
        let mut keys = snapshot.keys.keys().iter();
        keys.any(|key| key.id().unwrap_or_default() == id)
    }

    /// Reads the keys, at the `place` where they were the last time, and says where they are.
    pub(super) async fn read(&self, place: Option<Endpoint>) -> Result<Reading, FetchError> {
        let JwksSettings { fetch, .. } = &self.settings;
        let place = match (&self.settings.location, place) {
            (Location::At(place), _) => place.clone(),
            (Location::Discovered(_), Some(place)) => place,
            (Location::Discovered(issuer), None) => discover(&**fetch, issuer).await?,
        };
        let document = bounded(&**fetch, &place).await?;
        let keys = KeySet::from_jwks(document.body(), &self.settings.algorithms)
            .map_err(|error| FetchError::new(FetchErrorKind::Malformed, error))?;
        if keys.keys().is_empty() {
            return Err(FetchErrorKind::NoUsableKey.into());
        }
        let fresh_for = document.fresh_for(self.settings.lifetime);
        Ok(Reading {
            place,
            keys,
            fresh_for,
        })
    }

    /// Takes over what was read: the keys that are not there any more have ended.
    pub(super) fn succeeded(&self, keys: KeySet, fresh_for: Duration) {
        let now = self.now();
        let usable_until = self.schedule().succeeded(now, fresh_for);
        let count = keys.keys().len();
        self.replace(keys, usable_until);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.record(EventKind::JwksRefreshed, now, |event| event.count(count));
    }

    pub(super) fn failed(&self, error: &FetchError, random: u32) {
        let now = self.now();
        let news = self.schedule().failed(now, random);
        tracing::debug!(
            issuer = &*self.settings.issuer,
            error = error as &dyn std::error::Error,
            "the keys of an issuer could not be read"
        );
        if error.kind() == FetchErrorKind::IssuerMismatch {
            self.record(EventKind::DiscoveryIssuerMismatch, now, |event| event);
        }
        let reason = error.kind().as_str();
        self.record(EventKind::JwksRefreshFailed, now, |event| {
            event.reason(reason)
        });
        match news {
            Some(Age::Stale) => {
                self.record(EventKind::JwksStale, now, |event| event.reason("stale"));
            }
            Some(Age::Unusable) => {
                self.replace(KeySet::default(), Timestamp::MIN);
                self.record(EventKind::JwksStale, now, |event| event.reason("unusable"));
            }
            Some(Age::Fresh) | None => {}
        }
    }

    /// Only the task that reads does this.
    fn replace(&self, keys: KeySet, usable_until: Timestamp) {
        let old = self.snapshot.load();
        let kept: HashSet<_> = keys.keys().iter().map(VerifyingKey::to_jwk).collect();
        let mut before = old.keys.keys().iter();
        let ended = before.any(|key| !kept.contains(&key.to_jwk()));
        // One change: whoever sees the new version does not find the old keys.
        let version = old.version + u64::from(ended);
        self.snapshot.store(Arc::new(Snapshot {
            keys,
            usable_until,
            version,
        }));
    }

    fn record(&self, kind: EventKind, now: Timestamp, add: impl FnOnce(Event) -> Event) {
        let event = Event::new(kind, now).subject(&self.subject);
        self.settings.audit.record(&add(event));
    }
}

/// What a flight brings.
pub(super) struct Reading {
    pub(super) place: Endpoint,
    pub(super) keys: KeySet,
    pub(super) fresh_for: Duration,
}
