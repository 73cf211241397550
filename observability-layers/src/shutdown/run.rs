//! The order of a shutdown.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::signals::{Cause, Demands, Trigger};
use super::stopping::{Phase, Stopping};

type Flush = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Stops a service without losing what it accepted. See the [module docs](super) for an example.
#[must_use = "nothing is served until it runs"]
pub struct Shutdown {
    demands: Demands,
    delay: Duration,
    deadline: Duration,
    flush_deadline: Duration,
    on_draining: Vec<Box<dyn FnOnce() + Send>>,
    flushes: Vec<(String, Flush)>,
}

impl Shutdown {
    /// Stops at SIGTERM or SIGINT (Ctrl-C elsewhere), and at its [`trigger`](Self::trigger).
    ///
    /// From this call on these signals do not end the process by themselves. Waits 5 seconds
    /// with readiness off, for the balancers to notice; then up to 20 seconds for requests in flight
    /// and up to 3 for the flushes, which together stay below the 30 seconds that Kubernetes gives.
    ///
    /// # Errors
    ///
    /// If the signals cannot be listened to, or outside of a tokio runtime.
    pub fn on_signals() -> io::Result<Self> {
        Demands::with_signals().map(Self::new)
    }

    /// Stops only at its [`trigger`](Self::trigger); otherwise like [`on_signals`](Self::on_signals).
    pub fn manual() -> Self {
        Self::new(Demands::manual())
    }

    fn new(demands: Demands) -> Self {
        Self {
            demands,
            delay: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
            flush_deadline: Duration::from_secs(3),
            on_draining: Vec::new(),
            flushes: Vec::new(),
        }
    }

    /// What stops the service from within.
    pub fn trigger(&self) -> Trigger {
        self.demands.trigger()
    }

    /// How long to go on accepting with readiness off. Zero where nothing asks for readiness.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How long requests in flight may take once nothing is accepted any more.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long all flushes together may take.
    pub const fn flush_deadline(mut self, deadline: Duration) -> Self {
        self.flush_deadline = deadline;
        self
    }

    /// Turns readiness off when the shutdown begins.
    #[cfg(feature = "health")]
    pub fn readiness(self, switch: crate::health::DrainSwitch) -> Self {
        self.on_draining(move || switch.drain())
    }

    /// Calls `observe` when the shutdown begins.
    pub fn on_draining(mut self, observe: impl FnOnce() + Send + 'static) -> Self {
        self.on_draining.push(Box::new(observe));
        self
    }

    /// Awaits `flush` after the last request, in the order of these calls: telemetry, queues, files.
    ///
    /// The name is for the report. Work that blocks belongs into `tokio::task::spawn_blocking`.
    pub fn flush_with<F, Fut>(mut self, name: impl Into<String>, flush: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let flush: Flush = Box::new(move || Box::pin(flush()));
        self.flushes.push((name.into(), flush));
        self
    }

    /// Serves until something asks to stop, and then stops in order.
    ///
    /// `serve` makes what is to be served, from a [`Stopping`] that tells it when to stop accepting.
    /// Dropping the future of this call drops what is served.
    pub async fn run<F, T>(mut self, serve: F) -> Report<T::Output>
    where
        F: FnOnce(Stopping) -> T,
        T: IntoFuture,
    {
        let (cause, outcome, output) = self.serve(serve).await;
        let report = Report {
            cause,
            outcome,
            output,
            unflushed: self.flush().await,
        };
        tracing::info!(%cause, ?outcome, unflushed = ?report.unflushed, "stopped");
        report
    }

    // Apart from `run`, so that what was served is gone before the flushes begin.
    async fn serve<F, T>(&mut self, serve: F) -> (Cause, Outcome, Option<T::Output>)
    where
        F: FnOnce(Stopping) -> T,
        T: IntoFuture,
    {
        let phase = watch::Sender::new(Phase::Running);
        let mut server = pin!(serve(Stopping::new(&phase)).into_future());
        let cause = tokio::select! {
            biased;
            cause = self.demands.next() => cause,
            output = &mut server => return (Cause::ServerEnded, Outcome::Drained, Some(output)),
        };

        tracing::info!(%cause, delay = ?self.delay, "stopping: readiness is off");
        for observe in self.on_draining.drain(..) {
            observe();
        }
        phase.send_replace(Phase::Draining);
        // Nothing is accepted in a delay of zero, which a timer would round up.
        let delay = async {
            if !self.delay.is_zero() {
                sleep(self.delay).await;
            }
        };
        let ended = tokio::select! {
            biased;
            _ = self.demands.next() => return (cause, Outcome::Forced, None),
            () = delay => None,
            output = &mut server => Some(output),
        };

        tracing::info!(deadline = ?self.deadline, "stopping: nothing is accepted any more");
        phase.send_replace(Phase::Closing);
        if let Some(output) = ended {
            return (cause, Outcome::Drained, Some(output));
        }
        tokio::select! {
            biased;
            output = &mut server => (cause, Outcome::Drained, Some(output)),
            _ = self.demands.next() => (cause, Outcome::Forced, None),
            () = sleep(self.deadline) => (cause, Outcome::DeadlinePassed, None),
        }
    }

    /// The names of the flushes that did not finish.
    async fn flush(&mut self) -> Vec<String> {
        let deadline = Instant::now() + self.flush_deadline.min(Duration::from_secs(24 * 60 * 60));
        let mut unflushed = Vec::new();
        let mut abandoned = false;
        for (name, flush) in self.flushes.drain(..) {
            let flushed = !abandoned
                && tokio::select! {
                    biased;
                    flushed = timeout_at(deadline, flush()) => flushed.is_ok(),
                    _ = self.demands.next() => {
                        abandoned = true;
                        false
                    }
                };
            if !flushed {
                unflushed.push(name);
            }
        }
        unflushed
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flushes: Vec<_> = self.flushes.iter().map(|(name, _)| name).collect();
        f.debug_struct("Shutdown")
            .field("demands", &self.demands)
            .field("delay", &self.delay)
            .field("deadline", &self.deadline)
            .field("flush_deadline", &self.flush_deadline)
            .field("flushes", &flushes)
            .finish_non_exhaustive()
    }
}

/// How the serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// All that was accepted was answered.
    Drained,
    /// Requests were cut off at the deadline.
    DeadlinePassed,
    /// Requests were cut off by a second signal or [`Trigger::stop_now`].
    Forced,
}

/// What became of a shutdown. Returned by [`Shutdown::run`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says whether requests were lost"]
pub struct Report<T> {
    cause: Cause,
    outcome: Outcome,
    output: Option<T>,
    unflushed: Vec<String>,
}

impl<T> Report<T> {
    /// Why the service stopped.
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// How the serving ended.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The names of the flushes that did not finish in time.
    pub fn unflushed(&self) -> &[String] {
        &self.unflushed
    }

    /// Whether no request was cut off and all was flushed.
    pub fn is_clean(&self) -> bool {
        self.outcome == Outcome::Drained && self.unflushed.is_empty()
    }

    /// What the server ended with; `None` if it was cut off.
    pub fn into_output(self) -> Option<T> {
        self.output
    }
}

impl<T> fmt::Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause;
        let outcome = match self.outcome {
            Outcome::Drained => "all requests were answered",
            Outcome::DeadlinePassed => "requests were cut off at the deadline",
            Outcome::Forced => "requests were cut off by a second demand",
        };
        write!(f, "stopped by {cause}: {outcome}")?;
        if !self.unflushed.is_empty() {
            write!(f, "; not flushed: {}", self.unflushed.join(", "))?;
        }
        Ok(())
    }
}
