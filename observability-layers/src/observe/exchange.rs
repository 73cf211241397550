//! One request on its way, and the guard that makes its record however it ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::header::USER_AGENT;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, Version, request};
use portcullis_layer_core::clock::Clock;
use portcullis_layer_core::request_id::RequestId;

use super::layer::Settings;
use super::policy::{Progress, content_length};
use super::{Fields, Outcome, Record, RoutePattern, Sink, Subject, TraceContext};

/// What the exchanges of one layer share. Behind one pointer, so that futures and bodies do not
/// carry the types of the sinks and the clock.
pub(super) struct Observer<W: ?Sized = dyn Watch> {
    pub(super) settings: Settings,
    /// What the sinks want, all together.
    pub(super) fields: Fields,
    pub(super) watch: W,
}

pub(super) trait Watch: Send + Sync {
    fn started(&self) -> Instant;
    fn now(&self) -> Instant;
    fn system_time(&self) -> SystemTime;
    fn completed(&self, record: &Record<'_>);
}

pub(super) struct Watcher<K, C> {
    pub(super) sink: K,
    pub(super) clock: C,
}

impl<K: Sink, C: Clock> Watch for Watcher<K, C> {
    fn started(&self) -> Instant {
        self.sink.started();
        self.clock.now()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn system_time(&self) -> SystemTime {
        self.clock.system_time()
    }

    fn completed(&self, record: &Record<'_>) {
        self.sink.completed(record);
    }
}

/// Makes the record when it is dropped: there is no way to lose one, and none to make two.
pub(super) struct Exchange {
    observer: Arc<Observer>,
    started: Instant,
    progress: Progress,
    /// `None` until the end has been seen.
    outcome: Option<Outcome>,
    /// The service or the body is running. Still so in `drop` means that it panicked, also where
    /// somebody has caught the panic by then.
    running: bool,
    method: Method,
    version: Version,
    route: Option<RoutePattern>,
    path: Option<PathAndQuery>,
    request_bytes: Option<u64>,
    time_to_headers: Option<Duration>,
    client_ip: Option<IpAddr>,
    request_id: Option<RequestId>,
    user_agent: Option<HeaderValue>,
    subject: Option<Subject>,
    trace: Option<TraceContext>,
}

impl Exchange {
    pub(super) fn start(observer: &Arc<Observer>, request: &request::Parts) -> Self {
        let started = observer.watch.started();
        let Observer {
            settings, fields, ..
        } = &**observer;
        let wanted = |field| fields.contains(field).then_some(request);
        Self {
            started,
            progress: Progress::new(request),
            outcome: None,
            running: false,
            method: request.method.clone(),
            version: request.version,
            route: settings.route(request),
            path: wanted(Fields::PATH).and_then(|request| request.uri.path_and_query().cloned()),
            request_bytes: wanted(Fields::REQUEST_BYTES)
                .and_then(|request| content_length(&request.headers)),
            time_to_headers: None,
            client_ip: wanted(Fields::CLIENT_IP)
                .and_then(|request| settings.origin.client_ip(request)),
            request_id: wanted(Fields::REQUEST_ID)
                .and_then(|request| request.extensions.get().cloned()),
            user_agent: wanted(Fields::USER_AGENT)
                .and_then(|request| request.headers.get(USER_AGENT).cloned()),
            subject: wanted(Fields::SUBJECT).and_then(|request| request.extensions.get().cloned()),
            trace: wanted(Fields::TRACE).and_then(|request| request.extensions.get().copied()),
            observer: Arc::clone(observer),
        }
    }

    /// Runs `f`, and remembers if it does not come back.
    pub(super) fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        self.running = true;
        let result = f();
        self.running = false;
        result
    }

    /// The head of the response came, with a body whose length is `exact`, if it knows.
    pub(super) fn answered<B>(&mut self, response: &Response<B>, exact: Option<u64>) {
        let fields = self.observer.fields;
        if fields.contains(Fields::TIME_TO_HEADERS) {
            self.time_to_headers = Some(self.elapsed());
        }
        let extensions = response.extensions();
        if !extensions.is_empty() {
            if let Some(route) = extensions.get::<RoutePattern>() {
                self.route = Some(route.clone());
            }
            if fields.contains(Fields::SUBJECT)
                && let Some(subject) = extensions.get::<Subject>()
            {
                self.subject = Some(subject.clone());
            }
            if fields.contains(Fields::TRACE)
                && let Some(trace) = extensions.get::<TraceContext>()
            {
                self.trace = Some(*trace);
            }
        }
        self.progress
            .answered(response.status(), response.headers(), extensions, exact);
    }

    pub(super) fn has_body(&self) -> bool {
        self.progress.has_body()
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.progress.sent(bytes as u64);
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        self.progress.trailers(trailers);
    }

    /// The response is complete.
    pub(super) fn end(mut self) {
        self.outcome = Some(self.progress.ended());
    }

    /// The service or the body gave an error.
    pub(super) fn fail(mut self) {
        self.outcome = Some(self.progress.failed());
    }

    fn elapsed(&self) -> Duration {
        let now = self.observer.watch.now();
        now.saturating_duration_since(self.started)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let outcome = match self.outcome {
            Some(outcome) => outcome,
            None => self.progress.dropped(self.running || thread::panicking()),
        };
        let watch = &self.observer.watch;
        let wall = self.observer.fields.contains(Fields::WALL_TIME);
        watch.completed(&Record {
            method: &self.method,
            version: self.version,
            route: self.route.as_ref().map(RoutePattern::as_str),
            path: self.path.as_ref().map(PathAndQuery::path),
            status: self.progress.status(),
            grpc_status: self.progress.grpc_status(),
            outcome,
            request_bytes: self.request_bytes,
            response_bytes: self.progress.bytes(),
            duration: self.elapsed(),
            time_to_headers: self.time_to_headers,
            ended_at: wall.then(|| watch.system_time()),
            client_ip: self.client_ip,
            request_id: self.request_id.as_ref(),
            user_agent: self.user_agent.as_ref(),
            subject: self.subject.as_ref(),
            trace: self.trace.as_ref(),
        });
    }
}
