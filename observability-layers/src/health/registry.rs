//! The shared state, and the tasks that keep it fresh.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::check::{Check, ErrorKind, HealthError, MAX_CHECKS};
use super::status::{Answers, CheckReport, CheckState, Snapshot};
use crate::unwind;

/// How often the registry looks for results that went stale, and asks a check that never passed.
const SOON: Duration = Duration::from_secs(1);

pub(super) struct Registry {
    checks: Vec<Entry>,
    started: AtomicBool,
    draining: AtomicBool,
    abandoned: AtomicBool,
    changes: watch::Sender<Snapshot>,
}

struct Entry {
    check: Check,
    last: Mutex<Option<Last>>,
}

#[derive(Clone)]
struct Last {
    result: Result<(), String>,
    at: Instant,
    latency: Duration,
    failures: u32,
    ever_passed: bool,
}

impl Last {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }
}

impl Registry {
    pub(super) fn start(checks: Vec<Check>) -> Result<(Arc<Self>, HealthGuard), HealthError> {
        validate(&checks)?;
        let no_runtime = || HealthError {
            kind: ErrorKind::NoRuntime,
            check: String::new(),
        };
        let runtime = Handle::try_current().map_err(|_| no_runtime())?;
        // A runtime without time says so by a panic only. In the tasks nobody would see it.
        unwind::catch(|| drop(time::sleep(SOON))).map_err(|_| no_runtime())?;
        let entry = |check| Entry {
            check,
            last: Mutex::new(None),
        };
        let empty = Snapshot {
            started: false,
            draining: false,
            checks: Vec::new(),
        };
        let registry = Arc::new(Self {
            checks: checks.into_iter().map(entry).collect(),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            changes: watch::Sender::new(empty),
        });
        registry.publish();
        let mut tasks = JoinSet::new();
        for index in 0..registry.checks.len() {
            tasks.spawn_on(refresh(Arc::clone(&registry), index), &runtime);
        }
        tasks.spawn_on(look_for_stale(Arc::clone(&registry)), &runtime);
        let guard = HealthGuard {
            registry: Arc::clone(&registry),
            _tasks: tasks,
        };
        Ok((registry, guard))
    }

    /// What the probes answer, which is all of the [`snapshot`](Self::snapshot) that they need.
    pub(super) fn answers(&self) -> Answers {
        let now = Instant::now();
        let abandoned = self.abandoned.load(Ordering::Acquire);
        let started = self.started.load(Ordering::Acquire);
        let mut answers = Answers::new(started, self.draining.load(Ordering::Acquire));
        for entry in &self.checks {
            let check = &entry.check;
            let state = state(check, entry.last().as_ref(), now, abandoned);
            answers.add(state, check.criticality, &check.groups);
        }
        answers.started = self.start_if(answers);
        answers
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let abandoned = self.abandoned.load(Ordering::Acquire);
        let mut snapshot = Snapshot {
            started: self.started.load(Ordering::Acquire),
            draining: self.draining.load(Ordering::Acquire),
            checks: self
                .checks
                .iter()
                .map(|entry| judge(&entry.check, entry.last().as_ref(), now, abandoned))
                .collect(),
        };
        snapshot.started = self.start_if(snapshot.answers());
        snapshot
    }

