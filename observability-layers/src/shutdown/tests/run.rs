//! The order of a shutdown, with time in hand and nothing served.

use std::future::{pending, ready};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use crate::shutdown::{Cause, Outcome, Report, Shutdown, Stopping};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, and how many seconds after the start.
#[derive(Clone)]
struct Log {
    start: Instant,
    events: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Log {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            events: Arc::default(),
        }
    }

    fn note(&self, event: impl Into<String>) {
        let seconds = self.start.elapsed().as_secs();
        self.events.lock().unwrap().push((seconds, event.into()));
    }

    fn events(&self) -> Vec<(u64, String)> {
        self.events.lock().unwrap().clone()
    }

    /// A server that notes when it is told something, and needs a time to drain.
    async fn server(self, stopping: Stopping, drain: Duration) -> &'static str {
        stopping.draining().await;
        self.note("draining");
        stopping.closing().await;
        self.note("closing");
        sleep(drain).await;
        self.note("drained");
        "output"
    }
}

fn events(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    let owned = |(seconds, event): &(u64, &str)| (*seconds, (*event).to_owned());
    expected.iter().map(owned).collect()
}

/// Triggers at second 1.
fn stopped(shutdown: Shutdown) -> Shutdown {
    let trigger = shutdown.trigger();
    tokio::spawn(async move {
        sleep(SECOND).await;
        trigger.stop();
    });
    shutdown
}

#[tokio::test(start_paused = true)]
async fn readiness_goes_first_then_accepting_then_the_rest() {
    let log = Log::new();
    let (hook, flush) = (log.clone(), log.clone());
    let shutdown = stopped(Shutdown::manual())
        .on_draining(move || hook.note("readiness off"))
        .flush_with("traces", async move || {
            sleep(SECOND).await;
            flush.note("flushed");
        });
    let server = log.clone();
    let report = shutdown
        .run(|stopping| server.server(stopping, 7 * SECOND))
        .await;
    assert_eq!(
        log.events(),
        events(&[
            (1, "readiness off"),
            (1, "draining"),
            (6, "closing"),
            (13, "drained"),
            (14, "flushed"),
        ])
    );
    assert_eq!(report.cause(), Cause::Trigger);
    assert_eq!(report.outcome(), Outcome::Drained);
    assert!(report.is_clean());
    assert_eq!(
        report.to_string(),
        "stopped by a trigger: all requests were answered"
    );
    assert_eq!(report.into_output(), Some("output"));
}

#[cfg(feature = "health")]
#[tokio::test(start_paused = true)]
async fn drain_switch_of_health_is_on_before_anything_closes() {
    let (health, _guard) = crate::health::Health::start([]).unwrap();
    let switch = health.drain_switch();
    let shutdown = stopped(Shutdown::manual()).readiness(switch.clone());
    let seen = shutdown
        .run(|stopping| async move {
            let before = switch.is_draining();
            stopping.draining().await;
            (before, switch.is_draining())
        })
        .await;
    assert_eq!(seen.into_output(), Some((false, true)));
}

#[tokio::test(start_paused = true)]
async fn delay_may_be_zero() {
    let log = Log::new();
    let server = log.clone();
    let shutdown = stopped(Shutdown::manual()).delay(Duration::ZERO);
    let report = shutdown
        .run(|stopping| server.server(stopping, Duration::ZERO))
        .await;
    assert!(report.is_clean());
    assert_eq!(
        log.events(),
        events(&[(1, "draining"), (1, "closing"), (1, "drained")])
    );
}

#[tokio::test(start_paused = true)]
async fn deadline_cuts_off_what_does_not_end() {
    let log = Log::new();
    let (server, flush) = (log.clone(), log.clone());
    let (dropped, was_dropped) = oneshot::channel::<()>();
    let shutdown =
        stopped(Shutdown::manual())
            .deadline(3 * SECOND)
            .flush_with("traces", async move || {
                flush.note("flushed");
                // The sender lives in the server, which is gone by now.
                assert!(was_dropped.await.is_err());
            });
    let report = shutdown
        .run(|stopping| async move {
            let _dropped = dropped;
            server.server(stopping, 600 * SECOND).await
        })
        .await;
    assert_eq!(
        log.events(),
        events(&[(1, "draining"), (6, "closing"), (9, "flushed")])
    );
    assert_eq!(report.outcome(), Outcome::DeadlinePassed);
    assert!(!report.is_clean());
    assert_eq!(
        report.to_string(),
        "stopped by a trigger: requests were cut off at the deadline"
    );
    assert_eq!(report.into_output(), None);
}

#[tokio::test(start_paused = true)]
async fn demand_to_stop_now_ends_every_phase() {
    // Seconds after the trigger, which stands at 1: in the delay, in the drain, in the flush.
    for (at, outcome, ended) in [
        (2, Outcome::Forced, 2),
        (8, Outcome::Forced, 8),
        (14, Outcome::Drained, 14),
    ] {
        let log = Log::new();
        let server = log.clone();
        let shutdown = stopped(Shutdown::manual())
            .flush_deadline(30 * SECOND)
            .flush_with("stuck", pending::<()>);
        let trigger = shutdown.trigger();
        tokio::spawn(async move {
            sleep(at * SECOND).await;
            trigger.stop_now();
        });
        let report = shutdown
            .run(|stopping| server.server(stopping, 5 * SECOND))
            .await;
        assert_eq!(report.outcome(), outcome, "at second {at}");
        assert_eq!(report.unflushed(), ["stuck"]);
        // Forced before the flush, the flush still gets its time.
        let flushing = if outcome == Outcome::Forced { 30 } else { 0 };
        assert_eq!(log.start.elapsed().as_secs(), ended + flushing);
    }
}

