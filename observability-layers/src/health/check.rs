//! One check: what it asks, how often, and what its failure means.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::status::Group;
use crate::unwind::bounded;

/// The most checks that one registry takes: each has a task, and is looked at by every probe.
pub const MAX_CHECKS: usize = 64;
/// The most tags that one check takes.
pub const MAX_TAGS: usize = 16;

const MAX_NAME: usize = 64;
const MAX_ERROR: usize = 256;
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) type Outcome = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Asks something that the service needs whether it works.
///
/// The check runs in the background, on [`interval`](Self::interval), and never at a probe's request:
/// no number of probes can load what is checked, and no slowness of it can slow a probe.
#[derive(Clone)]
pub struct Check {
    pub(super) name: String,
    pub(super) ask: Arc<dyn Fn() -> Outcome + Send + Sync>,
    pub(super) timeout: Duration,
    pub(super) interval: Duration,
    pub(super) criticality: Criticality,
    pub(super) groups: Vec<Group>,
    pub(super) tags: Vec<String>,
}

/// What the failure of a check means for the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a probe's answer has only these two grades of bad"
)]
pub enum Criticality {
    /// The service cannot do its work without: the groups that the check is in fail.
    Critical,
    /// The service works with less, say without a cache: seen by operators, no reason to stop traffic.
    Warning,
}

impl Check {
    /// A critical check of readiness, asked every 10 seconds with 2 seconds to answer.
    ///
    /// The error's text is shown to operators (its first 256 bytes), never to the public. A check that
    /// panics fails. One that blocks its thread cannot be timed out; its result goes stale, and fails
    /// as such.
    pub fn new<F, Fut, E>(name: impl Into<String>, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let ask = move || -> Outcome {
            let outcome = ask();
            Box::pin(async move {
                let outcome = outcome.await;
                outcome.map_err(|error| bounded(&error.to_string(), MAX_ERROR).to_owned())
            })
        };
        Self {
            name: name.into(),
            ask: Arc::new(ask),
            timeout: Duration::from_secs(2),
            interval: Duration::from_secs(10),
            criticality: Criticality::Critical,
            groups: vec![Group::Readiness],
            tags: Vec::new(),
        }
    }

    /// How long an answer may take before the check fails. At most a day.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long to wait after an answer before asking again, give or take a tenth, so that the
    /// instances of a service do not ask in step. At most a day. Until the check passes for the first
    /// time it is asked every second, if that is more often.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Makes failure a [`Warning`](Criticality::Warning).
    #[must_use]
    pub const fn warning(mut self) -> Self {
        self.criticality = Criticality::Warning;
        self
    }

    /// The groups that the check counts in, in place of readiness alone.
    ///
    /// Nothing that asks another process belongs into [`Group::Liveness`]: the answer to its
    /// failure is a restart of this one, which helps nobody.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = Group>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// Adds a tag: what [`Snapshot::tagged`](super::Snapshot::tagged) selects by, and operators read.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    pub(super) fn validate(&self) -> Result<(), ErrorKind> {
        let named = |name: &str| (1..=MAX_NAME).contains(&name.len());
        let lasts = |time: &Duration| (Duration::from_millis(1)..=LONGEST).contains(time);
        if !named(&self.name) || !self.tags.iter().all(|tag| named(tag)) {
            Err(ErrorKind::Name)
        } else if self.tags.len() > MAX_TAGS {
            Err(ErrorKind::TooManyTags)
        } else if ![self.timeout, self.interval].iter().all(lasts) {
            Err(ErrorKind::Time)
        } else if self.groups.is_empty() {
            Err(ErrorKind::NoGroup)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .field("interval", &self.interval)
            .field("criticality", &self.criticality)
            .field("groups", &self.groups)
            .field("tags", &self.tags)
            .finish_non_exhaustive()
    }
}

/// Why a registry could not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthError {
    pub(super) kind: ErrorKind,
    pub(super) check: String,
}

/// The reasons of [`HealthError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name of a check or a tag is empty or longer than 64 bytes.
    Name,
    /// Two checks have the same name.
    DuplicateName,
    /// A time is shorter than a millisecond or longer than a day.
    Time,
    /// The check is in no group, so its failure would mean nothing.
    NoGroup,
    /// More than [`MAX_TAGS`] tags.
    TooManyTags,
    /// More than [`MAX_CHECKS`] checks.
    TooManyChecks,
    /// There is no tokio runtime to run the checks on, or its time is not enabled.
    NoRuntime,
}

impl HealthError {
    /// The reason, to match on.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for HealthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = &self.check;
        match self.kind {
            ErrorKind::Name => write!(
                f,
                "the names of check {check:?} and of its tags must have 1 to {MAX_NAME} bytes"
            ),
            ErrorKind::DuplicateName => write!(f, "two checks have the name {check:?}"),
            ErrorKind::Time => write!(
                f,
                "timeout and interval of check {check:?} must be between a millisecond and a day"
            ),
            ErrorKind::NoGroup => write!(f, "check {check:?} is in no group"),
            ErrorKind::TooManyTags => {
                write!(f, "check {check:?} has more than {MAX_TAGS} tags")
            }
            ErrorKind::TooManyChecks => write!(f, "there are more than {MAX_CHECKS} checks"),
            ErrorKind::NoRuntime => {
                f.write_str("health checks need a tokio runtime to run on, with time enabled")
            }
        }
    }
}

impl Error for HealthError {}
