use std::convert::Infallible;
use std::future::{self, Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use portcullis_layer_core::clock::Clock as _;
use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, PeerAddr, TrustedProxies};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::request_id::RequestId;
use portcullis_layer_core::testing::{ManualClock, Mock, MockError, TestBody, contract};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use super::*;

/// What a test looks at, kept from the record.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    route: Option<String>,
    status: Option<u16>,
    grpc: Option<GrpcCode>,
    outcome: Outcome,
    bytes: u64,
}

impl Seen {
    fn of(record: &Record<'_>) -> Self {
        Self {
            route: record.route.map(str::to_owned),
            status: record.status.map(|status| status.as_u16()),
            grpc: record.grpc_status,
            outcome: record.outcome,
            bytes: record.response_bytes,
        }
    }
}

/// Keeps what it sees and counts what has started.
#[derive(Clone, Debug, Default)]
struct Notes {
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<AtomicUsize>,
}

impl Notes {
    /// The only record there is, after which nothing is open.
    fn only(&self) -> Seen {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert_eq!(seen.len(), 1, "one record for each request: {seen:?}");
        assert_eq!(self.open.load(Ordering::SeqCst), 0);
        seen.into_iter().next().unwrap()
    }

    fn is_empty(&self) -> bool {
        self.seen.lock().unwrap().is_empty()
    }
}

impl Sink for Notes {
    fn started(&self) {
        self.open.fetch_add(1, Ordering::SeqCst);
    }

    fn completed(&self, record: &Record<'_>) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.seen.lock().unwrap().push(Seen::of(record));
    }
}

fn observed(notes: &Notes) -> ObserveLayer<((), Notes)> {
    ObserveLayer::new().sink(notes.clone())
}

fn request() -> Request<TestBody> {
    Request::new(TestBody::empty())
}

fn grpc() -> Request<TestBody> {
    let mut request = request();
    *request.method_mut() = Method::POST;
    let value = HeaderValue::from_static("application/grpc+proto");
    request.headers_mut().insert(CONTENT_TYPE, value);
    request
}

fn trailers(status: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    trailers
}

fn chunk() -> Bytes {
    Bytes::from_static(b"12345")
}

/// Sends `request` to a service that answers what `answer` makes, and reads the body to its end.
async fn exchange(
    request: Request<TestBody>,
    answer: impl Fn() -> Response<TestBody> + Send + Sync + 'static,
) -> Seen {
    let notes = Notes::default();
    let service = observed(&notes).layer(Mock::answering(move |_| answer()));
    let response = service.oneshot(request).await.unwrap();
    // An error of the body is the test's own doing.
    let _seen_by_the_sink = response.into_body().collect().await;
    notes.only()
}

/// Sends `request` and drops the response after `frames` frames.
async fn aborted(
    request: Request<TestBody>,
    frames: usize,
    answer: impl Fn() -> Response<TestBody> + Send + Sync + 'static,
) -> Seen {
    let notes = Notes::default();
    let service = observed(&notes).layer(Mock::answering(move |_| answer()));
    let response = service.oneshot(request).await.unwrap();
    let mut body = Box::pin(response.into_body());
    for _ in 0..frames {
        poll_fn(|cx| body.as_mut().poll_frame(cx))
            .await
            .unwrap()
            .unwrap();
    }
    drop(body);
    notes.only()
}

fn seen(status: u16, outcome: Outcome, bytes: u64) -> Seen {
    Seen {
        route: None,
        status: Some(status),
        grpc: None,
        outcome,
        bytes,
    }
}

fn called(code: GrpcCode, outcome: Outcome, bytes: u64) -> Seen {
    Seen {
        grpc: Some(code),
        ..seen(200, outcome, bytes)
    }
}

#[tokio::test]
async fn layer_keeps_the_contract_of_the_family() {
    contract::is_a_layer::<ObserveLayer<((), Notes)>, Mock>();
    contract::keeps(&observed(&Notes::default()), request).await;
    contract::keeps(&observed(&Notes::default()), grpc).await;
}

