//! How far the shutdown is, as those who serve see it.

use std::future::{Future, pending};

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Running,
    Draining,
    Closing,
}

/// Tells a server when to stop. Clones tell the same. Handed out by [`Shutdown::run`](super::Shutdown::run).
#[derive(Clone, Debug)]
pub struct Stopping {
    phase: Option<watch::Receiver<Phase>>,
}

impl Stopping {
    pub(super) fn new(phase: &watch::Sender<Phase>) -> Self {
        let phase = Some(phase.subscribe());
        Self { phase }
    }

    /// Never stops: for a server that lives until its future is dropped.
    pub const fn never() -> Self {
        Self { phase: None }
    }

    /// Done when the shutdown begins: readiness is off, requests are still taken.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        self.clone().reach(Phase::Draining)
    }

    /// Done when no more connections are to be accepted. What `axum::serve(..).with_graceful_shutdown`
    /// and tonic's `serve_with_shutdown` want.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + Sync + use<> {
        self.clone().reach(Phase::Closing)
    }

    async fn reach(self, phase: Phase) {
        let Some(mut current) = self.phase else {
            return pending().await;
        };
        // An error means that the shutdown itself is gone, and all that it ran is to end as well.
        drop(current.wait_for(|current| *current >= phase).await);
    }
}
