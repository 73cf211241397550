use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use portcullis_secrets::SecretBytes;
use tokio::time::Instant;

use super::device::{DeviceCookie, DeviceId, DeviceKeys, Owner};
use super::key::{MacKey, folded, member, network, subnet};
use super::permit::{About, Counted, Permit};
use super::report::Report;
use super::undecided::{Others, Undecided, outlast};
use super::{
    Attempt, Charge, DEVICE_LIFETIME, Decision, GateError, Grant, Key, Limited, MemoryStore,
    Policy, Scope, Settlement, ThrottleStore, Verdict,
};
use crate::audit::{AuditSink, Event, EventKind, TracingSink};
use crate::id::SubjectId;
use crate::store::StoreError;
use crate::time::{Clock, SystemClock, Timestamp};

/// How long a store that failed is left alone, so that not every attempt waits for its deadline.
const RECOVERY_MILLIS: i64 = 1000;

/// How long an attempt waits for others: as long as these wait to be hashed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Under what the failures of the store are counted.
const STORE: Key = [0xff; 16];

/// What all grants that start a session ask first. See the [module docs](super) for an example.
///
/// Clones are the same gate, until one of them is set to something else.
#[derive(Clone, Debug)]
pub struct AuthGate(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    mac: MacKey,
    devices: Arc<DeviceKeys>,
    policy: Arc<Policy>,
    store: Arc<dyn ThrottleStore>,
    fallback: Arc<MemoryStore>,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
    report: Arc<Report>,
    store_rests_until: Arc<AtomicI64>,
    undecided: Undecided,
    unlimited: bool,
}

impl AuthGate {
    /// A gate with the default [`Policy`] that counts in this process, reads the system's clock and tells `tracing`.
    ///
    /// `key` hashes identifiers and addresses, the same for all instances that share a store. With another key all counts
    /// start anew.
    ///
    /// # Errors
    ///
    /// A key of less than 32 bytes, or one that could be guessed.
    pub fn new(key: &SecretBytes, devices: DeviceKeys) -> Result<Self, GateError> {
        Ok(Self(Arc::new(Parts {
            mac: MacKey::new(key)?,
            devices: Arc::new(devices),
            policy: Arc::default(),
            store: Arc::new(MemoryStore::default()),
            fallback: Arc::default(),
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
            report: Arc::default(),
            store_rests_until: Arc::default(),
            undecided: Undecided::default(),
            unlimited: false,
        })))
    }

    fn set(mut self, set: impl FnOnce(&mut Parts)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }

