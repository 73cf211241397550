use std::borrow::Cow;
use std::io::{self, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "redact")]
use portcullis_secrets::redact::Redactor;

use super::line::Policy;
use super::queue::Queue;
use super::{AccessLog, FlushGuard};

/// The settings of an access log. Made by [`AccessLog::builder`].
#[derive(Debug)]
#[must_use = "there is no log until it is started"]
pub struct AccessLogBuilder {
    policy: Policy,
    capacity: NonZeroUsize,
}

impl AccessLogBuilder {
    pub(super) fn new(service: &str) -> Self {
        const MIB: NonZeroUsize = NonZeroUsize::new(1 << 20).expect("it is not zero");
        Self {
            policy: Policy::new(service),
            capacity: MIB,
        }
    }

    /// Requests that take this long are logged at `WARN`, and always.
    pub fn slow(mut self, duration: Duration) -> Self {
        self.policy.slow = Some(duration);
        self
    }

    /// Logs one in `n` of the ordinary requests: those that would be logged at `INFO`. The others
    /// are always logged.
    pub fn sample_one_in(mut self, n: NonZeroU32) -> Self {
        self.policy.one_in = n;
        self
    }

    /// Logs the path, without its query. Paths may name people and hold tokens, so it is off.
    pub fn path(mut self) -> Self {
        self.policy.path = true;
        self
    }

    /// Takes out of the values that come from outside what looks like a secret, and what `redactor`
    /// knows to be one. See [`redact_with`](Self::redact_with), which this uses.
    ///
    /// A line without secrets costs no allocation.
    #[cfg(feature = "redact")]
    pub fn redact(self, redactor: Redactor) -> Self {
        self.redact_with(move |text| redactor.redact(text))
    }

    /// Passes the values that come from outside through `redact`: `request_id`, `user`, `tenant`,
    /// `method`, `path` and `user_agent`. It runs during the request, and must not panic.
    pub fn redact_with<F>(mut self, redact: F) -> Self
    where
        F: for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static,
    {
        self.policy.redact = Some(Arc::new(redact));
        self
    }

    /// How many bytes of lines may wait for the output, 1 MiB if not set. It takes twice as much
    /// memory, because what is being written is not waiting any more.
    pub fn queue_bytes(mut self, capacity: NonZeroUsize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Starts a thread that writes to `output`: whole lines, as many at once as there are, with a
    /// flush after them.
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or not the memory for the [queue](Self::queue_bytes).
    pub fn start<W>(self, output: W) -> io::Result<(AccessLog, FlushGuard)>
    where
        W: Write + Send + 'static,
    {
        let (queue, guard) = Queue::start(self.capacity, output)?;
        Ok((AccessLog::new(self.policy, queue), guard))
    }

    /// Starts a thread that gives the lines to `write`, one or more of them at once.
    ///
    /// # Errors
    ///
    /// If the system gives no thread, or not the memory for the [queue](Self::queue_bytes).
    pub fn start_with<F>(self, write: F) -> io::Result<(AccessLog, FlushGuard)>
    where
        F: FnMut(&[u8]) -> io::Result<()> + Send + 'static,
    {
        self.start(WriteFn(write))
    }
}

struct WriteFn<F>(F);

impl<F: FnMut(&[u8]) -> io::Result<()>> Write for WriteFn<F> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        (self.0)(lines)?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
