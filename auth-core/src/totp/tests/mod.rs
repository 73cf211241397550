mod codes;
mod factors;

use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretBytes;

use super::*;
use crate::audit::{Actor, Context, EventKind};
use crate::id::ClientId;
use crate::testing::{ManualClock, Recorder};
use crate::time::Clock as _;

const MINUTE: Duration = Duration::from_secs(60);

/// Kind, reason and count of what has happened since the last time.
fn drain(events: &Recorder) -> Vec<(EventKind, Option<&'static str>, Option<u64>)> {
    let events = events.take().into_iter();
    events
        .map(|event| (event.kind(), event.reason_ref(), event.count_ref()))
        .collect()
}

struct World {
    totp: Totp,
    store: Arc<MemoryStore>,
    key: SecretBytes,
    clock: ManualClock,
    events: Recorder,
    owner: Owner,
    client: ClientId,
    context: Context,
}

fn world() -> World {
    let clock = ManualClock::default();
    let (events, store) = (Recorder::default(), Arc::new(MemoryStore::default()));
    let key = SecretBytes::generate(32).unwrap();
    let keys = SealKeys::new(1, &key).unwrap();
    let totp = Totp::from_shared("Acme".parse().unwrap(), keys, Arc::clone(&store) as _);
    World {
        totp: totp.clock(clock.clone()).audit(events.clone()),
        store,
        key,
        clock,
        events,
        owner: Owner::new(&"acme".parse().unwrap(), &"u-1".parse().unwrap()),
        client: "app".parse().unwrap(),
        context: Context::default(),
    }
}

impl World {
    /// A factor in force, whose next code counts.
    async fn enrolled(&self) -> TotpSecret {
        let now = self.clock.now();
        let enrolment = self.totp.enrol(&self.owner, "ann", now, &self.context);
        let enrolment = enrolment.await.unwrap();
        let bytes = SecretBytes::from(enrolment.secret().bytes().expose_secret());
        let secret = TotpSecret::from_bytes(bytes).unwrap();
        let code = secret.code_at(now);
        let activated = self.totp.activate(
            &self.owner,
            enrolment.id(),
            code.expose_digits(),
            &self.context,
        );
        activated.await.unwrap();
        self.clock.advance(PERIOD);
        self.events.take();
        secret
    }

    async fn challenge(&self) -> String {
        let token = self.totp.challenge(&self.owner, &self.client, 3).await;
        let token = token.unwrap().unwrap();
        token.to_text().expose_secret().to_owned()
    }

    async fn verify(&self, token: &str, code: &str) -> Result<Verified, TotpErrorKind> {
        let verified = self.totp.verify(token, &self.client, code, &self.context);
        verified.await.map_err(|error| error.kind())
    }

    /// The code that an authenticator shows whose clock is off by `seconds`.
    fn shown(&self, secret: &TotpSecret, seconds: i64) -> String {
        let off = Duration::from_secs(seconds.unsigned_abs());
        let now = match seconds < 0 {
            true => self.clock.now().minus(off),
            false => self.clock.now().plus(off),
        };
        secret.code_at(now).expose_digits().to_owned()
    }

    /// A code that is wrong in the whole window.
    fn wrong(&self, secret: &TotpSecret) -> String {
        let right = [-30, 0, 30].map(|seconds| self.shown(secret, seconds));
        let codes = ["000000", "000001", "000002", "000003"].map(String::from);
        codes
            .into_iter()
            .find(|code| !right.contains(code))
            .unwrap()
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let world = world();
    let secret = world.enrolled().await;
    let token = world.challenge().await;
    let code = world.shown(&secret, 0);
    let verified = world.verify(&token, &code).await.unwrap();
    let now = world.clock.now();
    let codes = world
        .totp
        .regenerate_recovery_codes(&world.owner, now, &world.context);
    let codes = codes.await.unwrap();
    let factors = world.totp.factors(&world.owner).await.unwrap();
    let events = world.events.take();
    let printed = format!(
        "{:?} {:?} {verified:?} {codes:?} {factors:?} {events:?}",
        world.totp, world.store
    );
    let recovery = codes[0].to_text();
    for secret in [
        secret.to_base32().expose_secret(),
        &token,
        &code,
        recovery.expose_secret(),
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn services_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static + std::fmt::Debug>() {}
    shared::<Totp>();
}
