//! Tells orchestrators and balancers whether to restart the process, and whether to send it requests.
//!
//! ```
//! # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
//! # use std::time::Duration;
//! # use http::{Request, Response, StatusCode};
//! # use portcullis_observability_layers::health::{Check, Health, Status, Group};
//! # use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let get = |path: &str| Request::get(path).body(());
//! # let handler = async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(String::new()));
//! # let up = Arc::new(AtomicBool::new(true));
//! # let database = Arc::clone(&up);
//! let ping = move || {
//!     let up = database.load(Ordering::SeqCst);
//!     async move { if up { Ok(()) } else { Err("connection refused") } }
//! };
//! let (health, _guard) = Health::start([
//!     Check::new("database", ping).interval(Duration::from_secs(5)).tag("storage"),
//!     Check::new("cache", async || Err("no cache here")).warning(),
//! ])?;
//! let service = ServiceBuilder::new().layer(health.layer()).service_fn(handler);
//! # tokio::time::sleep(Duration::from_millis(1)).await;
//!
//! // A warning is no reason to stop traffic.
//! let response = service.clone().oneshot(get("/ready")?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! up.store(false, Ordering::SeqCst);
//! # tokio::time::sleep(Duration::from_secs(6)).await;
//! let response = service.clone().oneshot(get("/ready")?).await?;
//! assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
//!
//! // But a restart of this process would not help the database.
//! let response = service.oneshot(get("/live")?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! | Path | 200 while | Ask it for |
//! |---|---|---|
//! | `/live` | the process answers, and its [liveness](Group::Liveness) checks, if any, do not fail | restarts |
//! | `/startup` | from when all critical startup checks passed together, for good | when to begin with the other probes |
//! | `/ready` | started, not [draining](DrainSwitch), and no critical readiness check fails | traffic |
//! | `/health` | ready, and no critical check of any group fails | everything, by whoever asks one question only |
//!
//! The body is `{"status":"pass"}`, `warn` or `fail`, with `Cache-Control: no-store`; names, errors and
//! times are in [`HealthDetail`], for a listener that the public does not reach.
//!
//! A probe reads the last answers of the checks and never waits for one. Checks run in the background;
//! one that hangs times out, one that panics fails, and when answers stop coming the last
//! ones count as stale, which is not passing. A critical check that has not answered yet does not pass either,
//! so a service gets no traffic before it knows that it works.
//!
//! This module does not know what your dependencies are, and does not restart anything. Put its layer
//! outside of authentication, rate limits, host checks and HTTPS redirects, because probes bring
//! neither tokens nor the right host; inside of the layers that log and count. A proxy in front
//! changes nothing, but should not pass these paths on to the public.

mod check;
mod endpoint;
mod registry;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use portcullis_layer_core::endpoint::EndpointLayer;
use tokio::sync::watch;

pub use self::check::{Check, Criticality, ErrorKind, HealthError, MAX_CHECKS, MAX_TAGS};
pub use self::endpoint::{HealthDetail, HealthEndpoint, Probe};
pub use self::registry::HealthGuard;
use self::registry::Registry;
pub use self::status::{CheckReport, CheckState, Group, Snapshot, Status};
pub use crate::path::InvalidPath;

/// What is known of the service's health. Clones share it. See the [module docs](self) for an example.
#[derive(Clone)]
pub struct Health {
    registry: Arc<Registry>,
}

impl Health {
    /// Starts asking the `checks`, of which there may be none, until the guard is dropped.
    ///
    /// # Errors
    ///
    /// If a check's settings are wrong, outside of a tokio runtime, or in one that was built without its
    /// time (`enable_time` or `enable_all`).
    pub fn start(
        checks: impl IntoIterator<Item = Check>,
    ) -> Result<(Self, HealthGuard), HealthError> {
        let (registry, guard) = Registry::start(checks.into_iter().collect())?;
        Ok((Self { registry }, guard))
    }

    /// How everything stands now.
    pub fn snapshot(&self) -> Snapshot {
        self.registry.snapshot()
    }

    /// Watches for changes, as the streaming health service of gRPC does.
    pub fn watch(&self) -> HealthWatch {
        HealthWatch {
            changes: self.registry.subscribe(),
        }
    }

    /// The switch that takes the service out of traffic.
    pub fn drain_switch(&self) -> DrainSwitch {
        DrainSwitch {
            registry: Arc::clone(&self.registry),
        }
    }

    /// The probes for the public, as a layer. As a service of their own, or with other paths:
    /// [`HealthEndpoint`].
    pub fn layer(&self) -> EndpointLayer<HealthEndpoint> {
        EndpointLayer::new(HealthEndpoint::new(self.clone()))
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}

/// Sees every change of the health. Made by [`Health::watch`].
pub struct HealthWatch {
    changes: watch::Receiver<Snapshot>,
}

impl HealthWatch {
    /// Waits until something changed that a probe could see: a check's state, startup, draining.
    ///
    /// Several changes since the last call are one. `None` when nobody is left who could change anything.
    /// Staleness is seen within a second. Cancel-safe.
    pub async fn changed(&mut self) -> Option<Snapshot> {
        self.changes.changed().await.ok()?;
        Some(self.changes.borrow_and_update().clone())
    }
}

impl fmt::Debug for HealthWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthWatch").finish_non_exhaustive()
    }
}

/// Takes the service out of traffic and back: readiness fails while it is on, liveness does not.
///
/// Made by [`Health::drain_switch`]. Clones switch the same service.
#[derive(Clone)]
pub struct DrainSwitch {
    registry: Arc<Registry>,
}

impl DrainSwitch {
    /// Turns readiness off.
    pub fn drain(&self) {
        self.registry.drain(true);
    }

    /// Lets readiness follow the checks again.
    pub fn resume(&self) {
        self.registry.drain(false);
    }

    /// Whether readiness is off.
    pub fn is_draining(&self) -> bool {
        self.registry.is_draining()
    }
}

impl fmt::Debug for DrainSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainSwitch")
            .field("draining", &self.is_draining())
            .finish()
    }
}
