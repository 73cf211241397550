mod address;
mod device;
mod events;
mod identifier;
mod parallel;
mod policy;
mod store;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretBytes;
use proptest::prelude::*;

use super::*;
use crate::audit::{Context, EventKind};
use crate::id::TenantId;
use crate::testing::{ManualClock, Recorder};
use crate::time::{Clock as _, Timestamp};

const MINUTE: Duration = Duration::from_secs(60);

/// Kind, reason and count of what has happened since the last time.
fn drain(events: &Recorder) -> Vec<(EventKind, Option<&'static str>, Option<u64>)> {
    let events = events.take().into_iter();
    events
        .map(|event| (event.kind(), event.reason_ref(), event.count_ref()))
        .collect()
}

struct World {
    gate: AuthGate,
    clock: ManualClock,
    events: Recorder,
    tenant: TenantId,
}

fn world() -> World {
    let clock = ManualClock::default();
    let events = Recorder::default();
    let key = || SecretBytes::generate(32).unwrap();
    let devices = DeviceKeys::new(1, &key()).unwrap();
    let gate = AuthGate::new(&key(), devices).unwrap();
    World {
        gate: gate.clock(clock.clone()).audit(events.clone()),
        clock,
        events,
        tenant: "acme".parse().unwrap(),
    }
}

fn from(ip: &str) -> Context {
    Context::default().ip(ip.parse().unwrap())
}

impl World {
    /// A wrong password: whether it was looked at, or when it would be.
    async fn fail(&self, attempt: &Attempt<'_>) -> Result<(), Duration> {
        match self.gate.begin(attempt).await {
            Decision::Permit(permit) => {
                permit.failed("wrong_password", None);
                Ok(())
            }
            Decision::Limited(limited) => Err(limited.retry_after()),
            Decision::ChallengeRequired => panic!("no challenge is due"),
        }
    }

    /// The right to check a proof, for which there must be room.
    async fn permit(&self, attempt: &Attempt<'_>) -> Permit {
        match self.gate.begin(attempt).await {
            Decision::Permit(permit) => permit,
            other => panic!("{attempt:?}: {other:?}"),
        }
    }

    async fn succeed(&self, attempt: &Attempt<'_>) -> bool {
        match self.gate.begin(attempt).await {
            Decision::Permit(permit) => {
                permit.succeeded(&"u-1".parse().unwrap(), None).await;
                true
            }
            _ => false,
        }
    }
}

/// Thirty failures for ten names.
async fn fill(world: &World, context: &Context) {
    for n in 0..30 {
        let name = format!("name-{}", n % 10);
        let attempt = Attempt::password(&world.tenant, &name).context(context);
        assert_eq!(world.fail(&attempt).await, Ok(()), "{n}");
    }
}
