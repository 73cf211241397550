//! What the client and the task that reads share.

use std::collections::HashSet;
use std::error::Error;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use super::discovery::discover;
use super::endpoint::Endpoint;
use super::fetch::{FetchError, FetchErrorKind, bounded};
use super::schedule::{Age, Schedule};
use super::settings::{JwksSettings, Location};
use crate::audit::{Event, EventKind};
use crate::id::SubjectId;
use crate::jwt::{Algorithm, KeySet, Lookup, VerifyingKey};
use crate::time::Timestamp;

pub(super) struct Shared {
    settings: JwksSettings,
    subject: SubjectId,
    /// The last set that was read. Whoever looks for a known key touches this and `wake_at`, and neither ever waits.
    pub(super) snapshot: ArcSwap<Snapshot>,
    /// When a fetch is due that nobody has to ask for, in milliseconds: the task sleeps until then, but the clock may be
    /// ahead of its timer, after a suspended machine has woken for one.
    pub(super) wake_at: AtomicI64,
    pub(super) wake: Notify,
    /// Locked for a few instructions at a time, and never for a key that is known.
    schedule: Mutex<Schedule>,
    /// The number of the last flight that has ended.
    pub(super) ended: watch::Receiver<u64>,
}

/// One reading of the issuer's keys.
pub(super) struct Snapshot {
    pub(super) keys: KeySet,
    pub(super) usable_until: Timestamp,
    pub(super) version: u64,
}

impl Shared {
    pub(super) fn new(
        settings: JwksSettings,
        subject: SubjectId,
        ended: watch::Receiver<u64>,
    ) -> Self {
        Self {
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
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    // Nothing is left half-done in what it guards.
    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// What the set says of a key; none if it does not have it, or if there is no set.
    pub(super) fn known(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Option<Lookup> {
        let snapshot = self.snapshot.load();
        if now >= snapshot.usable_until {
            return None;
        }
        if let Some(key) = snapshot.keys.get(id, algorithm) {
            self.wake_if_due(now);
            return Some(Lookup::Found(key.clone()));
        }
        let fits = |key: &VerifyingKey| key.algorithm() == algorithm;
        // Several would do: newer keys would not tell which one is meant.
        let ambiguous = id.is_none() && snapshot.keys.keys().iter().any(fits);
        ambiguous.then_some(Lookup::Unknown)
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

    pub(super) fn has(&self, id: &str) -> bool {
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
        let count = keys.keys().len();
        // First the keys: whoever hears that there is nothing more to ask for finds them.
        self.replace(keys, self.settings.limits.usable_until(now, fresh_for));
        self.schedule().succeeded(now, fresh_for);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.record(EventKind::JwksRefreshed, now, |event| event.count(count));
    }

    pub(super) fn failed(&self, error: &FetchError, random: u32) {
        let now = self.now();
        let news = self.schedule().failed(now, random);
        tracing::debug!(
            issuer = &*self.settings.issuer,
            error = error as &dyn Error,
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