    /// Sets how much is allowed. The default is [`Policy::default`].
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.set(|parts| parts.policy = Arc::new(policy))
    }

    /// Sets where counts are kept. The default is a [`MemoryStore`] of this gate. While the store is out of reach, each instance
    /// keeps its own.
    #[must_use]
    pub fn store(self, store: impl ThrottleStore) -> Self {
        self.set(|parts| parts.store = Arc::new(store))
    }

    /// Sets where counts are kept, as [`store`](Self::store) does, by a store that others share.
    #[must_use]
    pub fn store_from_shared(self, store: Arc<dyn ThrottleStore>) -> Self {
        self.set(|parts| parts.store = store)
    }

    /// Sets where the time is read. The default is [`SystemClock`].
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.set(|parts| parts.clock = Arc::new(clock))
    }

    /// Sets where events go. The default is [`TracingSink`].
    #[must_use]
    pub fn audit(self, audit: impl AuditSink) -> Self {
        self.set(|parts| parts.audit = Arc::new(audit))
    }

    /// Lets every attempt in, for development and for load tests: nothing is counted or limited, and anybody may guess at
    /// passwords as fast as they are hashed. How attempts end is still told.
    #[must_use]
    pub fn danger_unlimited(self) -> Self {
        self.set(|parts| parts.unlimited = true)
    }

    /// Charges an attempt before anything is checked.
    ///
    /// When there is no room because of attempts that this instance has not decided yet, it waits for these, two seconds at most
    /// and 512 at a time: if they turn out to be right, there is room. One that has waited in vain is told to come again in two
    /// seconds.
    ///
    /// There is no error: when the store does not answer, this instance counts by itself until it does.
    ///
    /// # Panics
    ///
    /// When it has to wait outside of a tokio runtime with time.
    pub async fn begin(&self, attempt: &Attempt<'_>) -> Decision {
        let charge = self.charge(attempt, self.now());
        let about = Box::new(About::new(attempt, &charge));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.now();
            // Before it is charged: whoever finds no room because of this must find this.
            let mut entrant = self.0.undecided.enter(charge.chargeable());
            let (verdict, counted) = self.verdict(&charge, &about, now).await;
            let scope = match verdict {
                Verdict::Admitted(admission) => {
                    entrant.charged(charge.charged_by(&admission));
                    return Decision::Permit(Permit {
                        gate: self.clone(),
                        charge,
                        admission,
                        counted,
                        about,
                        entrant,
                    });
                }
                Verdict::Limited { scope, .. } => scope,
                Verdict::ChallengeRequired => Scope::Identifier,
            };
            let at_most = match outlast(entrant, charge.needed(scope), deadline).await {
                Others::MadeRoom => continue,
                Others::AreDone => Duration::MAX,
                // They may yet make room.
                Others::GoOn => PATIENCE,
            };
            return self.refuse(&verdict, at_most, &charge, &about);
        }
    }

    async fn verdict(&self, charge: &Charge, about: &About, now: Timestamp) -> (Verdict, Counted) {
        if self.0.unlimited {
            return (charge.uncounted(now), Counted::Nowhere);
        }
        match self.charged_in_store(charge, about, now).await {
            Some(verdict) => (verdict, Counted::InStore),
            None => (self.0.fallback.charge_now(charge, now), Counted::Here),
        }
    }

    fn refuse(
        &self,
        verdict: &Verdict,
        at_most: Duration,
        charge: &Charge,
        about: &About,
    ) -> Decision {
        let now = self.now();
        let (limited, reason) = match *verdict {
            Verdict::Limited { scope, retry_after } => {
                let retry_after = retry_after.min(at_most);
                (Some(Limited { scope, retry_after }), scope.as_str())
            }
            _ => (None, "challenge"),
        };
        let scope = limited.map_or(Scope::Identifier, |limited| limited.scope);
        let mut slots = charge.slots().iter();
        let key = slots.find_map(|(found, key)| (*found == scope).then_some(*key));
        if let Some(count) = key.and_then(|key| self.0.report.count(key, now)) {
            let event = about.event(EventKind::LoginLock, now).reason(reason);
            self.record(&event.count(count));
        }
        limited.map_or(Decision::ChallengeRequired, Decision::Limited)
    }

    /// Makes the device from which somebody has *fully* signed in a trusted one for the identifier of the attempt; none if
    /// there is no identifier, or no randomness. A device that is trusted already stays the one that it is.
    #[must_use]
    pub fn trust_device(&self, attempt: &Attempt<'_>, subject: &SubjectId) -> Option<DeviceCookie> {
        let now = self.now();
        let folded = folded(attempt.identifier?);
        let owner = Owner {
            tenant: attempt.tenant,
            folded: &folded,
        };
        let known = attempt
            .device
            .and_then(|cookie| self.0.devices.verify(cookie, owner, now));
        let device = match known {
            Some(device) => device,
            None => {
                let device = DeviceId::generate().ok()?;
                let charge = self.charge(attempt, now);
                let event = About::new(attempt, &charge).event(EventKind::DeviceTrusted, now);
                self.record(&event.subject(subject));
                device
            }
        };
        let end = now.plus(DEVICE_LIFETIME);
        Some(self.0.devices.sign(device, owner, end))
    }

    /// Deletes up to `limit` buckets that say nothing any more. To be called now and then where the store is a database;
    /// returns how many there were.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn purge(&self, limit: u32) -> Result<u64, StoreError> {
        self.0.store.purge(self.0.clock.now(), limit).await
    }

    /// Where an attempt is counted.
    pub(super) fn charge(&self, attempt: &Attempt<'_>, now: Timestamp) -> Charge {
        let mac = &self.0.mac;
        let tenant = attempt.tenant.as_str().as_bytes();
        let guess = attempt.grant == Grant::Password;
        let mut slots = Vec::with_capacity(5);
        let folded = folded(attempt.identifier.unwrap_or_default());
        let identifier = mac.bucket(Scope::Identifier, &[tenant, folded.as_bytes()]);
        if guess || attempt.identifier.is_some() {
            let owner = Owner {
                tenant: attempt.tenant,
                folded: &folded,
            };
            let device = attempt
                .device
                .and_then(|cookie| self.0.devices.verify(cookie, owner, now));
            if let Some(DeviceId(device)) = device {
                let key = mac.bucket(Scope::Device, &[&identifier, &device]);
                slots.push((Scope::Device, key));
            }
            slots.push((Scope::Identifier, identifier));
        }
        // Not by tenant: whoever makes up tenants would have an address for each.
        if let Some(ip) = attempt.address() {
            let subnet = subnet(ip);
            slots.push((Scope::Address, mac.bucket(Scope::Address, &[&subnet])));
            if let Some(network) = network(ip) {
                slots.push((Scope::Network, mac.bucket(Scope::Network, &[&network])));
            }
            if guess {
                slots.push((Scope::Spray, mac.bucket(Scope::Spray, &[&subnet])));
            }
        }
        Charge {
            policy: Arc::clone(&self.0.policy),
            slots,
            member: member(&identifier),
            guess,
            challenged: attempt.challenged,
        }
    }

    async fn charged_in_store(
        &self,
        charge: &Charge,
        about: &About,
        now: Timestamp,
    ) -> Option<Verdict> {
        let rest = self.0.store_rests_until.load(Ordering::Relaxed) - now.as_millis();
        // More is a clock that was set back.
        if (1..=RECOVERY_MILLIS).contains(&rest) {
            return None;
        }
        match self.0.store.charge(charge, now).await {
            Ok(verdict) => Some(verdict),
            Err(_) => {
                self.store_failed(about, now);
                None
            }
        }
    }

    pub(super) async fn settle(&self, permit: &Permit, settlement: Settlement) {
        let now = self.now();
        let (charge, admission) = (&permit.charge, &permit.admission);
        let Parts {
            store, fallback, ..
        } = &*self.0;
        match permit.counted {
            Counted::InStore => {
                let settled = store.settle(charge, admission, settlement, now).await;
                // What was right stays right: the owner signs in, and has fewer tries until the charge is forgotten.
                if settled.is_err() {
                    self.store_failed(&permit.about, now);
                }
            }
            Counted::Here => fallback.settle_now(charge, admission, settlement, now),
            Counted::Nowhere => {}
        }
    }

    fn store_failed(&self, about: &About, now: Timestamp) {
        let until = now.as_millis() + RECOVERY_MILLIS;
        self.0.store_rests_until.store(until, Ordering::Relaxed);
        if let Some(count) = self.0.report.count(STORE, now) {
            let event = Event::new(EventKind::ThrottleFallback, now).reason("store_unavailable");
            self.0
                .audit
                .record(&event.count(count).context(about.context()));
        }
    }

    #[cfg(test)]
    pub(super) fn nobody_is_undecided(&self) -> bool {
        self.0.undecided.is_empty()
    }

    pub(super) fn policy_ref(&self) -> &Policy {
        &self.0.policy
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn record(&self, event: &Event) {
        self.0.audit.record(event);
    }
}
