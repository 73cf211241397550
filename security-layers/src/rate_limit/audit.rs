//! Security events, bounded by the same store that bounds requests.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_layer_core::request_id::RequestId;

use super::gcra::Gcra;
use super::policy::PolicyName;
use super::quota::Quota;
use super::scope::{Client, Subject};
use super::store::Store;

/// One event per bucket and minute, from at most this many buckets: a flood of limited keys cannot
/// become a flood of events.
const BUCKETS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

#[derive(Debug)]
pub(super) struct Audit {
    events: Store<Gcra>,
    /// Whether any request so far had a client with a known address.
    saw_client: AtomicBool,
    reported: AtomicBool,
}

impl Audit {
    pub(super) fn new() -> Self {
        Self {
            events: Store::new(Gcra::new(Quota::per_minute(NonZeroU32::MIN)), BUCKETS),
            saw_client: AtomicBool::new(false),
            reported: AtomicBool::new(false),
        }
    }

    /// Reports that a bucket is used up, once a minute. Nothing that the caller wrote is in the event:
    /// the bucket is its keyed hash, the address has been parsed, the request id checked.
    pub(super) fn exceeded(
        &self,
        bucket: u64,
        now: u64,
        policy: &PolicyName,
        enforced: bool,
        subject: &Subject<'_>,
    ) {
        {
            let mut event = self.events.hold(bucket, now);
            let Ok(next) = event.attempt(NonZeroU32::MIN) else {
                return;
            };
            event.commit(next);
        }
        let request_id = subject.parts.extensions.get().map(RequestId::as_str);
        tracing::warn!(
            target: "portcullis::audit",
            event = "excess_rate_limit_exceeded",
            outcome = if enforced { "blocked" } else { "observed" },
            reason = policy.as_str(),
            bucket = %format_args!("{bucket:016x}"),
            ip = subject.client().map(tracing::field::display),
            request_id,
        );
    }

    /// Notes whether the client of a request was known.
    pub(super) fn client(&self, subject: &Subject<'_>) {
        match subject.client_so_far() {
            Client::NotAsked => {}
            // Mostly true already: a shared cache line is read, not written.
            Client::Known(_) if self.saw_client.load(Ordering::Relaxed) => {}
            Client::Known(_) => self.saw_client.store(true, Ordering::Relaxed),
            Client::Unknown => self.no_client(),
        }
    }

    /// A single request without an address may have come over a Unix socket; when there has never been
    /// one *with* an address, whoever accepts connections does not record it.
    fn no_client(&self) {
        if self.saw_client.load(Ordering::Relaxed) || self.reported.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            target: "portcullis::audit",
            event = "layer_misconfigured",
            layer = "rate_limit",
            reason = "no request has a peer address, so all clients share one bucket; put `PeerAddr` into the extensions or enable the feature of your server",
        );
    }
}
