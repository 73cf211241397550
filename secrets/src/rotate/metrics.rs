use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{Rotating, Status};

/// The numbers of secrets that rotate, for a `prometheus_client` registry.
///
/// One collector takes them all, because a metric may be described only once in a scrape; a label `secret` has their
/// names. It does not keep a secret up to date whose last clone is gone, and says nothing of it any more.
///
/// ```
/// use portcullis_secrets::rotate::{Rotation, SecretCollector};
/// use portcullis_secrets::source::FileSource;
/// use prometheus_client::{encoding::text::encode, registry::Registry};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("webhook_secret");
/// # std::fs::write(&path, "correct horse")?;
/// let secret = Rotation::new("webhook_secret", FileSource::new(path)).start().await?;
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(SecretCollector::new().secret(&secret)));
///
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("secret_age_seconds{secret=\"webhook_secret\"} 0."));
/// assert!(text.contains("secret_load_failures_total{secret=\"webhook_secret\"} 0\n"));
/// # Ok(())
/// # }
/// ```
///
/// | metric | what it is |
/// |---|---|
/// | `secret_age_seconds` | how long ago a load last succeeded; alert when it grows beyond a few polls |
/// | `secret_in_force` | 0 once the lease has ended without a successor, and 1 otherwise |
/// | `secret_rotations_total` | new values that came into force |
/// | `secret_load_failures_total` | loads that failed |
#[derive(Debug, Default)]
#[must_use = "a collector shows nothing until it is registered"]
pub struct SecretCollector(Vec<Source>);

struct Source {
    name: Box<str>,
    read: Box<dyn Fn() -> Option<Status> + Send + Sync>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl SecretCollector {
    /// Collects nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `secret` under its name. Of two with the same name, the last counts.
    pub fn secret<T: Send + Sync + 'static>(mut self, secret: &Rotating<T>) -> Self {
        let name = secret.name();
        self.0.retain(|source| *source.name != *name);
        let shared = Arc::downgrade(&secret.0);
        self.0.push(Source {
            name: name.into(),
            read: Box::new(move || Some(Rotating(shared.upgrade()?).status())),
        });
        self
    }
}

impl Collector for SecretCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let read = |source: &Source| Some((source.name.to_string(), (source.read)()?));
        let secrets: Vec<_> = self.0.iter().filter_map(read).collect();
        let encoder = &mut encoder;
        let help = "Time since a load of the secret last succeeded";
        family(encoder, "secret_age_seconds", help, &secrets, |status| {
            ConstGauge::new(status.age.as_secs_f64())
        })?;
        let help = "Whether there is a value whose lease has not ended";
        family(encoder, "secret_in_force", help, &secrets, |status| {
            ConstGauge::new(u64::from(status.version.is_some()))
        })?;
        let help = "New values of the secret that came into force";
        family(encoder, "secret_rotations", help, &secrets, |status| {
            ConstCounter::new(status.rotations)
        })?;
        let help = "Loads of the secret that failed";
        family(encoder, "secret_load_failures", help, &secrets, |status| {
            ConstCounter::new(status.failures)
        })
    }
}

fn family<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    secrets: &[(String, Status)],
    metric: impl Fn(&Status) -> M,
) -> Result<(), fmt::Error> {
    let Some((_, first)) = secrets.first() else {
        return Ok(());
    };
    let kind = metric(first).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (name, status) in secrets {
        let labels = [("secret", name.as_str())];
        metric(status).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
