use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::Fault;
use super::health::{Health, Status};
use super::rotation::Timing;
use super::state::{Held, State};
use super::watch::Watch;
use super::{LeaseEnded, RotateError, Which, audit};
use crate::source::Version;

/// A value that is replaced while it is used.
///
/// Made by [`Rotation::start`](super::Rotation::start). Clones share the value. Reading never waits, neither for a load nor
/// for another reader. When the last clone is dropped, polling ends and the values are dropped.
pub struct Rotating<T>(pub(super) Arc<Shared<T>>);

pub(super) struct Shared<T> {
    name: Box<str>,
    supply: Box<dyn Supply<T>>,
    timing: Timing,
    state: ArcSwap<State<T>>,
    /// How many loads have been begun.
    begun: AtomicU64,
    /// Held while a load runs; remembers the last that ran to its end.
    flight: tokio::sync::Mutex<Flight>,
    health: Mutex<Health>,
    versions: watch::Sender<Version>,
    /// Wakes the task that drops values at their deadlines, when there are others.
    deadlines: Arc<Notify>,
    tasks: OnceLock<Vec<AbortHandle>>,
}

#[derive(Default)]
struct Flight {
    number: u64,
    outcome: Option<Result<Reload, RotateError>>,
}

/// What came of a successful [`Rotating::reload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The source has the value that is in force.
    Unchanged,
    /// There was a new value, and it is in force now.
    Rotated(Version),
}

pub(super) struct Fetched<T> {
    pub(super) current: Held<T>,
    pub(super) next: Option<Held<T>>,
    pub(super) renew_after: Option<Duration>,
}

pub(super) type Fetching<'a, T> =
    Pin<Box<dyn Future<Output = Result<Fetched<T>, Fault>> + Send + 'a>>;

/// How long something may be wrong with files that have just been changed before it counts.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What has been judged already. Weakly, so that a slow load does not keep a value beyond its deadline.
pub(super) type Known<T> = Vec<(Version, Weak<T>)>;

/// Loads, and judges what is not known.
pub(super) trait Supply<T>: Send + Sync {
    fn fetch(&self, known: Known<T>) -> Fetching<'_, T>;

    fn files(&self) -> Vec<PathBuf>;
}

impl<T> Rotating<T> {
    /// The value in force, for as long as the caller keeps it.
    ///
    /// # Errors
    ///
    /// When the lease of the value has ended. A value without a lease is always there.
    pub fn load(&self) -> Result<Arc<T>, LeaseEnded> {
        let state = self.0.state.load();
        let held = state.current(Instant::now).ok_or(LeaseEnded)?;
        Ok(held.value.clone())
    }

    /// Lends the value in force to `f`, to sign or encrypt with: never an older one.
    ///
    /// # Errors
    ///
    /// When the lease of the value has ended.
    pub fn sign<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, LeaseEnded> {
        let state = self.0.state.load();
        let held = state.current(Instant::now).ok_or(LeaseEnded)?;
        Ok(f(&held.value))
    }

    /// Tries the current value, then the previous one for as long as it is kept, then the announced one, and returns
    /// which of them `f` accepted.
    pub fn verify(&self, mut f: impl FnMut(&T) -> bool) -> Option<Which> {
        let state = self.0.state.load();
        let (which, _) = state
            .accepted(Instant::now)
            .find(|(_, held)| f(&held.value))?;
        Some(which)
    }

    /// How events and metrics call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How the value is doing: its version, its age, failures.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.0.state.load();
        let version = state.current(Instant::now).map(|held| held.version);
        self.0.health().status(version, Instant::now())
    }

    /// Tells of each version that comes into force from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.0.versions.subscribe())
    }
}

