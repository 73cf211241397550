//! The numbers of accounts, for a scrape.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_auth_core::password::Hasher;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Accounts;

/// What no layer counts. A clone shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tokens: AtomicU64,
    held_back: AtomicU64,
}

impl Numbers {
    pub(super) fn token_issued(&self) {
        self.0.tokens.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn attempt_held_back(&self) {
        self.0.held_back.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct AccountCollector {
    numbers: Numbers,
    hasher: Hasher,
}

impl Collector for AccountCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.hasher.stats();
        let counts = &self.numbers.0;
        for (name, help, value) in [
            (
                "auth_jwt_tokens_issued",
                "Access tokens that were signed",
                counts.tokens.load(Ordering::Relaxed),
            ),
            (
                "auth_attempts_held_back",
                "Attempts at signing in that were not looked at, because there were too many before them",
                counts.held_back.load(Ordering::Relaxed),
            ),
            (
                "auth_password_hashes",
                "Passwords that were hashed or compared",
                stats.hashes,
            ),
            (
                "auth_password_hashes_refused",
                "Passwords that were neither hashed nor compared, because too many others waited",
                stats.refused,
            ),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        for (name, help, value) in [
            (
                "auth_password_hashes_pending",
                "Passwords that are being hashed or wait for it",
                u64::try_from(stats.pending).unwrap_or(u64::MAX),
            ),
            (
                "auth_password_hashes_concurrent_max",
                "Passwords that can be hashed at the same time",
                stats.concurrency.into(),
            ),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        Ok(())
    }
}

impl Accounts {
    /// Adds all numbers around accounts to `registry`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let (api_keys, bearer) = &self.schemes;
        registry.register_collector(Box::new(api_keys.tally()));
        registry.register_collector(Box::new(bearer.tally()));
        registry.register_collector(Box::new(AccountCollector {
            numbers: self.numbers.clone(),
            hasher: self.hasher.clone(),
        }));
    }
}
