use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{self, Future, Ready};
use std::io::{ErrorKind, Write as _};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use portcullis_layer_core::endpoint::EndpointService;
use portcullis_layer_core::testing::{ManualClock, Mock, TestBody, contract};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelValue, LabelValueEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::*;
use crate::observe::{RoutePattern, TraceContext};

fn request(method: Method, path: &str) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request
}

/// Answers `/slow` after 30 ms, `/missing` with 404 and all else at once, with eleven bytes.
fn service(
    metrics: &Metrics,
) -> impl Service<
    Request<TestBody>,
    Response = Response<impl http_body::Body<Data = Bytes>>,
    Error = Infallible,
> + Clone {
    let clock = ManualClock::default();
    let hands = clock.clone();
    let handler = move |request: Request<TestBody>| -> Ready<Result<_, Infallible>> {
        let path = request.uri().path();
        let mut response = Response::new(TestBody::sample());
        if path == "/slow" {
            hands.advance(Duration::from_millis(30));
        }
        if path == "/missing" {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        if path == "/pkg.Greeter/Hello" {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("14"));
            *response.body_mut() = TestBody::new([]).with_trailers(trailers);
        }
        future::ready(Ok(response))
    };
    metrics
        .layer()
        .routes(["/", "/slow", "/pkg.Greeter/Hello"])
        .clock(clock)
        .layer(service_fn(handler))
}

async fn send(metrics: &Metrics, request: Request<TestBody>) {
    let response = service(metrics).oneshot(request).await.unwrap();
    assert!(response.into_body().collect().await.is_ok());
}

/// One request of each kind that makes a difference to the exposition.
async fn sample() -> Metrics {
    let metrics = Metrics::new();
    let labels = [("version", "1.2.3"), ("revision", "a \"b\" \\ c")];
    metrics.build_info(labels).unwrap();
    let mut upload = request(Method::POST, "/");
    let length = HeaderValue::from_static("2000");
    upload.headers_mut().insert(CONTENT_LENGTH, length);
    let mut call = request(Method::POST, "/pkg.Greeter/Hello");
    let grpc = HeaderValue::from_static("application/grpc");
    call.headers_mut().insert(CONTENT_TYPE, grpc);
    let mut traced = request(Method::GET, "/slow");
    traced
        .extensions_mut()
        .insert(TraceContext::new([0xab; 16], [0xcd; 8], true).unwrap());
    let brewing = Method::from_bytes(b"BREW").unwrap();
    for request in [
        request(Method::GET, "/"),
        request(Method::GET, "/"),
        upload,
        call,
        traced,
        request(brewing, "/missing?why"),
    ] {
        send(&metrics, request).await;
    }
    drop(service(&metrics).call(request(Method::GET, "/")));
    metrics
}

