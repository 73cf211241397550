//! One request on its way, and the guard that makes its record however it ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use http::header::USER_AGENT;
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response};
use portcullis_layer_core::clock::Clock;

use super::layer::Settings;
use super::policy::{Progress, content_length};
use super::state::Loan;
use super::{Fields, Record, RoutePattern, Sink, Subject, TraceContext};

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
///
/// Small, because futures and bodies are moved many times on their way out.
pub(super) struct Exchange {
    observer: Arc<Observer>,
    state: Loan,
}

impl Exchange {
    pub(super) fn start<B>(observer: &Arc<Observer>, request: &Request<B>) -> Self {
        let started = observer.watch.started();
        let mut exchange = Self {
            observer: Arc::clone(observer),
            state: Loan::new(started),
        };
        let Observer {
            settings, fields, ..
        } = &**observer;
        let state = &mut *exchange.state;
        state.progress = Progress::new(request);
        state.method = request.method().clone();
        state.version = request.version();

        let (headers, extensions) = (request.headers(), request.extensions());
        if fields.contains(Fields::REQUEST_BYTES) {
            state.request_bytes = content_length(headers);
        }
        if fields.contains(Fields::TRACE) {
            state.trace = extensions.get().copied();
        }
        if fields.contains(Fields::CLIENT_IP) {
            state.client_ip = settings.origin.client_ip(request);
        }
        if fields.contains(Fields::PATH) {
            state.path = request.uri().path_and_query().cloned();
        }
        if fields.contains(Fields::REQUEST_ID) {
            state.request_id = extensions.get().cloned();
        }
        if fields.contains(Fields::USER_AGENT) {
            state.user_agent = headers.get(USER_AGENT).cloned();
        }
        if fields.contains(Fields::SUBJECT) {
            state.subject = extensions.get().cloned();
        }
        exchange
    }

    /// The route that is known when the request comes in.
    pub(super) fn route(&mut self, route: Option<RoutePattern>) {
        self.state.route = route;
    }

    /// Runs `f`, and remembers if it does not come back.
    pub(super) fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        self.state.running = true;
        let result = f();
        self.state.running = false;
        result
    }

    /// The head of the response came, with a body whose length is `exact`, if it knows.
    pub(super) fn answered<B>(&mut self, response: &Response<B>, exact: Option<u64>) {
        let fields = self.observer.fields;
        if fields.contains(Fields::TIME_TO_HEADERS) {
            self.state.time_to_headers = Some(self.elapsed());
        }
        let state = &mut *self.state;
        let extensions = response.extensions();
        if !extensions.is_empty() {
            if let Some(route) = extensions.get::<RoutePattern>() {
                state.route = Some(route.clone());
            }
            if fields.contains(Fields::SUBJECT)
                && let Some(subject) = extensions.get::<Subject>()
            {
                state.subject = Some(subject.clone());
            }
            if fields.contains(Fields::TRACE)
                && let Some(trace) = extensions.get::<TraceContext>()
            {
                state.trace = Some(*trace);
            }
        }
        state
            .progress
            .answered(response.status(), response.headers(), extensions, exact);
    }

    pub(super) fn has_body(&self) -> bool {
        self.state.progress.has_body()
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.state.progress.sent(bytes as u64);
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        self.state.progress.trailers(trailers);
    }

    /// The response is complete.
    pub(super) fn end(mut self) {
        let state = &mut *self.state;
        state.outcome = Some(state.progress.ended());
    }

    /// The service or the body gave an error.
    pub(super) fn fail(mut self) {
        let state = &mut *self.state;
        state.outcome = Some(state.progress.failed());
    }

    fn elapsed(&self) -> Duration {
        let now = self.observer.watch.now();
        now.saturating_duration_since(self.state.started)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let duration = self.elapsed();
        let watch = &self.observer.watch;
        let wall = self.observer.fields.contains(Fields::WALL_TIME);
        let state = &mut *self.state;
        let outcome = match state.outcome {
            Some(outcome) => outcome,
            None => state.progress.dropped(state.running || thread::panicking()),
        };
        watch.completed(&Record {
            method: &state.method,
            version: state.version,
            route: state.route.as_ref().map(RoutePattern::as_str),
            path: state.path.as_ref().map(PathAndQuery::path),
            status: state.progress.status(),
            grpc_status: state.progress.grpc_status(),
            outcome,
            request_bytes: state.request_bytes,
            response_bytes: state.progress.bytes(),
            duration,
            time_to_headers: state.time_to_headers,
            ended_at: wall.then(|| watch.system_time()),
            client_ip: state.client_ip,
            request_id: state.request_id.as_ref(),
            user_agent: state.user_agent.as_ref(),
            subject: state.subject.as_ref(),
            trace: state.trace.as_ref(),
        });
    }
}
