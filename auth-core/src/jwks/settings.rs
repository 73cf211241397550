use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::client::Jwks;
use super::endpoint::Endpoint;
use super::fetch::Fetch;
use super::freshness::{LONGEST, SHORTEST};
use super::schedule::Limits;
use crate::audit::{AuditSink, TracingSink};
use crate::id::SubjectId;
use crate::jwt::Algorithms;
use crate::time::{Clock, SystemClock};

/// The settings of a [`Jwks`]. Started by [`Jwks::discover`] and [`Jwks::at`].
#[derive(Clone, Debug)]
#[must_use = "settings are checked when they are started"]
pub struct JwksSettings {
    pub(super) issuer: Box<str>,
    pub(super) location: Location,
    pub(super) fetch: Arc<dyn Fetch>,
    pub(super) algorithms: Algorithms,
    pub(super) lifetime: Duration,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) audit: Arc<dyn AuditSink>,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug)]
pub(super) enum Location {
    At(Endpoint),
    /// Where the document of the issuer says.
    Discovered(Endpoint),
}

impl JwksSettings {
    pub(super) fn new(issuer: &str, location: Location, fetch: impl Fetch) -> Self {
        Self {
            issuer: issuer.into(),
            location,
            fetch: Arc::new(fetch),
            algorithms: Algorithms::common(),
            lifetime: Duration::from_secs(600),
            limits: Limits {
                max_stale: Duration::from_secs(24 * 60 * 60),
                cooldown: Duration::from_secs(30),
            },
            clock: Arc::new(SystemClock),
            audit: Arc::new(TracingSink),
        }
    }

    /// What the issuer signs with; keys for anything else are skipped. Default: [`Algorithms::common`]. Shared secrets are
    /// never taken from a document.
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// For how long keys are fresh whose server does not say: from 60 seconds to 24 hours. Default: 10 minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// For how long keys are used that are not fresh any more, while the issuer does not answer: 24 hours at most, which is
    /// the default.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.limits.max_stale = max_stale;
        self
    }

    /// For how long no token makes us ask again, after one with an unknown key did: from 1 second to 10 minutes.
    /// Default: 30 seconds.
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.limits.cooldown = cooldown;
        self
    }

    /// Where the time comes from at which keys were read. The default is the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where events go. The default is [`TracingSink`].
    pub fn audit(mut self, sink: impl AuditSink) -> Self {
        self.audit = Arc::new(sink);
        self
    }

    /// Starts to read the keys, in a task of the runtime that it is called in.
    ///
    /// # Errors
    ///
    /// When it is not called within a runtime of tokio (whose timer must be on); when a duration is out of its bounds; when
    /// the issuer's name is empty, has more than 255 bytes or control characters; and when keys are to be discovered of an
    /// issuer with a query.
    pub fn start(self) -> Result<Jwks, JwksError> {
        let runtime = Handle::try_current()
            .map_err(|_| JwksError("keys are read in a runtime of tokio, and there is none"))?;
        if !(SHORTEST..=LONGEST).contains(&self.lifetime) {
            return Err(JwksError("keys are fresh for a minute to a day"));
        }
        if self.limits.max_stale > LONGEST {
            return Err(JwksError("stale keys are used for a day at most"));
        }
        let cooldown = Duration::from_secs(1)..=Duration::from_secs(600);
        if !cooldown.contains(&self.limits.cooldown) {
            return Err(JwksError("a cooldown takes a second to 10 minutes"));
        }
        if matches!(self.location, Location::Discovered(_)) && self.issuer.contains('?') {
            return Err(JwksError("an issuer has no query"));
        }
        let subject: SubjectId = self
            .issuer
            .parse()
            .map_err(|_| JwksError("the name of an issuer is a text of 1 to 255 bytes"))?;
        Ok(Jwks::start(self, subject, &runtime))
    }
}

/// Settings that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwksError(&'static str);

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for JwksError {}
