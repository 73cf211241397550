use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AuditSink, Event, EventKind, Severity};
use crate::time::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const LIMIT: NonZeroU32 = NonZeroU32::new(60).expect("it is not zero");

/// Passes events on, and folds repeats of those that anybody can cause without an account, such as the ones that tell of a
/// made-up token: a flood of them must neither fill a disk nor push what matters out of a queue.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::sync::{Arc, Mutex};
///
/// use portcullis_auth_core::audit::{AuditSink, Event, EventKind, FoldingSink};
/// use portcullis_auth_core::time::{Clock, SystemClock};
///
/// #[derive(Clone, Debug, Default)]
/// struct Counts(Arc<Mutex<Vec<Option<u64>>>>);
///
/// impl AuditSink for Counts {
///     fn record(&self, event: &Event) {
///         self.0.lock().unwrap().push(event.count_ref());
///     }
/// }
///
/// let counts = Counts::default();
/// let sink = FoldingSink::new(counts.clone()).limit(NonZeroU32::MIN);
/// let rejected = Event::new(EventKind::JwtRejected, SystemClock.now()).reason("signature");
/// for _ in 0..1000 {
///     sink.record(&rejected);
/// }
/// // What somebody has signed in for is told every time.
/// sink.record(&Event::new(EventKind::LoginSuccess, SystemClock.now()));
/// sink.flush();
/// assert_eq!(*counts.0.lock().unwrap(), [None, None, Some(999)]);
/// ```
///
/// Of each kind and reason, 60 events a minute pass as they are. Of the others the last passes when the minute is over, and
/// tells by its [count](Event::count_ref) for how many it stands: together with the next event of its sort, at a
/// [`flush`](Self::flush), or when the sink is dropped. Its time is the event's own. What layers count is counted before.
///
/// Memory is bounded: kinds and reasons are closed lists.
#[derive(Debug)]
pub struct FoldingSink {
    inner: Arc<dyn AuditSink>,
    limit: NonZeroU32,
    sorts: Mutex<HashMap<Sort, Minute>>,
}

