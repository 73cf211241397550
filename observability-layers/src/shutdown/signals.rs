//! What asks a process to stop.

use std::fmt;
use std::io;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// Why the service stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// SIGTERM: an orchestrator or an init system.
    Terminate,
    /// SIGINT or Ctrl-C: a person at a terminal.
    Interrupt,
    /// A [`Trigger`].
    Trigger,
    /// Nothing asked; what was served came to its end.
    ServerEnded,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Trigger => "a trigger",
            Self::ServerEnded => "the end of the server",
        })
    }
}

/// Stops the service from within: an admin endpoint, a test, a fatal error. Clones stop the same one.
#[derive(Clone, Debug)]
pub struct Trigger {
    demand: watch::Sender<Demand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Demand {
    None,
    Stop,
    StopNow,
}

impl Trigger {
    /// Starts the shutdown, as the first signal does. A second call changes nothing.
    pub fn stop(&self) {
        self.demand(Demand::Stop);
    }

    /// Ends the shutdown at once, as the second signal does: requests in flight are cut off.
    pub fn stop_now(&self) {
        self.demand(Demand::StopNow);
    }

    fn demand(&self, wanted: Demand) {
        self.demand.send_if_modified(|demand| {
            let more = wanted > *demand;
            if more {
                *demand = wanted;
            }
            more
        });
    }
}

/// All that can ask, one demand after the other.
#[derive(Debug)]
pub(super) struct Demands {
    trigger: Trigger,
    seen: Demand,
    signalled: bool,
    signals: Option<Signals>,
}

impl Demands {
    pub(super) fn manual() -> Self {
        let (demand, _) = watch::channel(Demand::None);
        Self {
            trigger: Trigger { demand },
            seen: Demand::None,
            signalled: false,
            signals: None,
        }
    }

    pub(super) fn with_signals() -> io::Result<Self> {
        // Registering panics outside of a runtime.
        Handle::try_current().map_err(io::Error::other)?;
        let signals = Some(Signals::new()?);
        Ok(Self {
            signals,
            ..Self::manual()
        })
    }

    pub(super) fn trigger(&self) -> Trigger {
        self.trigger.clone()
    }

    /// Waits for somebody to ask for more than was asked before.
    pub(super) async fn next(&mut self) -> Cause {
        loop {
            let (cause, demand) = self.receive().await;
            let first_signal = cause != Cause::Trigger && !self.signalled;
            self.signalled |= first_signal;
            // The orchestrator's SIGTERM after a shutdown that was triggered from within asks for what
            // is already going on; only a second signal is somebody's second thought.
            if !first_signal || demand > self.seen {
                self.seen = self.seen.max(demand);
                return cause;
            }
        }
    }

    async fn receive(&mut self) -> (Cause, Demand) {
        let mut triggered = self.trigger.demand.subscribe();
        let signal = async {
            match &mut self.signals {
                Some(signals) => signals.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            cause = signal => (cause, Demand::Stop),
            // The sender is a field of `self`, so there is a demand.
            demand = triggered.wait_for(|demand| *demand > self.seen) => {
                (Cause::Trigger, demand.map_or(Demand::StopNow, |demand| *demand))
            }
        }
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Cause {
        tokio::select! {
            Some(()) = self.terminate.recv() => Cause::Terminate,
            Some(()) = self.interrupt.recv() => Cause::Interrupt,
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Cause {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Cause::Interrupt,
            Err(error) => {
                tracing::error!(%error, "Ctrl-C cannot be listened to");
                std::future::pending().await
            }
        }
    }
}
