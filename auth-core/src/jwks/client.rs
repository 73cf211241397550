use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::driver::drive;
use super::endpoint::Endpoint;
use super::fetch::Fetch;
use super::schedule::{Age, Missing};
use super::settings::{JwksSettings, Location};
use super::shared::Shared;
use crate::id::SubjectId;
use crate::jwt::{Algorithm, KeySource, Lookup, Refresh};
use crate::time::Timestamp;

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
    /// The keys of `issuer`, at the place that its [discovery document](super::discover) says. The place is asked for again after a
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
        let shared = Arc::new(Shared::new(settings, subject, ended));
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
        first && shared.now() < shared.snapshot.load().usable_until
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
        if let Some(known) = shared.known(id, algorithm, now) {
            return known;
        }
        let missing = shared.schedule().missing(id.unwrap_or_default(), now);
        let verdict = match missing {
            Missing::Ask => return Lookup::Stale,
            Missing::Unknown => Lookup::Unknown,
            Missing::Unavailable(retry_after) => Lookup::Unavailable(retry_after),
        };
        // It may be about a set that came after the first look.
        shared.known(id, algorithm, now).unwrap_or(verdict)
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
                let now = shared.now();
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
            .field("issuer", &shared.issuer())
            .field("keys", &shared.snapshot.load().keys.keys().len())
            .finish_non_exhaustive()
    }
}
