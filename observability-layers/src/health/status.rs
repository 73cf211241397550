//! From the last answers of the checks to the answers of the probes: no clock, no task, no HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use super::check::Criticality;

/// What a probe asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the probes that orchestrators know"
)]
pub enum Group {
    /// Must this process be restarted?
    Liveness,
    /// May this process be sent requests now?
    Readiness,
    /// Has this process finished starting?
    Startup,
}

/// An answer, from good to bad. [`Fail`](Self::Fail) is what turns a probe into a 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the three grades of draft-inadarei-api-health-check"
)]
pub enum Status {
    /// All is well.
    Pass,
    /// It works, with less.
    Warn,
    /// It does not work.
    Fail,
}

impl Status {
    /// `pass`, `warn` or `fail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckState {
    /// It has not answered yet.
    Pending,
    /// Its last answer was good.
    Passing,
    /// Its last answer was bad, late, or a panic.
    Failing,
    /// Its last answer is too old to mean anything: nobody is asking any more, or it is stuck.
    Stale,
}

impl CheckState {
    /// `pending`, `passing`, `failing` or `stale`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Passing => "passing",
            Self::Failing => "failing",
            Self::Stale => "stale",
        }
    }
}

/// One check, as it stood when the [`Snapshot`] was taken.
#[derive(Clone, Debug)]
pub struct CheckReport {
    pub(super) name: String,
    pub(super) state: CheckState,
    pub(super) criticality: Criticality,
    pub(super) groups: Vec<Group>,
    pub(super) tags: Vec<String>,
    pub(super) error: Option<String>,
    pub(super) latency: Option<Duration>,
    pub(super) age: Option<Duration>,
    pub(super) failures: u32,
}

impl CheckReport {
    /// The name that it was registered by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it stands.
    pub const fn state(&self) -> CheckState {
        self.state
    }

    /// What it contributes: not passing means `Fail` for a critical check, `Warn` for another.
    pub const fn status(&self) -> Status {
        grade(self.state, self.criticality)
    }

    /// What the last answer said was wrong, for operators only.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// How long the last answer took.
    pub const fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// How long ago the last answer came.
    pub const fn age(&self) -> Option<Duration> {
        self.age
    }

    /// How many answers in a row were bad.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    fn detail(&self) -> Value {
        let groups: Vec<_> = self.groups.iter().copied().map(group_name).collect();
        json!({
            "name": self.name,
            "status": self.status().as_str(),
            "state": self.state.as_str(),
            "criticality": match self.criticality {
                Criticality::Critical => "critical",
                Criticality::Warning => "warning",
            },
            "groups": groups,
            "tags": self.tags,
            "error": self.error,
            "latency_ms": self.latency.map(millis),
            "age_ms": self.age.map(millis),
            "consecutive_failures": self.failures,
        })
    }
}

const fn grade(state: CheckState, criticality: Criticality) -> Status {
    match (state, criticality) {
        (CheckState::Passing, _) => Status::Pass,
        (_, Criticality::Warning) => Status::Warn,
        (_, Criticality::Critical) => Status::Fail,
    }
}

const fn group_name(group: Group) -> &'static str {
    match group {
        Group::Liveness => "liveness",
        Group::Readiness => "readiness",
        Group::Startup => "startup",
    }
}

fn millis(time: Duration) -> f64 {
    // Microseconds are as precise as an operator can use.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// What the probes answer at one moment: all that the checks come to, without their words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    pub(super) started: bool,
    draining: bool,
    /// The worst of the checks of each group, in the order of [`Group`], and of all.
    groups: [Status; 3],
    all: Status,
}

impl Answers {
    pub(super) const fn new(started: bool, draining: bool) -> Self {
        Self {
            started,
            draining,
            groups: [Status::Pass; 3],
            all: Status::Pass,
        }
    }

    pub(super) fn add(&mut self, state: CheckState, criticality: Criticality, groups: &[Group]) {
        let status = grade(state, criticality);
        self.all = self.all.max(status);
        for group in groups {
            if *group != Group::Liveness || state != CheckState::Pending {
                let worst = &mut self.groups[*group as usize];
                *worst = status.max(*worst);
            }
        }
    }

    pub(super) fn status(&self, group: Group) -> Status {
        match group {
            Group::Startup if self.started => Status::Pass,
            Group::Startup => Status::Fail,
            Group::Readiness if self.draining || !self.started => Status::Fail,
            Group::Readiness | Group::Liveness => self.groups[group as usize],
        }
    }

    pub(super) fn overall(&self) -> Status {
        self.status(Group::Readiness).max(self.all)
    }

    pub(super) fn startup_passes(&self) -> bool {
        self.groups[Group::Startup as usize] < Status::Fail
    }
}

/// The whole registry at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) started: bool,
    pub(super) draining: bool,
    pub(super) checks: Vec<CheckReport>,
}

impl Snapshot {
    /// The answer to one probe.
    ///
    /// - Liveness is the worst of its checks; one that has not answered yet is no reason for a restart.
    /// - Startup passes once all its critical checks have passed, and for good.
    /// - Readiness is the worst of its checks, and fails until startup has passed and while draining.
    pub fn status(&self, group: Group) -> Status {
        self.answers().status(group)
    }

    /// The one answer for whoever asks only one question: the worst of readiness and of all checks.
    pub fn overall(&self) -> Status {
        self.answers().overall()
    }

    /// The worst of the checks with this tag, and whether there is any.
    pub fn tagged(&self, tag: &str) -> Option<Status> {
        let tagged = |check: &&CheckReport| check.tags.iter().any(|own| own == tag);
        self.checks
            .iter()
            .filter(tagged)
            .map(CheckReport::status)
            .max()
    }

    /// Whether startup has passed.
    pub const fn is_started(&self) -> bool {
        self.started
    }

    /// Whether the service is being taken out of traffic.
    pub const fn is_draining(&self) -> bool {
        self.draining
    }

    /// All checks, in the order that they were registered in.
    pub fn checks(&self) -> &[CheckReport] {
        &self.checks
    }

    /// Everything, as JSON, for operators: error texts may name hosts and ports of the inside.
    pub fn detail(&self) -> String {
        let checks: Vec<_> = self.checks.iter().map(CheckReport::detail).collect();
        json!({
            "status": self.overall().as_str(),
            "live": self.status(Group::Liveness).as_str(),
            "ready": self.status(Group::Readiness).as_str(),
            "started": self.started,
            "draining": self.draining,
            "checks": checks,
        })
        .to_string()
    }

    pub(super) fn answers(&self) -> Answers {
        let mut answers = Answers::new(self.started, self.draining);
        for check in &self.checks {
            answers.add(check.state, check.criticality, &check.groups);
        }
        answers
    }

    /// Whether a watcher would see no difference.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let states = |snapshot: &Self| -> Vec<CheckState> {
            snapshot.checks.iter().map(CheckReport::state).collect()
        };
        (self.started, self.draining) == (other.started, other.draining)
            && states(self) == states(other)
    }
}