#[tokio::test]
async fn whole_response_is_finished_with_all_its_bytes() {
    let whole = exchange(request(), || Response::new(TestBody::sample())).await;
    assert_eq!(whole, seen(200, Outcome::Finished, 11));
    let streamed = exchange(request(), || Response::new(TestBody::sample().unsized_())).await;
    assert_eq!(streamed, seen(200, Outcome::Finished, 11));
    let empty = exchange(request(), || Response::new(TestBody::empty())).await;
    assert_eq!(empty, seen(200, Outcome::Finished, 0));
}

#[tokio::test]
async fn status_of_the_server_is_no_failure_of_the_exchange() {
    let answer = || {
        let mut response = Response::new(TestBody::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    };
    assert_eq!(
        exchange(request(), answer).await,
        seen(500, Outcome::Finished, 0)
    );
}

#[tokio::test]
async fn responses_that_have_no_body_are_finished_without_being_polled() {
    let with = |method: Method, status: u16| async move {
        let mut request = request();
        *request.method_mut() = method;
        // A body that would have to be polled, as a handler gives it that does not look at the method.
        aborted(request, 0, move || {
            let mut response = Response::new(TestBody::sample().unsized_());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        })
        .await
    };
    for (method, status) in [
        (Method::HEAD, 200),
        (Method::GET, 204),
        (Method::GET, 304),
        (Method::GET, 101),
        (Method::CONNECT, 200),
    ] {
        let seen_outcome = with(method.clone(), status).await;
        assert_eq!(
            seen_outcome,
            seen(status, Outcome::Finished, 0),
            "{method} {status}"
        );
    }
    let refused_tunnel = with(Method::CONNECT, 403).await;
    assert_eq!(refused_tunnel, seen(403, Outcome::Cancelled, 0));
    // An empty body is at its end before anybody looks.
    let empty = aborted(request(), 0, || Response::new(TestBody::empty())).await;
    assert_eq!(empty, seen(200, Outcome::Finished, 0));
}

#[tokio::test]
async fn body_that_was_taken_in_full_but_not_polled_to_its_end_is_finished() {
    let streamed = || TestBody::new([chunk(), chunk()]).unsized_();
    let announced = move || {
        let mut response = Response::new(streamed());
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("10"));
        response
    };
    assert_eq!(
        aborted(request(), 2, announced).await,
        seen(200, Outcome::Finished, 10)
    );
    assert_eq!(
        aborted(request(), 1, announced).await,
        seen(200, Outcome::Cancelled, 5)
    );
    let unannounced = move || Response::new(streamed());
    assert_eq!(
        aborted(request(), 2, unannounced).await,
        seen(200, Outcome::Cancelled, 10)
    );
}