type Sort = (EventKind, Option<&'static str>);

/// What was seen of one sort of events since the minute began.
#[derive(Debug)]
struct Minute {
    began: Timestamp,
    passed: u32,
    folded: Option<(Event, u64)>,
}

impl FoldingSink {
    /// Passes events on to `inner`, up to 60 a minute of each sort.
    #[must_use]
    pub fn new(inner: impl AuditSink) -> Self {
        Self {
            inner: Arc::new(inner),
            limit: LIMIT,
            sorts: Mutex::default(),
        }
    }

    /// Sets how many events of one kind and reason pass within a minute: 60 by default.
    #[must_use]
    pub fn limit(mut self, events: NonZeroU32) -> Self {
        self.limit = events;
        self
    }

    /// Passes on what was folded so far: before a shutdown, and from time to time, or the end of a flood is told with the
    /// beginning of the next.
    pub fn flush(&self) {
        let folded: Vec<_> = self.lock().values_mut().filter_map(Minute::told).collect();
        for event in folded {
            self.inner.record(&event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sort, Minute>> {
        // Nothing is left half-done in what it guards.
        self.sorts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuditSink for FoldingSink {
    fn record(&self, event: &Event) {
        if !is_foldable(event) || event.severity_ref() == Severity::Critical {
            return self.inner.record(event);
        }
        let (folded, passes) = {
            let mut sorts = self.lock();
            let sort = (event.kind(), event.reason_ref());
            let minute = sorts.entry(sort).or_insert(Minute::at(event.at()));
            minute.take(event, self.limit)
        };
        if let Some(folded) = folded {
            self.inner.record(&folded);
        }
        if passes {
            self.inner.record(event);
        }
    }
}

impl Drop for FoldingSink {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Minute {
    const fn at(began: Timestamp) -> Self {
        Self {
            began,
            passed: 0,
            folded: None,
        }
    }

    /// What is to be told of the minute before, and whether `event` passes. Times of several threads may come out of order.
    fn take(&mut self, event: &Event, limit: NonZeroU32) -> (Option<Event>, bool) {
        let mut told = None;
        if event.at().since(self.began) >= MINUTE {
            told = self.told();
            *self = Self::at(event.at());
        }
        let passes = self.passed < limit.get();
        if passes {
            self.passed += 1;
        } else {
            let before = self.folded.take().map_or(0, |(_, count)| count);
            self.folded = Some((event.clone(), before + 1));
        }
        (told, passes)
    }

    fn told(&mut self) -> Option<Event> {
        let (last, count) = self.folded.take()?;
        Some(last.count(count))
    }
}

/// Whether it takes nothing but a request to cause such an event. Failed sign-ins are not among them: each tells of
/// somebody, and how many there can be is the throttle's business.
fn is_foldable(event: &Event) -> bool {
    match event.kind() {
        EventKind::ApiKeyRejected
        | EventKind::CredentialInUrl
        | EventKind::ExcessRateLimit
        | EventKind::JwtRejected
        | EventKind::LayerMisconfigured
        | EventKind::MaliciousCsrf
        | EventKind::RefreshInvalid => true,
        // Of somebody, or of a challenge or a token to reset with that there is not.
        EventKind::MfaFail | EventKind::PasswordChangeFail => event.subject_ref().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Context, Outcome};

    #[derive(Clone, Debug, Default)]
    struct Told(Arc<Mutex<Vec<Event>>>);

    impl AuditSink for Told {
        fn record(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    impl Told {
        fn take(&self) -> Vec<(Option<&'static str>, Option<u64>)> {
            let told = std::mem::take(&mut *self.0.lock().unwrap());
            let told = told.iter();
            told.map(|event| (event.reason_ref(), event.count_ref()))
                .collect()
        }
    }

    fn rejected(reason: &'static str, millis: i64) -> Event {
        let at = Timestamp::from_millis(millis).unwrap();
        Event::new(EventKind::JwtRejected, at).reason(reason)
    }

    fn folding(limit: u32) -> (FoldingSink, Told) {
        let told = Told::default();
        let sink = FoldingSink::new(told.clone()).limit(NonZeroU32::new(limit).unwrap());
        (sink, told)
    }

    #[test]
    fn a_flood_of_one_sort_is_told_by_its_beginning_and_by_how_long_it_went_on() {
        let (sink, told) = folding(2);
        for millis in 0..1000 {
            sink.record(&rejected("signature", millis));
        }
        let single = (Some("signature"), None);
        assert_eq!(told.take(), [single, single]);
        // Another sort is not held back by it.
        sink.record(&rejected("expired", 1000));
        assert_eq!(told.take(), [(Some("expired"), None)]);
        // The minute is over: what was folded comes first.
        sink.record(&rejected("signature", 59_999));
        assert_eq!(told.take(), []);
        sink.record(&rejected("signature", 60_000));
        assert_eq!(told.take(), [(Some("signature"), Some(999)), single]);
        sink.record(&rejected("signature", 60_001));
        assert_eq!(told.take(), [single]);
        // There is nothing more to tell.
        sink.flush();
        assert_eq!(told.take(), []);
    }

    #[test]
    fn what_was_folded_is_told_with_the_last_of_it_also_when_the_sink_goes() {
        for dropped in [false, true] {
            let (sink, told) = folding(1);
            let agent = Context::default().user_agent("the last");
            for event in [rejected("type", 0), rejected("type", 1)] {
                sink.record(&event);
            }
            sink.record(&rejected("type", 2).context(&agent));
            if dropped {
                drop(sink);
            } else {
                sink.flush();
            }
            let events = told.0.lock().unwrap();
            let last = events.last().unwrap();
            assert_eq!((events.len(), last.count_ref()), (2, Some(2)));
            assert_eq!(last.user_agent_ref(), Some("the last"));
            assert_eq!(last.at().as_millis(), 2);
        }
    }

    #[test]
    fn what_takes_an_account_is_never_folded() {
        let (sink, told) = folding(1);
        for kind in EventKind::ALL.iter().copied() {
            let event = Event::new(kind, Timestamp::MIN);
            for _ in 0..3 {
                sink.record(&event);
            }
            let passed = told.take().len();
            let foldable = is_foldable(&event);
            assert_eq!(passed, if foldable { 1 } else { 3 }, "{kind}");
            assert!(!foldable || kind.outcome() != Outcome::Success);
        }
        // Nor what is told of somebody, who has an account.
        for kind in [EventKind::MfaFail, EventKind::PasswordChangeFail] {
            let of_ann = Event::new(kind, Timestamp::MIN).subject(&"ann".parse().unwrap());
            for _ in 0..3 {
                sink.record(&of_ann);
            }
            assert_eq!(told.take().len(), 3);
        }
        // Nor what shows that something was stolen or lost.
        for _ in 0..3 {
            sink.record(&rejected("stolen", 0).severity(Severity::Critical));
        }
        assert_eq!(told.take().len(), 3);
    }

    #[test]
    fn clocks_that_go_back_begin_no_new_minute() {
        let (sink, told) = folding(1);
        for millis in [100_000, 99_999, 0, 100_001] {
            sink.record(&rejected("type", millis));
        }
        assert_eq!(told.take().len(), 1);
    }
}
