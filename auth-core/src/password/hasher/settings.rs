use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::super::form::Form;
use super::super::scheme::{ForeignScheme, Registry, Target};
use super::super::{HashParams, InvalidSetting, Normalization, Peppers};
use super::Hasher;

/// 256 MiB.
const DEFAULT_MEMORY_KIB: u32 = 256 * 1024;
const DEFAULT_PATIENCE: Duration = Duration::from_secs(2);
/// So many that a place for each and its queue can be counted.
const MAX_PERMITS: u32 = 4096;

/// The settings of a [`Hasher`]: from [`Hasher::settings`].
#[derive(Debug)]
#[must_use = "settings are checked when they are built"]
pub struct HasherSettings {
    params: HashParams,
    normalization: Normalization,
    peppers: Peppers,
    memory_kib: u32,
    concurrency: Option<NonZeroU32>,
    patience: Duration,
    registry: Registry,
    fault: Option<InvalidSetting>,
}

impl HasherSettings {
    pub(super) fn new(params: HashParams) -> Self {
        Self {
            params,
            normalization: Normalization::default(),
            peppers: Peppers::none(),
            memory_kib: DEFAULT_MEMORY_KIB,
            concurrency: None,
            patience: DEFAULT_PATIENCE,
            registry: Registry::default(),
            fault: None,
        }
    }

    /// Sets the peppers. Default: none.
    pub fn peppers(mut self, peppers: Peppers) -> Self {
        self.peppers = peppers;
        self
    }

    /// Sets how passwords are brought into their form for new hashes. Default: NFC. Existing hashes keep theirs.
    pub fn normalization(mut self, normalization: Normalization) -> Self {
        self.normalization = normalization;
        self
    }

    /// Sets the memory in KiB that all hashes together may take at a time. Default: 256 MiB. A stored hash that takes more than
    /// that, which is 256 MiB at most, is computed while there is no other.
    pub fn memory_budget(mut self, kib: u32) -> Self {
        self.memory_kib = kib;
        self
    }

    /// Sets how many hashes may be made at a time, if there is the memory for it. Default: as many as there are processors.
    pub fn concurrency(mut self, hashes: NonZeroU32) -> Self {
        self.concurrency = Some(hashes);
        self
    }

    /// Sets how long a request waits for its turn before it is refused. Default: 2 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Adds a scheme for hashes that are stored with `{name}` before them.
    pub fn scheme(mut self, name: &str, scheme: impl ForeignScheme) -> Self {
        if let Err(invalid) = self.registry.add(name, Arc::new(scheme)) {
            self.fault.get_or_insert(invalid);
        }
        self
    }

    /// The hasher.
    ///
    /// # Errors
    ///
    /// When the memory is too little for one hash, when a scheme has a bad or a second name, and when the operating system has
    /// no random bytes.
    pub fn build(self) -> Result<Hasher, InvalidSetting> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let by_memory = self.memory_kib / self.params.memory_kib;
        if by_memory == 0 {
            return Err(InvalidSetting(
                "the memory for hashes is too little for a single one",
            ));
        }
        let processors = || {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            u32::try_from(processors).unwrap_or(u32::MAX)
        };
        let wanted = self.concurrency.map_or_else(processors, NonZeroU32::get);
        let permits = wanted.min(by_memory).min(MAX_PERMITS);
        let target = Target {
            params: self.params,
            form: Form::from(self.normalization),
        };
        Hasher::new(target, self.registry, self.peppers, permits, self.patience)
            .map_err(|_| InvalidSetting("the operating system has no random bytes"))
    }
}
