use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::policy::Unseen;

/// What a [`MaskLayer`](super::MaskLayer) and its clones have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaskStats {
    /// Responses whose bodies were searched.
    pub scanned: u64,
    /// Known secrets that were masked in them. The same one twice is two.
    pub secrets: u64,
    /// Values of fields that were masked in them.
    pub fields: u64,
    /// Responses that were left as they were because they were compressed.
    pub compressed: u64,
    /// Responses that were left as they were because they were gRPC.
    pub grpc: u64,
    /// Responses that were left as they were because they were parts of something (206).
    pub partial: u64,
}

#[derive(Debug)]
pub(super) struct State {
    scanned: AtomicU64,
    secrets: AtomicU64,
    fields: AtomicU64,
    compressed: AtomicU64,
    grpc: AtomicU64,
    partial: AtomicU64,
    start: Instant,
    /// The minute of the last event, counted from 1.
    reported: AtomicU64,
    reported_compressed: AtomicBool,
}

impl State {
    pub(super) fn new() -> Self {
        let [
            scanned,
            secrets,
            fields,
            compressed,
            grpc,
            partial,
            reported,
        ] = Default::default();
        Self {
            scanned,
            secrets,
            fields,
            compressed,
            grpc,
            partial,
            start: Instant::now(),
            reported,
            reported_compressed: AtomicBool::new(false),
        }
    }

    pub(super) fn stats(&self) -> MaskStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MaskStats {
            scanned: read(&self.scanned),
            secrets: read(&self.secrets),
            fields: read(&self.fields),
            compressed: read(&self.compressed),
            grpc: read(&self.grpc),
            partial: read(&self.partial),
        }
    }

    pub(super) fn scanned(&self) {
        self.scanned.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn masked_fields(&self, count: u64) {
        if count > 0 {
            self.fields.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Reports a secret that a service was about to tell, once a minute.
    pub(super) fn masked_secrets(&self, count: u64) {
        if count == 0 {
            return;
        }
        self.secrets.fetch_add(count, Ordering::Relaxed);
        let minute = self.start.elapsed().as_secs() / 60 + 1;
        if self.reported.fetch_max(minute, Ordering::Relaxed) < minute {
            tracing::warn!(
                target: "portcullis::audit",
                event = "secret_in_response",
                outcome = "masked",
                layer = "mask",
            );
        }
    }

    pub(super) fn unseen(&self, why: Unseen) {
        let counter = match why {
            Unseen::Compressed => &self.compressed,
            Unseen::Grpc => &self.grpc,
            Unseen::Partial => &self.partial,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if why == Unseen::Compressed && !self.reported_compressed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: "portcullis::audit",
                event = "layer_misconfigured",
                layer = "mask",
                reason = "a response is compressed already, so secrets in it are not seen; put the layer inside of compression",
            );
        }
    }
}
