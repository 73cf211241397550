//! The probes over HTTP.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use portcullis_layer_core::endpoint::{Endpoint, is_read, method_not_allowed};
use portcullis_layer_core::refusal::Caller;

use super::Health;
use super::status::{Group, Status};
use crate::path::{self, InvalidPath};

/// The probes that [`HealthEndpoint`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Probe {
    /// [`Snapshot::overall`](super::Snapshot::overall), for whoever asks only one question: `/health`.
    Health,
    /// [`Group::Liveness`]: `/live`.
    Live,
    /// [`Group::Readiness`]: `/ready`.
    Ready,
    /// [`Group::Startup`]: `/startup`.
    Startup,
}

/// Answers the probes: 200 for `pass` and `warn`, 503 for `fail`, and nothing but that word in the body.
///
/// See the [module docs](super) for an example.
#[derive(Clone, Debug)]
pub struct HealthEndpoint {
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    health: Health,
    paths: [(Probe, Cow<'static, str>); 4],
}

impl HealthEndpoint {
    /// Answers `/health`, `/live`, `/ready` and `/startup`.
    pub fn new(health: Health) -> Self {
        let paths = [
            (Probe::Live, Cow::Borrowed("/live")),
            (Probe::Ready, Cow::Borrowed("/ready")),
            (Probe::Health, Cow::Borrowed("/health")),
            (Probe::Startup, Cow::Borrowed("/startup")),
        ];
        let shared = Arc::new(Shared { health, paths });
        Self { shared }
    }

    /// Answers `probe` at another path.
    ///
    /// # Errors
    ///
    /// If `path` does not start with a slash, holds what a path cannot, or is another probe's.
    pub fn path(
        mut self,
        probe: Probe,
        path: impl Into<Cow<'static, str>>,
    ) -> Result<Self, InvalidPath> {
        let path = path::parse(path.into())?;
        let taken = |(other, theirs): &(Probe, _)| *other != probe && *theirs == path;
        if self.shared.paths.iter().any(taken) {
            return Err(InvalidPath::new(path));
        }
        let shared = Arc::make_mut(&mut self.shared);
        for (own, old) in &mut shared.paths {
            if *own == probe {
                *old = path;
                break;
            }
        }
        Ok(self)
    }

    fn probe(&self, path: &str) -> Option<Probe> {
        let mut paths = self.shared.paths.iter();
        paths.find(|(_, own)| own == path).map(|(probe, _)| *probe)
    }
}

impl<B> Endpoint<B> for HealthEndpoint {
    type Future = Ready<Response<Bytes>>;

    fn owns(&self, path: &str) -> bool {
        self.probe(path).is_some()
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        if !is_read(request.method()) {
            return ready(method_not_allowed("GET, HEAD", &Caller::of(&request)));
        }
        let answers = self.shared.health.registry.answers();
        let status = match self.probe(request.uri().path()) {
            Some(Probe::Live) => answers.status(Group::Liveness),
            Some(Probe::Ready) => answers.status(Group::Readiness),
            Some(Probe::Startup) => answers.status(Group::Startup),
            Some(Probe::Health) | None => answers.overall(),
        };
        let body = match status {
            Status::Pass => r#"{"status":"pass"}"#,
            Status::Warn => r#"{"status":"warn"}"#,
            Status::Fail => r#"{"status":"fail"}"#,
        };
        ready(respond(status, Bytes::from_static(body.as_bytes())))
    }
}

/// Answers one path with [`Snapshot::detail`](super::Snapshot::detail). For the admin listener only.
#[derive(Clone, Debug)]
pub struct HealthDetail {
    health: Health,
}

impl HealthDetail {
    /// Answers `/health` with everything that is known.
    pub const fn new(health: Health) -> Self {
        Self { health }
    }
}

impl<B> Endpoint<B> for HealthDetail {
    type Future = Ready<Response<Bytes>>;

    fn owns(&self, path: &str) -> bool {
        path == "/health"
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        if !is_read(request.method()) {
            return ready(method_not_allowed("GET, HEAD", &Caller::of(&request)));
        }
        let snapshot = self.health.snapshot();
        ready(respond(snapshot.overall(), snapshot.detail().into()))
    }
}

fn respond(status: Status, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    if status == Status::Fail {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