#[tokio::test]
async fn record_comes_with_the_last_chunk_and_not_with_the_drop() {
    let notes = Notes::default();
    let service = observed(&notes).layer(Mock::answering(|_| {
        Response::new(TestBody::new([chunk(), chunk()]))
    }));
    let response = service.oneshot(request()).await.unwrap();
    let mut body = pin!(response.into_body());
    poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert!(notes.is_empty());
    poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert_eq!(notes.only(), seen(200, Outcome::Finished, 10));
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn request_that_is_dropped_before_its_answer_is_cancelled() {
    let cancelled = Seen {
        status: None,
        ..seen(0, Outcome::Cancelled, 0)
    };
    let notes = Notes::default();
    let mut service = observed(&notes).layer(Mock::hanging());
    drop(contract::send(&mut service, request()));

    // Polled once.
    {
        let mut future = pin!(contract::send(&mut service, request()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
        assert_eq!(notes.open.load(Ordering::SeqCst), 1);
    }
    assert_eq!(notes.only(), cancelled);

    // Called, never polled.
    poll_fn(|cx| tower::Service::<Request<TestBody>>::poll_ready(&mut service, cx))
        .await
        .unwrap();
    drop(service.call(request()));
    assert_eq!(notes.only(), cancelled);
}

#[tokio::test]
async fn errors_are_failures() {
    let notes = Notes::default();
    let mut service = observed(&notes).layer(Mock::failing());
    assert_eq!(
        contract::send(&mut service, request()).await.err(),
        Some(MockError)
    );
    let failed = Seen {
        status: None,
        ..seen(0, Outcome::Failed, 0)
    };
    assert_eq!(notes.only(), failed);

    let cut = exchange(request(), || {
        Response::new(TestBody::new([chunk()]).then_fail())
    })
    .await;
    assert_eq!(cut, seen(200, Outcome::Failed, 5));
}

#[tokio::test]
async fn what_the_response_says_of_itself_is_believed() {
    let timed_out = |status: StatusCode| {
        exchange(request(), move || {
            let mut response = Response::new(TestBody::empty());
            *response.status_mut() = status;
            response
        })
    };
    for status in [StatusCode::REQUEST_TIMEOUT, StatusCode::GATEWAY_TIMEOUT] {
        assert_eq!(timed_out(status).await.outcome, Outcome::TimedOut);
    }
    let said = exchange(request(), || {
        let mut response = Response::new(TestBody::sample());
        response.extensions_mut().insert(Outcome::Panicked);
        response
    })
    .await;
    assert_eq!(said, seen(200, Outcome::Panicked, 11));
}

#[tokio::test]
async fn grpc_status_is_read_from_trailers() {
    let answer =
        |status| move || Response::new(TestBody::new([chunk()]).with_trailers(trailers(status)));
    let ok = exchange(grpc(), answer("0")).await;
    assert_eq!(ok, called(GrpcCode::Ok, Outcome::Finished, 5));
    let denied = exchange(grpc(), answer("7")).await;
    assert_eq!(
        denied,
        called(GrpcCode::PermissionDenied, Outcome::Finished, 5)
    );
    let late = exchange(grpc(), answer("4")).await;
    assert_eq!(
        late,
        called(GrpcCode::DeadlineExceeded, Outcome::TimedOut, 5)
    );
    for unknown in ["17", "-1", "07", ""] {
        let seen = exchange(grpc(), answer(unknown)).await;
        assert_eq!(
            seen,
            called(GrpcCode::Unknown, Outcome::Finished, 5),
            "{unknown}"
        );
    }
    // hyper drops a body after its trailers without asking for more.
    let dropped = aborted(grpc(), 2, answer("0")).await;
    assert_eq!(dropped, called(GrpcCode::Ok, Outcome::Finished, 5));
}

#[tokio::test]
async fn grpc_status_is_read_from_the_head_of_a_call_that_failed_at_once() {
    let seen = exchange(grpc(), || {
        let mut response = Response::new(TestBody::empty());
        *response.headers_mut() = trailers("5");
        response
    })
    .await;
    assert_eq!(seen, called(GrpcCode::NotFound, Outcome::Finished, 0));
}

#[tokio::test]
async fn grpc_call_without_a_status_is_a_failure() {
    let lost = called(GrpcCode::Unknown, Outcome::Failed, 5);
    let sized = exchange(grpc(), || Response::new(TestBody::new([chunk()]))).await;
    assert_eq!(sized, lost);
    let streamed = exchange(grpc(), || {
        Response::new(TestBody::new([chunk()]).unsized_())
    })
    .await;
    assert_eq!(streamed, lost);
    let empty = exchange(grpc(), || Response::new(TestBody::empty())).await;
    assert_eq!(empty, called(GrpcCode::Unknown, Outcome::Failed, 0));
}

#[tokio::test]
async fn grpc_call_that_is_dropped_before_its_trailers_is_cancelled() {
    let seen = aborted(grpc(), 1, || {
        Response::new(TestBody::new([chunk()]).with_trailers(trailers("0")))
    })
    .await;
    assert_eq!(
        seen,
        Seen {
            grpc: None,
            ..called(GrpcCode::Ok, Outcome::Cancelled, 5)
        }
    );
}

#[tokio::test]
async fn trailers_of_other_requests_are_no_grpc_status() {
    let answer = || Response::new(TestBody::new([chunk()]).with_trailers(trailers("13")));
    assert_eq!(
        exchange(request(), answer).await,
        seen(200, Outcome::Finished, 5)
    );
}

/// Panics when it is polled, as a future and as a body.
struct Panics;

impl Future for Panics {
    type Output = Result<Response<Panics>, Infallible>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        panic!("as the test wants it")
    }
}

impl Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("as the test wants it")
    }
}