    /// Whether startup has passed, by these answers or before.
    fn start_if(&self, answers: Answers) -> bool {
        if !answers.started && answers.startup_passes() {
            self.started.store(true, Ordering::Release);
            return true;
        }
        answers.started
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(super) fn drain(&self, draining: bool) {
        if self.draining.swap(draining, Ordering::AcqRel) != draining {
            tracing::info!(draining, "readiness switched by the drain switch");
            self.publish();
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.changes.subscribe()
    }

    fn publish(&self) {
        // Taken under the channel's lock, so that a newer snapshot is never replaced by an older one.
        self.changes.send_if_modified(|last| {
            let snapshot = self.snapshot();
            let changed = !snapshot.looks_like(last);
            if changed {
                *last = snapshot;
            }
            changed
        });
    }
}

impl Entry {
    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        // A value that is replaced whole is right also after a panic elsewhere.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, result: &Result<(), String>, latency: Duration) {
        let mut last = self.last();
        let before = last.take();
        let failed_before = before.as_ref().map_or(0, |before| before.failures);
        *last = Some(Last {
            failures: match result {
                Ok(()) => 0,
                Err(_) => failed_before.saturating_add(1),
            },
            ever_passed: result.is_ok() || before.is_some_and(|before| before.ever_passed),
            result: result.clone(),
            at: Instant::now(),
            latency,
        });
        // A subscriber may want to know of the health as well.
        drop(last);
        let name = self.check.name.as_str();
        // Only changes are events: a dependency that is down for an hour is one line, not 360.
        match result {
            Err(error) if failed_before == 0 => {
                tracing::warn!(check = name, error, "health check fails");
            }
            Ok(()) if failed_before > 0 => {
                tracing::info!(
                    check = name,
                    failures = failed_before,
                    "health check passes again"
                );
            }
            _ => {}
        }
    }

    /// How long to wait before asking again.
    fn pause(&self) -> Duration {
        let interval = self.check.interval;
        if self.last().as_ref().is_some_and(|last| last.ever_passed) {
            jittered(interval)
        } else {
            jittered(interval.min(SOON))
        }
    }
}

/// Between nine and eleven tenths of `time`.
fn jittered(time: Duration) -> Duration {
    // The standard library's hash keys: random enough to keep instances out of step.
    let [random, ..] = RandomState::new().hash_one(0).to_ne_bytes();
    time.mul_f64(0.9 + 0.2 * f64::from(random) / 255.0)
}

fn state(check: &Check, last: Option<&Last>, now: Instant, abandoned: bool) -> CheckState {
    // Twice what the slowest sound round takes.
    let too_old = (check.interval + check.timeout) * 2;
    match last {
        _ if abandoned => CheckState::Stale,
        None => CheckState::Pending,
        Some(last) if last.age(now) > too_old => CheckState::Stale,
        Some(last) if last.result.is_ok() => CheckState::Passing,
        Some(_) => CheckState::Failing,
    }
}

fn judge(check: &Check, last: Option<&Last>, now: Instant, abandoned: bool) -> CheckReport {
    let state = state(check, last, now, abandoned);
    let error = last.and_then(|last| match state {
        CheckState::Stale => Some("the last answer is too old".to_owned()),
        _ => last.result.clone().err(),
    });
    CheckReport {
        name: check.name.clone(),
        state,
        criticality: check.criticality,
        groups: check.groups.clone(),
        tags: check.tags.clone(),
        error,
        latency: last.map(|last| last.latency),
        age: last.map(|last| last.age(now)),
        failures: last.map_or(0, |last| last.failures),
    }
}

fn validate(checks: &[Check]) -> Result<(), HealthError> {
    let error = |kind, check: &str| HealthError {
        kind,
        check: check.to_owned(),
    };
    if checks.len() > MAX_CHECKS {
        return Err(error(ErrorKind::TooManyChecks, ""));
    }
    let mut names = HashSet::new();
    for check in checks {
        check.validate().map_err(|kind| error(kind, &check.name))?;
        if !names.insert(check.name.as_str()) {
            return Err(error(ErrorKind::DuplicateName, &check.name));
        }
    }
    Ok(())
}

async fn refresh(registry: Arc<Registry>, index: usize) {
    let entry = &registry.checks[index];
    loop {
        let asked = Instant::now();
        let result = ask(&entry.check).await;
        entry.record(&result, asked.elapsed());
        registry.publish();
        time::sleep(entry.pause()).await;
    }
}

async fn ask(check: &Check) -> Result<(), String> {
    let mut outcome = unwind::catch(|| (check.ask)()).map_err(|message| panicked(&message))?;
    let answer = std::future::poll_fn(|cx| match unwind::catch(|| outcome.as_mut().poll(cx)) {
        Ok(poll) => poll,
        Err(message) => std::task::Poll::Ready(Err(panicked(&message))),
    });
    let in_time = time::timeout(check.timeout, answer).await;
    // Dropped here, because one that is cut off may panic at that: its check has to go on.
    unwind::catch(|| drop(outcome)).map_err(|message| panicked(&message))?;
    in_time.unwrap_or_else(|_| Err(format!("no answer within {:?}", check.timeout)))
}

fn panicked(message: &str) -> String {
    format!("the check panicked: {message}")
}

async fn look_for_stale(registry: Arc<Registry>) {
    loop {
        time::sleep(SOON).await;
        registry.publish();
    }
}

/// Keeps the checks running. When it is dropped their tasks end, and what they found counts as stale.
#[must_use = "the checks stop when the guard is dropped"]
pub struct HealthGuard {
    registry: Arc<Registry>,
    // Aborts them when dropped.
    _tasks: JoinSet<()>,
}

impl Drop for HealthGuard {
    fn drop(&mut self) {
        self.registry.abandoned.store(true, Ordering::Release);
        self.registry.publish();
    }
}

impl fmt::Debug for HealthGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthGuard").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answer_goes_stale_after_two_rounds_without_another() {
        let check = Check::new("a", async || Ok::<_, String>(()))
            .interval(Duration::from_secs(10))
            .timeout(Duration::from_secs(2));
        let at = Instant::now();
        let last = Last {
            result: Ok(()),
            at,
            latency: Duration::ZERO,
            failures: 0,
            ever_passed: true,
        };
        let state = |after: u64, abandoned| {
            let now = at + Duration::from_secs(after);
            judge(&check, Some(&last), now, abandoned).state()
        };
        assert_eq!(state(24, false), CheckState::Passing);
        assert_eq!(state(25, false), CheckState::Stale);
        assert_eq!(state(0, true), CheckState::Stale);
        assert_eq!(judge(&check, None, at, false).state(), CheckState::Pending);
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        let time = Duration::from_secs(10);
        for _ in 0..1_000 {
            let pause = jittered(time).as_secs_f64();
            assert!((8.999..=11.001).contains(&pause), "{pause}");
        }
    }
}