impl<T: Send + Sync + 'static> Rotating<T> {
    /// Asks the source now, takes a new value over if it is acceptable, and keeps the old one if it is not.
    ///
    /// Callers that arrive while a load is running share the next one: at most one runs and one is to follow, and each
    /// caller gets the outcome of a load that began after the call. Dropping the future gives the load up.
    ///
    /// # Errors
    ///
    /// When the source does not deliver, or delivers something that is not acceptable.
    pub async fn reload(&self) -> Result<Reload, RotateError> {
        self.0.reload().await
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(super) async fn start(
        name: Box<str>,
        supply: Box<dyn Supply<T>>,
        timing: Timing,
        runtime: &Handle,
    ) -> Result<Rotating<T>, RotateError> {
        let mut watch = Watch::new(&name, supply.files());
        if timing.poll.is_some() {
            watch.arm().await;
        }
        let fetched = fetch(&name, &*supply, Vec::new(), timing.deadline)
            .await
            .inspect_err(|error| audit::failed(&name, error, None))?;
        let version = fetched.current.version;
        audit::loaded(&name, version);
        let shared = Arc::new(Self {
            name,
            supply,
            timing,
            state: ArcSwap::from_pointee(State::new(fetched.current, fetched.next)),
            begun: AtomicU64::new(0),
            flight: tokio::sync::Mutex::default(),
            health: Mutex::new(Health::new(Instant::now(), fetched.renew_after)),
            versions: watch::Sender::new(version),
            deadlines: Arc::default(),
            tasks: OnceLock::new(),
        });
        // The tasks know the value weakly, or it would never be dropped.
        let weak = Arc::downgrade(&shared);
        let mut tasks = vec![
            runtime
                .spawn(drop_at_deadlines(weak.clone(), shared.deadlines.clone()))
                .abort_handle(),
        ];
        if let Some(period) = timing.poll {
            tasks.push(runtime.spawn(poll(weak, period, watch)).abort_handle());
        }
        shared.tasks.get_or_init(|| tasks);
        Ok(Rotating(shared))
    }

    async fn reload(&self) -> Result<Reload, RotateError> {
        let earlier = self.begun.load(Ordering::SeqCst);
        let mut flight = self.flight.lock().await;
        if flight.number > earlier
            && let Some(outcome) = &flight.outcome
        {
            return outcome.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let outcome = self.fly().await.map_err(|error| self.failed(error));
        *flight = Flight {
            number,
            outcome: Some(outcome.clone()),
        };
        outcome
    }

    /// Looks because something has happened. What is found may be half of it, so a failure does not count.
    async fn glance(&self) -> bool {
        let _turn = self.flight.lock().await;
        self.fly().await.is_ok()
    }

    async fn fly(&self) -> Result<Reload, RotateError> {
        let known = self
            .state
            .load()
            .held()
            .map(|held| (held.version, Arc::downgrade(&held.value)))
            .collect();
        let fetched = fetch(&self.name, &*self.supply, known, self.timing.deadline).await?;
        let now = Instant::now();
        self.health().succeeded(now, fetched.renew_after);
        Ok(self.take_over(&fetched, now))
    }

    fn failed(&self, error: RotateError) -> RotateError {
        let stale_after = self.timing.stale_after;
        let report = self
            .health()
            .failed(Instant::now(), error.kind(), stale_after);
        if report.new_reason {
            audit::failed(&self.name, &error, Some(report.age));
        }
        if report.stale {
            audit::stale(&self.name, report.age, "not_confirmed");
        }
        error
    }

    fn take_over(&self, fetched: &Fetched<T>, now: Instant) -> Reload {
        let version = fetched.current.version;
        // Repeated if a deadline has passed in between.
        let before = self.state.rcu(|state| {
            state.after(
                fetched.current.clone(),
                fetched.next.clone(),
                now,
                self.timing.keep,
            )
        });
        self.deadlines.notify_one();
        if before.current_version() == Some(version) {
            return Reload::Unchanged;
        }
        self.health().rotated();
        audit::rotated(
            &self.name,
            version,
            before.current_version(),
            self.timing.keep,
        );
        self.versions.send_replace(version);
        Reload::Rotated(version)
    }

    /// Lets go of what has ended, and returns when something ends next.
    fn drop_expired(&self, now: Instant) -> Option<Instant> {
        let state = self.state.load_full();
        if let Some(rest) = state.expired(now) {
            let ended = rest.current_version().is_none() && state.current_version().is_some();
            let rest = Arc::new(rest);
            let seen = self.state.compare_and_swap(&state, rest);
            if !Arc::ptr_eq(&seen, &state) {
                // Someone has taken a new value over. Look at that.
                return Some(now);
            }
            if ended {
                audit::stale(&self.name, self.health().age(now), "lease_ended");
            }
        }
        self.state.load().deadline()
    }
}

impl<T> Shared<T> {
    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        // Numbers only: they are right even if someone panicked next to them.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
    }
}

async fn fetch<T>(
    name: &str,
    supply: &dyn Supply<T>,
    known: Known<T>,
    deadline: Duration,
) -> Result<Fetched<T>, RotateError> {
    // A task that panics is gone, and with it all further loads.
    let mut fetching = supply.fetch(known);
    let fetching = poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| fetching.as_mut().poll(context)));
        polled.unwrap_or(Poll::Ready(Err(Fault::Panicked)))
    });
    match timeout(deadline, fetching).await {
        Ok(fetched) => fetched.map_err(|fault| RotateError::new(name, fault)),
        Err(_) => Err(RotateError::new(name, Fault::TimedOut)),
    }
}

/// A value must not outlive its deadline only because nobody asks for it.
async fn drop_at_deadlines<T: Send + Sync + 'static>(
    shared: Weak<Shared<T>>,
    changed: Arc<Notify>,
) {
    loop {
        let Some(deadline) = shared
            .upgrade()
            .map(|shared| shared.drop_expired(Instant::now()))
        else {
            return;
        };
        match deadline {
            None => changed.notified().await,
            // Either way there is something to look at.
            Some(deadline) => timeout_at(deadline, changed.notified())
                .await
                .unwrap_or_default(),
        }
    }
}

async fn poll<T: Send + Sync + 'static>(
    shared: Weak<Shared<T>>,
    period: Duration,
    mut watch: Watch,
) {
    // Near enough to be an instant.
    let period = period.min(Duration::from_secs(365 * 24 * 60 * 60));
    let mut in_doubt = None;
    loop {
        let Some(wait) = shared
            .upgrade()
            .map(|shared| shared.health().next_load(period))
        else {
            return;
        };
        let due = in_doubt.unwrap_or(Instant::now() + wait);
        let happened = timeout_at(due, watch.changed()).await.is_ok();
        watch.arm().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        in_doubt = None;
        if !happened {
            // The outcome is in the status and in the events.
            drop(shared.reload().await);
        } else if !shared.glance().await {
            // What happens meanwhile does not put it off.
            in_doubt = Some(due.min(Instant::now() + SECOND_LOOK));
        }
    }
}

impl<T> Clone for Rotating<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Rotating<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotating")
            .field("name", &self.0.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// Hears of each new version of a [`Rotating`] value, and never of the value.
#[derive(Clone, Debug)]
pub struct Subscription(watch::Receiver<Version>);

impl Subscription {
    /// Waits for a version that this subscription has not told of. Of several, the last is told. `None` when the value
    /// has been dropped. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Option<Version> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }
}
