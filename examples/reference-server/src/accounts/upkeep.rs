//! Deletes what is over, now and then and a little at a time.

use std::fmt::Display;
use std::time::Duration;

use super::Accounts;

const EVERY: Duration = Duration::from_secs(60);
/// How much of each kind is deleted at a time: an hour's worth of an attack must not stop the writers.
const LIMIT: u32 = 1000;
/// How long API keys are listed after their end.
const ENDED_KEYS: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long the audit trail goes back: a year, and what it takes to look at it.
const AUDIT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Accounts {
    /// Follows what other processes revoke, and deletes what is over, for as long as it is polled.
    pub(crate) async fn upkeep(self) {
        let revocations = self.revocations.clone();
        tokio::join!(revocations.follow(), async {
            let mut pause = tokio::time::interval(EVERY);
            pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                pause.tick().await;
                self.flush_audit();
                self.purge().await;
            }
        });
    }

    async fn purge(&self) {
        let before = self.now().minus(AUDIT).as_millis();
        tell("sessions", self.refresh.purge().await);
        tell("attempts", self.gate.purge(LIMIT).await);
        tell("second factors", self.totp.purge(LIMIT).await);
        tell("API keys", self.api_keys.purge(ENDED_KEYS, LIMIT).await);
        tell("events", self.store.purge_events(before, LIMIT).await);
    }
}

fn tell<E: Display>(what: &'static str, purged: Result<u64, E>) {
    match purged {
        Ok(0) => {}
        Ok(count) => tracing::debug!(what, count, "deleted what is over"),
        Err(error) => tracing::warn!(what, %error, "what is over could not be deleted"),
    }
}
