use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::source::Version;

/// A value with the moment at which it ends.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) value: Arc<T>,
    pub(super) version: Version,
    /// `None`: as long as nothing newer comes.
    pub(super) until: Option<Instant>,
}

// Derived, it would ask for `T: Clone`.
impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            version: self.version,
            until: self.until,
        }
    }
}

impl<T> Held<T> {
    /// Asks for the time only if it matters.
    fn live(&self, now: impl FnOnce() -> Instant) -> bool {
        self.until.is_none_or(|until| now() < until)
    }
}

/// All that a reader needs, behind one pointer: it never sees one half of a change.
#[derive(Debug)]
pub(super) struct State<T> {
    /// `None`: its lease has ended, and nothing came after it.
    current: Option<Held<T>>,
    previous: Option<Held<T>>,
    next: Option<Held<T>>,
}

impl<T> State<T> {
    pub(super) fn new(current: Held<T>, next: Option<Held<T>>) -> Self {
        Self {
            current: Some(current),
            previous: None,
            next,
        }
    }

    pub(super) fn current(&self, now: impl FnOnce() -> Instant) -> Option<&Held<T>> {
        self.current.as_ref().filter(|held| held.live(now))
    }

    /// What a verifier tries, in this order.
    pub(super) fn accepted(
        &self,
        now: impl Fn() -> Instant,
    ) -> impl Iterator<Item = (Which, &Held<T>)> {
        [
            (Which::Current, &self.current),
            (Which::Previous, &self.previous),
            (Which::Next, &self.next),
        ]
        .into_iter()
        .filter_map(move |(which, held)| {
            Some((which, held.as_ref().filter(|held| held.live(&now))?))
        })
    }

    /// All that is held, whether it still counts or not.
    pub(super) fn held(&self) -> impl Iterator<Item = &Held<T>> {
        [&self.current, &self.previous, &self.next]
            .into_iter()
            .flatten()
    }

    pub(super) fn current_version(&self) -> Option<Version> {
        Some(self.current.as_ref()?.version)
    }

    /// The state after `current` and `next` have been loaded, which may be what they were.
    pub(super) fn after(
        &self,
        current: Held<T>,
        next: Option<Held<T>>,
        now: Instant,
        keep: Duration,
    ) -> Self {
        let previous = if self.current_version() == Some(current.version) {
            self.previous.clone()
        } else {
            self.current
                .as_ref()
                .and_then(|old| superseded(old, now, keep))
        };
        // What has become current again is not the previous one, too.
        let previous = previous.filter(|held| held.version != current.version);
        let next = next.filter(|held| held.version != current.version);
        Self {
            current: Some(current),
            previous,
            next,
        }
    }

    /// The state without what has ended by `now`; `None` if nothing has.
    pub(super) fn expired(&self, now: Instant) -> Option<Self> {
        if self.held().all(|held| held.live(|| now)) {
            return None;
        }
        let live = |held: &Option<Held<T>>| held.clone().filter(|held| held.live(|| now));
        Some(Self {
            current: live(&self.current),
            previous: live(&self.previous),
            next: live(&self.next),
        })
    }

    /// When something ends next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held().filter_map(|held| held.until).min()
    }
}

fn superseded<T>(old: &Held<T>, now: Instant, keep: Duration) -> Option<Held<T>> {
    let until = match (old.until, now.checked_add(keep)) {
        // A lease does not grow by being superseded.
        (Some(lease), Some(kept)) => Some(lease.min(kept)),
        (lease, kept) => lease.or(kept),
    };
    let old = Held {
        until,
        ..old.clone()
    };
    old.live(|| now).then_some(old)
}

/// Which of the values it was that a verifier accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that signs.
    Current,
    /// The one that signed before, for as long as it is kept.
    Previous,
    /// The one that will sign, announced by a second source.
    Next,
}