/// The lines that are the same in each run.
fn stable(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("process_"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn exposition_is_as_written_here() {
    let text = stable(&sample().await.encode(Format::Text));
    for family in [
        "# HELP http_requests_in_flight Requests that were received and whose responses are not complete.
# TYPE http_requests_in_flight gauge
http_requests_in_flight 0
# HELP http_requests_total Requests whose responses are complete or given up.
# TYPE http_requests_total counter
http_requests_total{method=\"GET\",route=\"/\",status=\"200\"} 2
http_requests_total{method=\"POST\",route=\"/\",status=\"200\"} 1
http_requests_total{method=\"POST\",route=\"/pkg.Greeter/Hello\",status=\"200\",grpc_status=\"14\"} 1
http_requests_total{method=\"GET\",route=\"/slow\",status=\"200\"} 1
http_requests_total{method=\"_OTHER\",route=\"_unmatched\",status=\"404\"} 1
http_requests_total{method=\"GET\",route=\"/\",status=\"cancelled\"} 1
# HELP http_request_duration_seconds ",
        "
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.005\"} 0
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.01\"} 0
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.025\"} 0
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.05\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.075\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.1\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.25\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.5\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"0.75\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"1.0\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"2.5\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"5.0\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"7.5\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"10.0\"} 1
http_request_duration_seconds_bucket{method=\"GET\",route=\"/slow\",status=\"200\",le=\"+Inf\"} 1
http_request_duration_seconds_sum{method=\"GET\",route=\"/slow\",status=\"200\"} 0.03
http_request_duration_seconds_count{method=\"GET\",route=\"/slow\",status=\"200\"} 1
",
        "
# HELP http_request_size_bytes Length of request bodies, of those that announced one.
# TYPE http_request_size_bytes histogram
http_request_size_bytes_bucket{method=\"POST\",route=\"/\",status=\"200\",le=\"1000.0\"} 0
http_request_size_bytes_bucket{method=\"POST\",route=\"/\",status=\"200\",le=\"10000.0\"} 1
http_request_size_bytes_bucket{method=\"POST\",route=\"/\",status=\"200\",le=\"100000.0\"} 1
http_request_size_bytes_bucket{method=\"POST\",route=\"/\",status=\"200\",le=\"1000000.0\"} 1
http_request_size_bytes_bucket{method=\"POST\",route=\"/\",status=\"200\",le=\"10000000.0\"} 1
http_request_size_bytes_bucket{method=\"POST\",route=\"/\",status=\"200\",le=\"+Inf\"} 1
http_request_size_bytes_sum{method=\"POST\",route=\"/\",status=\"200\"} 2000.0
http_request_size_bytes_count{method=\"POST\",route=\"/\",status=\"200\"} 1
# HELP http_response_size_bytes ",
        "
http_response_size_bytes_sum{method=\"GET\",route=\"/\",status=\"200\"} 22.0
http_response_size_bytes_count{method=\"GET\",route=\"/\",status=\"200\"} 2
",
        "
# HELP http_requests_unfinished_total Requests that did not come to a regular end, by outcome.
# TYPE http_requests_unfinished_total counter
http_requests_unfinished_total{outcome=\"failed\"} 0
http_requests_unfinished_total{outcome=\"cancelled\"} 1
http_requests_unfinished_total{outcome=\"timed_out\"} 0
http_requests_unfinished_total{outcome=\"panicked\"} 0
# HELP http_metrics_overflow_total Requests counted under the route _other because all series were in use.
# TYPE http_metrics_overflow_total counter
http_metrics_overflow_total 0
# HELP build_info What is running; the value is always 1.
# TYPE build_info gauge
build_info{version=\"1.2.3\",revision=\"a \\\"b\\\" \\\\ c\"} 1
",
    ] {
        assert!(text.contains(family), "{family}\nis not in\n{text}");
    }
    assert!(!text.contains("# {") && !text.contains("# EOF"));
}

#[tokio::test]
async fn open_metrics_have_units_exemplars_and_an_end() {
    let text = sample().await.encode(Format::OpenMetrics);
    for line in [
        "# TYPE http_requests counter\n",
        "# UNIT http_request_duration_seconds seconds\n",
        "status=\"200\",le=\"0.05\"} 1 # {trace_id=\"abababababababababababababababab\",span_id=\"cdcdcdcdcdcdcdcd\"} 0.03\n",
        "# TYPE build info\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert_eq!(text.matches("# {trace_id").count(), 1);
    assert!(text.ends_with("\n# EOF\n"));
}

#[tokio::test]
async fn trace_that_is_not_recorded_is_no_exemplar() {
    let metrics = Metrics::new();
    let mut request = request(Method::GET, "/");
    let trace = TraceContext::new([1; 16], [1; 8], false).unwrap();
    request.extensions_mut().insert(trace);
    send(&metrics, request).await;
    assert!(!metrics.encode(Format::OpenMetrics).contains("trace_id"));
}

/// Samples by name and labels, and the lines about families, in any order.
fn parsed(text: &str) -> (BTreeMap<&str, f64>, Vec<&str>) {
    let (mut samples, mut families) = (BTreeMap::new(), Vec::new());
    for line in stable_lines(text) {
        if line.starts_with('#') {
            families.push(line);
        } else {
            let sample = line.split(" # ").next().unwrap();
            let (name, value) = sample.rsplit_once(' ').unwrap();
            let previous = samples.insert(name, value.parse().unwrap());
            assert_eq!(previous, None, "{name} is there twice");
        }
    }
    families.sort_unstable();
    (samples, families)
}

fn stable_lines(text: &str) -> impl Iterator<Item = &str> {
    let other = |line: &&str| !line.contains("process_") && !line.contains("build");
    text.lines().filter(other)
}

#[tokio::test]
async fn own_encoder_and_that_of_the_registry_agree() {
    let metrics = sample().await;
    let ours = metrics.encode(Format::OpenMetrics);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(metrics.http()));
    let mut theirs = String::new();
    text::encode(&mut theirs, &registry).unwrap();
    // It writes `le` before the other labels.
    let theirs: String = theirs
        .lines()
        .map(|line| match line.split_once("{le=\"") {
            Some((name, rest)) => {
                let (bound, rest) = rest.split_once("\",").unwrap();
                let (labels, value) = rest.split_once('}').unwrap();
                format!("{name}{{{labels},le=\"{bound}\"}}{value}\n")
            }
            None => format!("{line}\n"),
        })
        .collect();
    let (ours, theirs) = (parsed(&ours), parsed(&theirs));
    assert_eq!(ours.1, theirs.1);
    assert_eq!(ours.0, theirs.0);
}

#[tokio::test]
async fn promtool_has_nothing_to_say() {
    let metrics = sample().await;
    let text = metrics.encode(Format::Text);
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let required = std::env::var_os("PORTCULLIS_REQUIRE_SERVICES");
            assert!(
                required.is_none_or(|value| value != "1"),
                "promtool is required and missing"
            );
            eprintln!("skipped: there is no promtool");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "{}\n{text}",
        String::from_utf8_lossy(&said)
    );
}

fn gauge(metrics: &Metrics) -> String {
    let text = metrics.encode(Format::Text);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("http_requests_in_flight "));
    line.unwrap().to_owned()
}

#[tokio::test]
async fn requests_in_flight_return_to_zero_however_they_end() {
    let metrics = Metrics::new();
    let mut hanging = metrics.layer().layer(Mock::hanging());
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut first = pin!(contract::send(&mut hanging, request(Method::GET, "/")));
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert_eq!(gauge(&metrics), "1");
    }
    assert_eq!(gauge(&metrics), "0");

    let stuck = Mock::answering(|_| Response::new(TestBody::new([]).then_hang()));
    let mut streaming = metrics.layer().layer(stuck);
    let response = contract::send(&mut streaming, request(Method::GET, "/")).await;
    assert_eq!(gauge(&metrics), "1");
    drop(response);
    assert_eq!(gauge(&metrics), "0");

    let mut failing = metrics.layer().layer(Mock::failing());
    let failed = contract::send(&mut failing, request(Method::GET, "/")).await;
    assert!(failed.is_err());
    assert_eq!(gauge(&metrics), "0");

    let text = metrics.encode(Format::Text);
    for line in [
        "http_requests_total{method=\"GET\",route=\"_unmatched\",status=\"cancelled\"} 1\n",
        "http_requests_total{method=\"GET\",route=\"_unmatched\",status=\"200\"} 1\n",
        "http_requests_total{method=\"GET\",route=\"_unmatched\",status=\"failed\"} 1\n",
        "http_requests_unfinished_total{outcome=\"cancelled\"} 2\n",
        "http_requests_unfinished_total{outcome=\"failed\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[tokio::test]
async fn routes_beyond_the_cap_are_counted_together() {
    let http = HttpMetrics::with_max_series(2.try_into().unwrap());
    let metrics = Metrics::with_http(http);
    let layer = metrics.layer().route_with(|parts| {
        // What the page tells not to do.
        Some(RoutePattern::from_shared(parts.uri.path()))
    });
    for attempt in 0..50 {
        let service = layer.layer(Mock::ok());
        let request = request(Method::GET, &format!("/{attempt}"));
        let response = service.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let text = metrics.encode(Format::Text);
    let counters = text.matches("\nhttp_requests_total{");
    assert_eq!(counters.count(), 3, "{text}");
    for line in [
        "http_requests_total{method=\"GET\",route=\"/0\",status=\"200\"} 1\n",
        "http_requests_total{method=\"GET\",route=\"_other\",status=\"200\"} 48\n",
        "http_metrics_overflow_total 48\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

/// Fails in the middle of its line.
#[derive(Debug)]
struct Broken;

impl Collector for Broken {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        encoder
            .encode_descriptor("broken", "Half a line", None, MetricType::Counter)?
            .encode_family(&[("label", Self)])?
            .encode_counter::<NoLabelSet, _, u64>(&1_u64, None)
    }
}

impl EncodeLabelValue for Broken {
    fn encode(&self, _encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

#[tokio::test]
async fn metrics_of_the_user_are_exposed_beside_ours() {
    let metrics = sample().await;
    let jobs: Counter = Counter::default();
    metrics.register_with(|registry| {
        registry.register("jobs", "Jobs done", jobs.clone());
        registry.register("queue_length", "Jobs that wait", Gauge::<i64>::default());
    });
    jobs.inc();
    let text = metrics.encode(Format::Text);
    assert!(text.contains("# TYPE jobs_total counter\njobs_total 1\n"));
    assert!(text.contains("queue_length 0\n"));
    let open = metrics.encode(Format::OpenMetrics);
    assert!(open.contains("# TYPE jobs counter\njobs_total 1\n"));

    // A collector that fails takes nothing with it that came before. Its half of a line was left
    // there, and a scraper refused the whole exposition.
    metrics.register_with(|registry| registry.register_collector(Box::new(Broken)));
    for format in [Format::Text, Format::OpenMetrics] {
        let text = metrics.encode(format);
        assert!(text.contains("http_requests_total{") && text.contains("jobs_total 1\n"));
        assert!(!text.contains("broken_total{") && text.ends_with('\n'));
        assert_eq!(text.ends_with("# EOF\n"), format == Format::OpenMetrics);
    }
}

// A release of prometheus-client that does not escape was within our requirement.
#[test]
fn labels_of_the_user_are_escaped() {
    let metrics = Metrics::new();
    let version = "1\"} 1\nforged{a=\"\\";
    metrics.build_info([("version", version)]).unwrap();
    for format in [Format::Text, Format::OpenMetrics] {
        let text = metrics.encode(format);
        let line = r#"build_info{version="1\"} 1\nforged{a=\"\\"} 1"#;
        assert!(text.lines().any(|other| other == line), "{text}");
    }
}

// Names were written as they came, and a second call wrote the family a second time: a scraper refuses
// the exposition for either.
#[test]
fn build_info_is_one_family_with_labels_that_can_be_read() {
    let metrics = Metrics::new();
    for wrong in ["", "1st", "git-revision", "a\"} 1\n", "__name__", "\u{e4}"] {
        let error = metrics.build_info([("a", ""), (wrong, "")]).unwrap_err();
        let expected = format!("{wrong:?} is no name for a label, or there twice");
        assert_eq!(error.to_string(), expected);
    }
    let error = metrics.build_info([("a", "1"), ("a", "2")]).unwrap_err();
    let text = r#""a" is no name for a label, or there twice"#;
    assert_eq!(error.to_string(), text);
    assert!(!metrics.encode(Format::Text).contains("build_info"));

    metrics.build_info([("_V1", "first")]).unwrap();
    let error = metrics.clone().build_info([("version", "second")]);
    let text = "there is a build_info already";
    assert_eq!(error.unwrap_err().to_string(), text);
    for format in [Format::Text, Format::OpenMetrics] {
        let text = metrics.encode(format);
        let lines: Vec<_> = text
            .lines()
            .filter(|l| l.starts_with("build_info"))
            .collect();
        assert_eq!(lines, [r#"build_info{_V1="first"} 1"#]);
    }
}

#[tokio::test]
async fn endpoint_answers_in_the_format_that_was_asked_for() {
    let metrics = sample().await;
    let endpoint = EndpointService::new(metrics.endpoint());
    let get = |accept: &'static str| {
        let mut request = request(Method::GET, "/metrics");
        let accept = HeaderValue::from_static(accept);
        request.headers_mut().insert(ACCEPT, accept);
        endpoint.clone().oneshot(request)
    };
    let text = get("*/*").await.unwrap();
    assert_eq!(text.status(), StatusCode::OK);
    assert_eq!(
        text.headers()[CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let open = get("application/openmetrics-text;version=1.0.0,*/*;q=0.5")
        .await
        .unwrap();
    assert_eq!(
        open.headers()[CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let body = open.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn endpoint_answers_reading_methods_only() {
    let endpoint = EndpointService::new(Metrics::new().endpoint());
    let answer = |method| endpoint.clone().oneshot(request(method, "/metrics"));
    assert_eq!(answer(Method::HEAD).await.unwrap().status(), StatusCode::OK);
    let refused = answer(Method::POST).await.unwrap();
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[ALLOW], "GET, HEAD");
}

#[test]
fn endpoint_can_be_elsewhere() {
    let owns = |endpoint: &MetricsEndpoint, path| {
        portcullis_layer_core::endpoint::Endpoint::<()>::owns(endpoint, path)
    };
    let endpoint = Metrics::new().endpoint();
    assert!(owns(&endpoint, "/metrics") && !owns(&endpoint, "/metrics/"));
    let endpoint = endpoint.path("/internal/prometheus").unwrap();
    assert!(owns(&endpoint, "/internal/prometheus") && !owns(&endpoint, "/metrics"));
    // These were taken, and then answered no request.
    for wrong in ["", "metrics", "/metrics?x=1", "/with space"] {
        let error = endpoint.clone().path(wrong).unwrap_err();
        let expected = format!("{wrong:?} is no path for an endpoint, or already another one's");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn layer_keeps_the_contract_of_the_family() {
    contract::is_a_layer::<MetricsLayer, Mock>();
    let layer = Metrics::new().layer();
    contract::keeps(&layer, || request(Method::GET, "/")).await;
}