#[tokio::test(start_paused = true)]
async fn second_call_of_stop_changes_nothing() {
    let log = Log::new();
    let server = log.clone();
    let shutdown = stopped(Shutdown::manual());
    let trigger = shutdown.trigger();
    tokio::spawn(async move {
        sleep(2 * SECOND).await;
        trigger.stop();
    });
    let report = shutdown
        .run(|stopping| server.server(stopping, SECOND))
        .await;
    assert!(report.is_clean());
    assert_eq!(log.start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn flushes_share_a_deadline_and_the_report_names_the_late_ones() {
    let shutdown = stopped(Shutdown::manual())
        .flush_with("quick", || ready(()))
        .flush_with("stuck", pending::<()>)
        .flush_with("too late", || sleep(SECOND));
    let start = Instant::now();
    let report = shutdown.run(|stopping| stopping.closing()).await;
    assert_eq!(report.unflushed(), ["stuck", "too late"]);
    assert!(!report.is_clean());
    assert_eq!(
        report.to_string(),
        "stopped by a trigger: all requests were answered; not flushed: stuck, too late"
    );
    assert_eq!(start.elapsed().as_secs(), 1 + 5 + 3);
}

#[tokio::test(start_paused = true)]
async fn server_that_ends_by_itself_is_flushed_and_reported() {
    let log = Log::new();
    let (hook, flush) = (log.clone(), log.clone());
    let shutdown = Shutdown::manual()
        .on_draining(move || hook.note("readiness off"))
        .flush_with("traces", async move || flush.note("flushed"));
    let report: Report<Result<(), &str>> = shutdown.run(|_| ready(Err("address in use"))).await;
    assert_eq!(report.cause(), Cause::ServerEnded);
    assert_eq!(
        report.to_string(),
        "stopped by the end of the server: all requests were answered"
    );
    assert_eq!(report.into_output(), Some(Err("address in use")));
    assert_eq!(log.events(), events(&[(0, "flushed")]));
}

#[tokio::test(start_paused = true)]
async fn stopping_that_never_comes_never_comes() {
    let never = Stopping::never();
    let closing = tokio::time::timeout(3600 * SECOND, never.closing());
    assert!(closing.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_shutdown_that_was_dropped_stops() {
    let (sender, receiver) = oneshot::channel();
    let mut run = Box::pin(Shutdown::manual().run(|stopping| async move {
        sender.send(stopping).unwrap();
        pending::<()>().await;
    }));
    tokio::select! {
        biased;
        _ = &mut run => unreachable!("nobody asked it to stop"),
        () = sleep(SECOND) => {}
    }
    let stopping = receiver.await.unwrap();
    drop(run);
    stopping.closing().await;
}

#[test]
fn signals_outside_of_a_runtime_are_an_error_and_no_panic() {
    assert!(Shutdown::on_signals().is_err());
}

/// One test for all signals: they reach the whole process, and so every test that listens.
#[cfg(unix)]
#[tokio::test]
async fn signals_start_the_shutdown_and_a_second_one_ends_it() {
    use tokio::signal::unix::{SignalKind, signal};

    let send = |signal: &str| {
        let kill = format!("kill {signal} {}", std::process::id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success(), "{kill}");
    };

    // The first signal starts.
    let shutdown = Shutdown::on_signals().unwrap().delay(Duration::ZERO);
    send("-TERM");
    let report = shutdown.run(|stopping| stopping.closing()).await;
    assert_eq!(report.cause(), Cause::Terminate);
    assert_eq!(
        report.to_string(),
        "stopped by SIGTERM: all requests were answered"
    );

    // The second ends it, in the delay already.
    let shutdown = Shutdown::on_signals().unwrap().delay(60 * SECOND);
    send("-INT");
    let report = shutdown
        .run(|stopping| async move {
            stopping.draining().await;
            send("-TERM");
            pending::<()>().await;
        })
        .await;
    assert_eq!(report.cause(), Cause::Interrupt);
    assert_eq!(report.outcome(), Outcome::Forced);
    assert_eq!(
        report.to_string(),
        "stopped by SIGINT: requests were cut off by a second demand"
    );

    // The orchestrator's signal after a trigger from within is no second demand, but the next one is.
    let shutdown = Shutdown::on_signals().unwrap().delay(Duration::ZERO);
    shutdown.trigger().stop();
    let report = shutdown
        .run(|stopping| async move {
            stopping.closing().await;
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            send("-TERM");
            terminate.recv().await;
            // The shutdown has its turn, and sees the signal too.
            yield_now().await;
            "answered in peace"
        })
        .await;
    assert_eq!(report.cause(), Cause::Trigger);
    assert_eq!(report.into_output(), Some("answered in peace"));
}