fn unwinds(f: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
}

#[test]
fn panics_are_told_from_cancellations_wherever_they_come_from() {
    let notes = Notes::default();
    let panicked = Seen {
        status: None,
        ..seen(0, Outcome::Panicked, 0)
    };
    let mut cx = Context::from_waker(Waker::noop());

    // In `call`.
    let mut service = observed(&notes).layer(service_fn(|_: Request<()>| -> Panics {
        panic!("as the test wants it")
    }));
    unwinds(|| drop(service.call(Request::new(()))));
    assert_eq!(notes.only(), panicked);

    // In the future, which is dropped when the panic has long been caught.
    let mut service = observed(&notes).layer(service_fn(|_: Request<()>| Panics));
    let mut future = Box::pin(service.call(Request::new(())));
    unwinds(|| assert!(future.as_mut().poll(&mut cx).is_pending()));
    assert!(notes.is_empty());
    drop(future);
    assert_eq!(notes.only(), panicked);

    // In the body.
    let mut service = observed(&notes).layer(service_fn(|_: Request<()>| {
        future::ready(Ok::<_, Infallible>(Response::new(Panics)))
    }));
    let future = pin!(service.call(Request::new(())));
    let Poll::Ready(Ok(response)) = future.poll(&mut cx) else {
        panic!("the service answers at once");
    };
    let mut body = Box::pin(response.into_body());
    unwinds(|| assert!(body.as_mut().poll_frame(&mut cx).is_pending()));
    drop(body);
    assert_eq!(notes.only(), seen(200, Outcome::Panicked, 0));

    // Around the service: it is dropped because its task unwinds.
    let mut service = observed(&notes).layer(Mock::hanging());
    unwinds(|| {
        let _future = contract::send(&mut service, request());
        let mut future = pin!(_future);
        assert!(future.as_mut().poll(&mut cx).is_pending());
        panic!("as the test wants it");
    });
    assert_eq!(notes.only(), panicked);
}

