//! The parts that are the admin listener's own.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use portcullis_layer_core::endpoint::{Endpoint, is_read, method_not_allowed};
use portcullis_layer_core::refusal::{Caller, Refusal};
use portcullis_layer_core::request_id::RequestId;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::health::DrainSwitch;

/// Answers `/drain`: GET tells whether the service is draining, PUT and POST drain it, DELETE ends that.
#[derive(Clone, Debug)]
pub struct Drain {
    switch: DrainSwitch,
}

impl Drain {
    /// Turns `switch`.
    pub const fn new(switch: DrainSwitch) -> Self {
        Self { switch }
    }
}

impl<B> Endpoint<B> for Drain {
    type Future = Ready<Response<Bytes>>;

    fn owns(&self, path: &str) -> bool {
        path == "/drain"
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        let caller = Caller::of(&request);
        match *request.method() {
            Method::PUT | Method::POST => {
                self.switch.drain();
                audit("drain", &caller);
            }
            Method::DELETE => {
                self.switch.resume();
                audit("resume", &caller);
            }
            Method::GET | Method::HEAD => {}
            _ => return ready(method_not_allowed("GET, HEAD, PUT, POST, DELETE", &caller)),
        }
        ready(respond(&json!({ "draining": self.switch.is_draining() })))
    }
}

/// Answers `/build` with names and values, as JSON.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    json: Value,
}

impl BuildInfo {
    /// Shows `info`: version, commit, target. Nothing secret: it is for everyone who reaches the listener.
    pub fn new<N, V>(info: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let text = |(name, value): (N, V)| (name.into(), Value::String(value.into()));
        let info: Map<_, _> = info.into_iter().map(text).collect();
        let json = Value::Object(info);
        Self { json }
    }
}

impl<B> Endpoint<B> for BuildInfo {
    type Future = Ready<Response<Bytes>>;

    fn owns(&self, path: &str) -> bool {
        path == "/build"
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        if !is_read(request.method()) {
            return ready(method_not_allowed("GET, HEAD", &Caller::of(&request)));
        }
        ready(respond(&self.json))
    }
}

/// Answers `/log-level`: GET tells the filter, PUT sets it to the text of the body.
///
/// With `tracing-subscriber`, whose types stay out of here:
///
/// ```text
/// let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
/// let current = handle.clone();
/// LogLevel::new(
///     move || current.with_current(ToString::to_string).unwrap_or_default(),
///     move |text| handle.reload(EnvFilter::try_new(text)?),
/// )
/// ```
#[derive(Clone)]
pub struct LogLevel {
    current: Arc<Current>,
    set: Arc<Set>,
}

type Current = dyn Fn() -> String + Send + Sync;
type Set = dyn Fn(&str) -> Result<(), String> + Send + Sync;

// A filter names modules and spans; this is room for a hundred of them.
const MAX_FILTER: usize = 4 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

impl LogLevel {
    /// Reads the filter with `current` and changes it with `set`, whose error is shown to the operator.
    ///
    /// The body may have 4 KiB and take 10 seconds.
    pub fn new<E: fmt::Display>(
        current: impl Fn() -> String + Send + Sync + 'static,
        set: impl Fn(&str) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        Self {
            current: Arc::new(current),
            set: Arc::new(move |filter| set(filter).map_err(|error| error.to_string())),
        }
    }

    async fn change<B: Body>(self, body: B, caller: Caller) -> Response<Bytes> {
        let filter = match timeout(PATIENCE, read(body)).await {
            Ok(Ok(filter)) => filter,
            Ok(Err(refusal)) => return refusal.into_response(&caller),
            Err(_) => {
                return Refusal::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "urn:problem-type:portcullis:body-too-slow",
                    "the body took too long to arrive",
                )
                .into_response(&caller);
            }
        };
        let filter = filter.trim();
        if filter.is_empty() {
            return invalid("the body is empty".to_owned()).into_response(&caller);
        }
        if let Err(error) = (self.set)(filter) {
            return invalid(error).into_response(&caller);
        }
        audit("log-level", &caller);
        self.show()
    }

    fn show(&self) -> Response<Bytes> {
        respond(&json!({ "filter": (self.current)() }))
    }
}

async fn read<B: Body>(body: B) -> Result<String, Refusal> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "urn:problem-type:portcullis:body-incomplete",
                "the body ended before its end",
            ));
        };
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.remaining() > MAX_FILTER {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "urn:problem-type:portcullis:body-too-large",
                "the body is larger than a filter may be",
            ));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            data.advance(chunk.len());
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid("the body is not text".to_owned()))
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "urn:problem-type:portcullis:invalid-log-filter",
        "this is no log filter",
    )
    .detail(detail)
}

impl<B> Endpoint<B> for LogLevel
where
    B: Body<Data: Send> + Send + 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

    fn owns(&self, path: &str) -> bool {
        path == "/log-level"
    }

    fn answer(&self, request: Request<B>) -> Self::Future {
        let caller = Caller::of(&request);
        match *request.method() {
            Method::GET | Method::HEAD => Box::pin(ready(self.show())),
            Method::PUT => Box::pin(self.clone().change(request.into_body(), caller)),
            _ => Box::pin(ready(method_not_allowed("GET, HEAD, PUT", &caller))),
        }
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLevel").finish_non_exhaustive()
    }
}

fn respond(json: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(json.to_string()));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn audit(action: &'static str, caller: &Caller) {
    tracing::info!(
        target: "portcullis::audit",
        event = "authz_admin",
        outcome = "success",
        action,
        request_id = caller.request_id().map(RequestId::as_str),
    );
}
