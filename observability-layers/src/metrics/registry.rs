use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Format, HttpMetrics, MetricsEndpoint, MetricsLayer, ProcessMetrics, classic, text};
use crate::observe::ObserveLayer;

/// All metrics of a service: the HTTP families, the process, and what you register.
///
/// A handle: clones are the same metrics.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    http: HttpMetrics,
    /// Never taken by a request, only by scrapes and by whoever registers.
    registry: RwLock<Registry>,
    has_build_info: AtomicBool,
    /// How long the last exposition was, as room for the next.
    last_len: AtomicUsize,
}

impl Metrics {
    /// The HTTP families with their default cap, and the metrics of the process.
    pub fn new() -> Self {
        Self::with_http(HttpMetrics::new())
    }

    /// Exposes `http`, which has a cap of your choice or counts elsewhere already.
    pub fn with_http(http: HttpMetrics) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessMetrics::new()));
        Self {
            inner: Arc::new(Inner {
                http,
                registry: RwLock::new(registry),
                has_build_info: AtomicBool::new(false),
                last_len: AtomicUsize::new(4_096),
            }),
        }
    }

    /// The layer that counts requests into these metrics. To write an access log as well, add its
    /// sink to this layer, or [`http`](Self::http) to another.
    pub fn layer(&self) -> MetricsLayer {
        ObserveLayer::new().sink(self.http())
    }

    /// The sink that counts requests.
    pub fn http(&self) -> HttpMetrics {
        self.inner.http.clone()
    }

    /// The endpoint that exposes these metrics at `/metrics`.
    pub fn endpoint(&self) -> MetricsEndpoint {
        MetricsEndpoint::new(self.clone())
    }

    /// Lets `register` add metrics and collectors of your own. Their names must not be taken.
    pub fn register_with<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        let registry = self.inner.registry.write();
        register(&mut registry.unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds `build_info` with these labels, such as `version` and `revision`. Once: of two, a scraper
    /// would refuse the whole exposition.
    ///
    /// # Errors
    ///
    /// If it was added before; or if a label's name is not made of ASCII letters, digits and
    /// underscores, begins with a digit or with two underscores, which are Prometheus's own, or comes twice.
    pub fn build_info<K, V>(
        &self,
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), BuildInfoError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let labels = labels.into_iter().map(|(k, v)| (k.into(), v.into()));
        let labels: Vec<(String, String)> = labels.collect();
        let mut names = HashSet::new();
        for (name, _) in &labels {
            if !is_label(name) || !names.insert(name) {
                return Err(BuildInfoError(Some(name.clone())));
            }
        }
        if self.inner.has_build_info.swap(true, Ordering::Relaxed) {
            return Err(BuildInfoError(None));
        }
        let help = "What is running; the value is always 1";
        self.register_with(|registry| registry.register("build", help, Info::new(labels)));
        Ok(())
    }

    /// Everything as text.
    pub fn encode(&self, format: Format) -> String {
        let inner = &*self.inner;
        let mut out = String::with_capacity(inner.last_len.load(Ordering::Relaxed));
        text::encode(&inner.http.inner, format, &mut out);
        let registry = inner.registry.read();
        let registry = registry.unwrap_or_else(PoisonError::into_inner);
        match format {
            Format::OpenMetrics => {
                encode_lines(&registry, &mut out);
                out.push_str("# EOF\n");
            }
            Format::Text => {
                let mut open = String::new();
                encode_lines(&registry, &mut open);
                classic::rewrite(&open, &mut out);
            }
        }
        // Some more, because counters grow.
        let len = out.len() + out.len() / 16;
        inner.last_len.store(len, Ordering::Relaxed);
        out
    }
}

/// As the exposition formats have it, less the names that Prometheus keeps for itself.
fn is_label(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = |byte: &u8| !byte.is_ascii_digit();
    name.as_bytes().first().is_some_and(begins) && name.bytes().all(word) && !name.starts_with("__")
}

/// Why there is no such [`build_info`](Metrics::build_info).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInfoError(Option<String>);

impl fmt::Display for BuildInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, "{name:?} is no name for a label, or there twice"),
            None => f.write_str("there is a build_info already"),
        }
    }
}

impl Error for BuildInfoError {}

fn encode_lines(registry: &Registry, out: &mut String) {
    if encode_registry(out, registry).is_err() {
        // A collector of the user's gave up; what came before it is worth having, but for the line
        // that it was at: a scraper refuses everything for one line that it cannot read.
        out.truncate(out.rfind('\n').map_or(0, |end| end + 1));
        tracing::error!("a metrics collector failed, the exposition is incomplete");
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