#[tokio::test]
async fn durations_are_measured_to_the_head_and_to_the_end() {
    let clock = ManualClock::default();
    let times = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&times);
    let slow = clock.clone();
    let service = ObserveLayer::new()
        .sink_with(move |record| {
            let times = (record.duration, record.time_to_headers, record.ended_at);
            *kept.lock().unwrap() = Some(times);
        })
        .clock(clock.clone())
        .layer(service_fn(move |_: Request<()>| {
            slow.advance(Duration::from_millis(20));
            future::ready(Ok::<_, Infallible>(Response::new(Full::from("slow"))))
        }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    clock.advance(Duration::from_millis(30));
    response.into_body().collect().await.unwrap();
    let expected = (
        Duration::from_millis(50),
        Some(Duration::from_millis(20)),
        Some(clock.system_time()),
    );
    assert_eq!(*times.lock().unwrap(), Some(expected));
}

#[tokio::test]
async fn fields_are_gathered_if_a_sink_asks_for_them() {
    /// Asks for `fields` and checks that it gets those and no others.
    #[derive(Clone, Debug)]
    struct Wants(Fields, Arc<AtomicUsize>);

    impl Sink for Wants {
        fn fields(&self) -> Fields {
            self.0
        }

        fn completed(&self, record: &Record<'_>) {
            let found = [
                (Fields::PATH, record.path == Some("/items/1")),
                (Fields::REQUEST_BYTES, record.request_bytes == Some(7)),
                (Fields::TIME_TO_HEADERS, record.time_to_headers.is_some()),
                (
                    Fields::WALL_TIME,
                    record.ended_at > Some(SystemTime::UNIX_EPOCH),
                ),
                (
                    Fields::CLIENT_IP,
                    record.client_ip == "192.0.2.60".parse::<IpAddr>().ok(),
                ),
                (
                    Fields::REQUEST_ID,
                    record.request_id.is_some_and(|id| id.as_str() == "id-1"),
                ),
                (
                    Fields::USER_AGENT,
                    record.user_agent.is_some_and(|agent| agent == "test/1"),
                ),
                (
                    Fields::SUBJECT,
                    record.subject.and_then(Subject::user) == Some("alice"),
                ),
                (
                    Fields::TRACE,
                    record.trace.is_some_and(|trace| {
                        trace.trace_id() == "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
                            && trace.span_id() == "0b0b0b0b0b0b0b0b"
                    }),
                ),
            ];
            for (field, found) in found {
                assert_eq!(found, self.0.contains(field), "{field:?}");
            }
            assert_eq!(
                (record.method, record.version),
                (&Method::PUT, Version::HTTP_2)
            );
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    let request = || {
        let peer: SocketAddr = "10.0.0.7:4000".parse().unwrap();
        let id = RequestId::new(HeaderValue::from_static("id-1")).unwrap();
        let mut request = Request::put("/items/1?token=secret")
            .version(Version::HTTP_2)
            .header(CONTENT_LENGTH, "7")
            .header(USER_AGENT, "test/1")
            .header("x-forwarded-for", "192.0.2.60")
            .body(())
            .unwrap();
        request.extensions_mut().insert(PeerAddr(peer));
        request.extensions_mut().insert(id);
        let trace = TraceContext::new([10; 16], [11; 8], true).unwrap();
        request.extensions_mut().insert(trace);
        request
    };
    // Authentication is further in, so its subject comes with the response.
    let handler = service_fn(|_: Request<()>| {
        let mut response = Response::new(Full::from("done"));
        let subject = Subject::new().with_user("alice");
        response.extensions_mut().insert(subject);
        future::ready(Ok::<_, Infallible>(response))
    });
    let proxies = TrustedProxies::private_networks();
    // Nothing at all right after everything: what one request knew is not told of the next.
    for fields in [
        Fields::ALL,
        Fields::NONE,
        Fields::PATH,
        Fields::REQUEST_BYTES,
        Fields::TIME_TO_HEADERS,
        Fields::WALL_TIME,
        Fields::CLIENT_IP,
        Fields::REQUEST_ID,
        Fields::USER_AGENT,
        Fields::SUBJECT,
        Fields::TRACE,
        Fields::PATH | Fields::TRACE,
    ] {
        let count = Arc::new(AtomicUsize::new(0));
        let service = ObserveLayer::new()
            .sink(Wants(fields, Arc::clone(&count)))
            .origin(OriginPolicy::new(
                proxies.clone(),
                ForwardedHeaders::XForwarded,
            ))
            .layer(handler);
        let response = service.oneshot(request()).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn sinks_are_told_in_order_and_read_the_same_record() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |name: &'static str| {
        let order = Arc::clone(&order);
        move |record: &Record<'_>| order.lock().unwrap().push((name, record.duration))
    };
    let service = ObserveLayer::new()
        .sink_with(note("first"))
        .sink_with(note("second"))
        .layer(Mock::ok());
    let response = service.oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    let order = order.lock().unwrap();
    let [("first", one), ("second", other)] = order[..] else {
        panic!("{order:?}");
    };
    assert_eq!(one, other);
}

#[tokio::test]
async fn routes_come_from_whoever_knows_best() {
    async fn route(
        layer: &ObserveLayer<((), Notes)>,
        notes: &Notes,
        path: &str,
        extension: Option<&'static str>,
        answer: Option<&'static str>,
    ) -> Option<String> {
        let service = layer.layer(Mock::answering(move |_| {
            let mut response = Response::new(TestBody::empty());
            if let Some(template) = answer {
                response
                    .extensions_mut()
                    .insert(RoutePattern::from_static(template));
            }
            response
        }));
        let mut request = request();
        *request.uri_mut() = path.parse().unwrap();
        if let Some(template) = extension {
            request
                .extensions_mut()
                .insert(RoutePattern::from_static(template));
        }
        service.oneshot(request).await.unwrap();
        notes.only().route
    }

    let notes = Notes::default();
    let bare = observed(&notes);
    assert_eq!(route(&bare, &notes, "/raw/path", None, None).await, None);
    let full = observed(&notes).routes(["/exact"]).route_with(|parts| {
        let path = parts.uri.path();
        path.starts_with("/users/")
            .then_some(RoutePattern::from_static("/users/{id}"))
    });
    let cases = [
        ("/raw/path", None, None, None),
        (
            "/raw/path",
            Some("/from/request"),
            None,
            Some("/from/request"),
        ),
        ("/exact", Some("/from/request"), None, Some("/exact")),
        ("/exact?query", None, None, Some("/exact")),
        ("/users/7", Some("/from/request"), None, Some("/users/{id}")),
        (
            "/users/7",
            None,
            Some("/from/response"),
            Some("/from/response"),
        ),
    ];
    for (path, extension, answer, expected) in cases {
        let found = route(&full, &notes, path, extension, answer).await;
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[cfg(feature = "axum")]
mod axum_routes {
    use axum::Router;
    use axum::body::Body as AxumBody;
    use axum::routing::get;

    use super::*;

    fn router() -> Router {
        let users = Router::new().route("/users/{id}", get(async || "user"));
        Router::new()
            .route("/", get(async || "home"))
            .nest("/api", users)
    }

    const CASES: [(&str, u16, Option<&str>); 4] = [
        ("/", 200, Some("/")),
        ("/api/users/7", 200, Some("/api/users/{id}")),
        ("/api/nothing", 404, None),
        ("/wp-login.php", 404, None),
    ];

    async fn check(service: Router, notes: &Notes) {
        for (path, status, route) in CASES {
            let request = Request::get(path).body(AxumBody::empty()).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap();
            let seen = notes.only();
            assert_eq!(seen.route.as_deref(), route, "{path}");
            assert_eq!(seen.status, Some(status), "{path}");
        }
    }

    #[tokio::test]
    async fn layer_inside_of_the_router_sees_the_matched_path() {
        let notes = Notes::default();
        check(router().layer(observed(&notes)), &notes).await;
    }

    #[tokio::test]
    async fn layer_outside_of_the_router_is_told_by_the_response() {
        let notes = Notes::default();
        let inner = router().layer(MatchedRouteLayer::new());
        let outer = Router::new().fallback_service(observed(&notes).layer(inner));
        check(outer, &notes).await;
    }
}

#[test]
fn trace_of_zeros_is_none() {
    assert_eq!(TraceContext::new([0; 16], [1; 8], true), None);
    assert_eq!(TraceContext::new([1; 16], [0; 8], true), None);
    let trace = TraceContext::new([0xf0; 16], [0x0f; 8], false).unwrap();
    assert_eq!(trace.trace_id(), "f0".repeat(16));
    assert_eq!(trace.span_id(), "0f".repeat(8));
    assert!(!trace.is_sampled());
}

#[test]
fn server_is_blamed_for_its_own_faults_only() {
    let record = |status: u16, outcome| Record {
        status: StatusCode::from_u16(status).ok(),
        ..Record::new(&Method::GET, outcome)
    };
    for (record, expected) in [
        (record(200, Outcome::Finished), false),
        (record(404, Outcome::Finished), false),
        (record(200, Outcome::Cancelled), false),
        (record(408, Outcome::TimedOut), false),
        (record(500, Outcome::Finished), true),
        (record(200, Outcome::Failed), true),
        (record(200, Outcome::Panicked), true),
    ] {
        assert_eq!(record.is_server_error(), expected, "{record:?}");
    }
    for code in GrpcCode::ALL {
        let record = Record {
            grpc_status: Some(code),
            ..record(200, Outcome::Finished)
        };
        let expected = matches!(code as u8, 2 | 4 | 12 | 13 | 14 | 15);
        assert_eq!(record.is_server_error(), expected, "{code:?}");
    }
}

#[test]
fn content_length_is_one_number_or_nothing() {
    let of = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static(value));
        policy::content_length(&headers)
    };
    assert_eq!(policy::content_length(&HeaderMap::new()), None);
    assert_eq!(of("0"), Some(0));
    assert_eq!(of("18446744073709551615"), Some(u64::MAX));
    for wrong in ["", "+1", "-1", "1,1", " 1", "18446744073709551616", "x"] {
        assert_eq!(of(wrong), None, "{wrong:?}");
    }
}
