use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::{Body, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full, LengthLimitError};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::testing::{Mock, MockError, TestBody, contract};
use proptest::prelude::*;
use tower::{ServiceExt as _, service_fn};
use tower_http::timeout::TimeoutError;
use tower_layer::Layer;

use super::content_type::Policy;
use super::headers::Bounds;
use super::size::{Length, Verdict};
use super::*;
use crate::refusals::Refusals;

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn get(target: &str) -> Request<TestBody> {
    Request::get(target).body(TestBody::empty()).unwrap()
}

fn post(body: TestBody) -> Request<TestBody> {
    Request::post("/").body(body).unwrap()
}

fn chunks<const N: usize>(chunks: [&'static str; N]) -> TestBody {
    TestBody::new(chunks.map(Bytes::from))
}

#[test]
fn layers_can_be_shared_and_shown() {
    contract::is_a_layer::<UriLimitLayer, Mock>();
    contract::is_a_layer::<HeaderLimitLayer, Mock>();
    contract::is_a_layer::<ContentTypeLayer, Mock>();
    contract::is_a_layer::<BodyLimitLayer, Mock>();
    contract::is_a_layer::<BodyDeadlineLayer, Mock>();
}

// --- URI

#[test]
fn uri_is_measured_from_path_to_end_of_query() {
    let fits =
        |target: &str, max| uri::check(&target.parse::<Uri>().unwrap(), nonzero(max)).is_ok();
    for (target, bytes) in [
        ("/", 1),
        ("/abc?d=e", 8),
        ("http://a-long-host.example/abc?d=e", 8),
        ("*", 1),
        ("/%C3%A4", 7),
    ] {
        assert!(fits(target, bytes), "{target} has {bytes} bytes");
        if bytes > 1 {
            assert!(!fits(target, bytes - 1), "{target} has {bytes} bytes");
        }
    }
    assert!(
        fits("host.example:443", 1),
        "the authority form has no path"
    );
}

#[tokio::test]
async fn uri_limit_keeps_the_contract() {
    let layer = UriLimitLayer::new(nonzero(6));
    contract::keeps(&layer, || get("/short")).await;
    let status = StatusCode::URI_TOO_LONG;
    contract::refuses(
        &layer,
        || get("/longer"),
        status,
        GrpcCode::ResourceExhausted,
    )
    .await;
}

// --- headers

#[test]
fn each_header_line_counts_and_so_do_all_its_bytes() {
    let mut headers = HeaderMap::new();
    headers.append("ab", HeaderValue::from_static("1234"));
    headers.append("ab", HeaderValue::from_static(""));
    headers.append(HOST, HeaderValue::from_static("h"));
    let check = |fields, bytes| {
        let bounds = Bounds {
            fields: nonzero(fields),
            bytes: nonzero(bytes),
        };
        headers::check(&headers, bounds)
    };
    assert_eq!(check(3, 13), Ok(()));
    assert_eq!(check(2, 13), Err(HeadersTooLarge::Fields { limit: 2 }));
    assert_eq!(check(3, 12), Err(HeadersTooLarge::Bytes { limit: 12 }));
}

#[tokio::test]
async fn header_limit_keeps_the_contract() {
    let with = |name: &'static str, value: &str| {
        let mut request = get("/");
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(name, value);
        request
    };
    let layer = HeaderLimitLayer::new(nonzero(2), nonzero(64));
    contract::keeps(&layer, || with("x-a", "b")).await;
    let (status, code) = (
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        GrpcCode::ResourceExhausted,
    );
    contract::refuses(&layer, || with("x-a", &"b".repeat(64)), status, code).await;
    let many = || {
        let mut request = with("x-a", "b");
        for _ in 0..2 {
            request
                .headers_mut()
                .append("x-b", HeaderValue::from_static("c"));
        }
        request
    };
    contract::refuses(&layer, many, status, code).await;
}

// --- content type

fn types(list: &str) -> ContentTypes {
    list.parse().unwrap()
}

#[test]
fn media_types_are_compared_without_case_and_parameters() {
    let allowed = types("application/json , image/*,text/x.y+z");
    for (content_type, expected) in [
        ("application/json", true),
        ("Application/JSON ; charset=\"a,b;c\"", true),
        ("application/json;", true),
        ("image/png", true),
        ("image/*", true),
        ("text/x.y+z", true),
        ("application/jsonp", false),
        ("application/json, text/html", false),
        ("application/json text", false),
        (" application/json", false),
        ("image/", false),
        ("image/p ng", false),
        ("imag", false),
        ("", false),
        (";", false),
    ] {
        assert_eq!(
            allowed.allow(content_type.as_bytes()),
            expected,
            "{content_type:?}"
        );
    }
    assert!(!allowed.allow(b"image/\xff"));
}

#[test]
fn lists_that_hold_no_media_type_are_refused_with_a_sentence() {
    for list in [
        "", "json", "a/b,", "*/*", "a/b;q=1", "a/b/c", "a/ b", "/b", "a/", "a/b c", "ä/b",
    ] {
        let error = list.parse::<ContentTypes>().unwrap_err().to_string();
        assert!(
            error.ends_with("is not a media type of the form type/subtype or type/*"),
            "{list:?}"
        );
    }
}

#[test]
fn only_content_is_asked_for_its_type_and_only_once() {
    let policy = Policy {
        by_path: vec![
            (
                "/token".parse().unwrap(),
                types("application/x-www-form-urlencoded"),
            ),
            ("/token, /login".parse().unwrap(), types("text/plain")),
        ],
        by_method: vec![(Method::PATCH, types("application/merge-patch+json"))],
        others: types("application/json"),
    };
    let check_at = |path, method: Method, content_types: &[&'static str], has_content| {
        let mut headers = HeaderMap::new();
        for content_type in content_types {
            headers.append(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        policy.check(path, &method, &headers, has_content).is_ok()
    };
    let check = |method, content_types: &[&'static str], has_content| {
        check_at("/", method, content_types, has_content)
    };
    let (json, patch) = ("application/json", "application/merge-patch+json");
    assert!(check(Method::POST, &[json], true));
    assert!(check(Method::PATCH, &[patch], true));
    assert!(
        !check(Method::PATCH, &[json], true),
        "the method's own list replaces the other"
    );
    assert!(!check(Method::POST, &[patch], true));
    assert!(
        !check(Method::GET, &["text/plain"], true),
        "content is content by any method"
    );
    assert!(!check(Method::POST, &[], true));
    assert!(!check(Method::POST, &[json, json], true));
    assert!(check(Method::POST, &[], false));
    assert!(check(Method::GET, &["text/plain"], false));
    for method in [Method::POST, Method::PATCH] {
        let form = "application/x-www-form-urlencoded";
        assert!(check_at("/token", method.clone(), &[form], true));
        assert!(!check_at("/token/", method.clone(), &[form], true));
        assert!(check_at("/login", method.clone(), &["text/plain"], true));
        for other in [json, patch, "text/plain"] {
            assert!(!check_at("/token", method.clone(), &[other], true));
        }
    }
}

#[tokio::test]
async fn content_type_keeps_the_contract_and_names_what_it_takes() {
    let layer = ContentTypeLayer::new(types("application/json, text/*"))
        .method(Method::PATCH, types("text/plain"))
        .method(Method::PATCH, types("application/json-patch+json"));
    contract::keeps(&layer, || get("/")).await;
    let refused = || post(chunks(["{}"]));
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    contract::refuses(&layer, refused, status, GrpcCode::InvalidArgument).await;

    for (method, name, expected) in [
        (Method::POST, "accept-post", "application/json, text/*"),
        (Method::PATCH, "accept-patch", "application/json-patch+json"),
        (Method::PUT, "accept", "application/json, text/*"),
    ] {
        let mut request = refused();
        *request.method_mut() = method;
        let response = layer.layer(Mock::ok()).oneshot(request).await.unwrap();
        assert_eq!(response.headers()[ACCEPT], expected);
        assert_eq!(response.headers()[name], expected);
    }
}

proptest! {
    #[test]
    fn what_parses_is_shown_in_a_form_that_parses_to_the_same(list in "[a-zA-Z0-9/*+,; .!-]{0,40}") {
        if let Ok(parsed) = list.parse::<ContentTypes>() {
            prop_assert_eq!(parsed.to_string().parse::<ContentTypes>(), Ok(parsed));
        }
    }

    #[test]
    fn a_listed_type_is_allowed_in_any_case_with_any_parameters(
        kind in "[a-zA-Z0-9!#$&.+^_-]{1,20}",
        subtype in "[a-zA-Z0-9!#$&.+^_-]{1,20}",
        parameters in "[ \t]{0,3}(;[ -~]{0,20})?",
    ) {
        let essence = format!("{kind}/{subtype}");
        let sent = format!("{}{parameters}", essence.to_ascii_uppercase());
        prop_assert!(types(&essence).allow(sent.as_bytes()));
        let range = types(&format!("{kind}/*"));
        prop_assert!(range.allow(sent.as_bytes()));
        let prefixed = format!("x{sent}");
        prop_assert!(!range.allow(prefixed.as_bytes()));
    }

    #[test]
    fn no_content_type_makes_the_check_panic(sent in proptest::collection::vec(any::<u8>(), 0..40)) {
        types("application/json, image/*").allow(&sent);
    }
}

// --- body size

fn hint(lower: u64, upper: Option<u64>) -> SizeHint {
    let mut hint = SizeHint::new();
    hint.set_lower(lower);
    if let Some(upper) = upper {
        hint.set_upper(upper);
    }
    hint
}

#[test]
fn a_length_counts_from_wherever_it_is_announced() {
    for (header, hint, expected) in [
        (None, hint(0, Some(0)), Verdict::Fits),
        (None, hint(10, Some(10)), Verdict::Fits),
        (None, hint(11, Some(11)), Verdict::TooLong),
        (None, hint(11, None), Verdict::TooLong),
        (None, hint(0, Some(11)), Verdict::Unknown),
        (None, hint(0, None), Verdict::Unknown),
        (Some("10"), hint(0, None), Verdict::Unknown),
        (Some("11"), hint(0, None), Verdict::TooLong),
        (Some("11"), hint(2, Some(2)), Verdict::TooLong),
        (
            Some("00000000000000000000010"),
            hint(0, None),
            Verdict::Unknown,
        ),
        (
            Some("18446744073709551616"),
            hint(0, None),
            Verdict::TooLong,
        ),
        (
            Some("99999999999999999999999"),
            hint(0, None),
            Verdict::TooLong,
        ),
        (Some("+11"), hint(0, None), Verdict::Unknown),
        (Some("ten"), hint(0, None), Verdict::Unknown),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static(header));
        }
        let verdict = Length::announced(&headers, &hint).against(nonzero(10));
        assert_eq!(verdict, expected, "{header:?} {hint:?}");
    }
}

#[tokio::test]
async fn body_limit_keeps_the_contract() {
    let layer = BodyLimitLayer::new(nonzero(4));
    contract::keeps(&layer, || post(chunks(["1234"]))).await;
    contract::keeps(&layer, || post(chunks(["1234"]).unsized_())).await;
    let (status, code) = (StatusCode::PAYLOAD_TOO_LARGE, GrpcCode::ResourceExhausted);
    contract::refuses(&layer, || post(chunks(["123", "45"])), status, code).await;
    let announced = || {
        let mut request = post(TestBody::empty());
        let length = HeaderValue::from_static("5");
        request.headers_mut().insert(CONTENT_LENGTH, length);
        request
    };
    contract::refuses(&layer, announced, status, code).await;
}

/// What the inner service of the next tests makes of the body that it reads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Fails,
    Status(u16),
    GrpcStatus(&'static str),
    BeforeReading,
}

/// Reads the body to its end or error and then answers.
async fn inner<B>(answer: Answer, request: Request<B>) -> Result<Response<Full<Bytes>>, MockError>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut response = Response::new(Full::from("inner"));
    if answer == Answer::BeforeReading {
        return Ok(response);
    }
    let _read = request.into_body().collect().await;
    match answer {
        Answer::Fails => return Err(MockError),
        Answer::Status(status) => *response.status_mut() = StatusCode::from_u16(status).unwrap(),
        Answer::GrpcStatus(status) => {
            let status = HeaderValue::from_static(status);
            response.headers_mut().insert("grpc-status", status);
        }
        Answer::BeforeReading => {}
    }
    Ok(response)
}

async fn through_limit(
    answer: Answer,
    request: Request<TestBody>,
) -> Result<Response<Bytes>, MockError> {
    let service = BodyLimitLayer::new(nonzero(4)).layer(service_fn(move |r| inner(answer, r)));
    Ok(collect(service.oneshot(request).await?).await)
}

async fn collect<B>(response: Response<B>) -> Response<Bytes>
where
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let (head, body) = response.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_failure_after_the_cut_is_replaced_by_the_refusal() {
    for answer in [
        Answer::Fails,
        Answer::Status(400),
        Answer::Status(413),
        Answer::Status(500),
        Answer::GrpcStatus("13"),
    ] {
        let request = post(chunks(["123", "45"]).unsized_());
        let response = through_limit(answer, request).await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::PAYLOAD_TOO_LARGE,
            "{answer:?}"
        );
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CONNECTION], "close");
        assert_eq!(
            response.extensions().get::<BodyTooLarge>().unwrap().limit(),
            4
        );
    }
}

#[tokio::test]
async fn answers_that_do_not_come_from_the_cut_stand() {
    for (answer, body, expected) in [
        // A success is the handler's own decision, whatever it could read.
        (Answer::Status(200), ["123", "45"], Some(200)),
        (Answer::GrpcStatus("0"), ["123", "45"], Some(200)),
        (Answer::BeforeReading, ["123", "45"], Some(200)),
        // The body was within its limit.
        (Answer::Status(500), ["12", "34"], Some(500)),
        (Answer::Fails, ["12", "34"], None),
    ] {
        let request = post(chunks(body).unsized_());
        let response = through_limit(answer, request).await.ok();
        let status = response.map(|response| response.status().as_u16());
        assert_eq!(status, expected, "{answer:?} {body:?}");
    }
}

#[tokio::test]
async fn connections_that_close_are_announced_on_http_1_only() {
    for (version, closes) in [
        (Version::HTTP_10, true),
        (Version::HTTP_11, true),
        (Version::HTTP_2, false),
        (Version::HTTP_3, false),
    ] {
        let mut request = post(chunks(["12345"]).unsized_());
        *request.version_mut() = version;
        let response = through_limit(Answer::Fails, request).await.unwrap();
        assert_eq!(
            response.headers().contains_key(CONNECTION),
            closes,
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn a_grpc_caller_whose_body_is_cut_gets_a_grpc_status() {
    let mut request = post(chunks(["12345"]).unsized_());
    let content_type = HeaderValue::from_static("application/grpc+proto");
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    *request.version_mut() = Version::HTTP_2;
    let response = through_limit(Answer::GrpcStatus("2"), request)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "8");
}

#[tokio::test]
async fn the_reader_gets_up_to_the_limit_and_then_the_error_that_frameworks_know() {
    let read = service_fn(async |request: Request<LimitedBody<TestBody>>| {
        let mut body = Box::pin(request.into_body());
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, "123");
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<LengthLimitError>());
        Ok::<_, MockError>(Response::new(Empty::<Bytes>::new()))
    });
    let service = BodyLimitLayer::new(nonzero(4)).layer(read);
    let request = post(chunks(["123", "45"]).unsized_());
    assert_eq!(
        service.oneshot(request).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_error_of_the_body_itself_is_not_taken_for_the_limit() {
    let request = post(chunks(["12"]).then_fail());
    let response = through_limit(Answer::Status(400), request).await.unwrap();
    assert_eq!(response.body(), "inner");
}

proptest! {
    #[test]
    fn any_content_length_is_judged_without_a_panic(header in "[0-9+ -]{0,30}", max in 1_usize..) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_str(&header).unwrap());
        let verdict = Length::announced(&headers, &hint(0, None)).against(nonzero(max));
        let too_long = header.parse::<u128>().is_ok_and(|length| length > max as u128) && !header.starts_with('+');
        prop_assert_eq!(verdict == Verdict::TooLong, too_long);
    }
}

// --- deadline

#[test]
fn no_time_at_all_is_not_a_deadline() {
    let error = BodyDeadlineLayer::new(Duration::ZERO).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a body cannot arrive in no time; the deadline has to be above zero"
    );
}

#[tokio::test]
async fn body_deadline_keeps_the_contract() {
    contract::keeps(&BodyDeadlineLayer::default(), || get("/")).await;
    contract::keeps(&BodyDeadlineLayer::default(), || post(chunks(["some"]))).await;
}

#[test]
fn a_request_without_a_body_needs_no_timer() {
    let service = BodyDeadlineLayer::default().layer(Mock::ok());
    // No tokio runtime here: a timer would panic.
    let polled = poll_once(service.oneshot(get("/")));
    assert_eq!(polled.unwrap().unwrap().status(), StatusCode::OK);
}

fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    use std::task::{Context, Poll, Waker};
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

async fn through_deadline(answer: Answer, body: TestBody) -> Result<Response<Bytes>, MockError> {
    let layer = BodyDeadlineLayer::new(Duration::from_secs(1)).unwrap();
    let service = layer.layer(service_fn(move |r| inner(answer, r)));
    Ok(collect(service.oneshot(post(body)).await?).await)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_in_time_is_given_up() {
    for answer in [Answer::Fails, Answer::Status(400)] {
        let started = tokio::time::Instant::now();
        let response = through_deadline(answer, chunks(["some"]).then_hang())
            .await
            .unwrap();
        assert_eq!(
            started.elapsed().as_millis() / 10,
            100,
            "one second and the timer's tick"
        );
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(response.headers()[CONNECTION], "close");
        let reason = response.extensions().get::<BodyTooSlow>().unwrap();
        assert_eq!(reason.limit(), Duration::from_secs(1));
    }
    let response = through_deadline(Answer::Status(200), chunks(["some"]).then_hang()).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    let response = through_deadline(Answer::Status(400), chunks(["some"])).await;
    assert_eq!(response.unwrap().body(), "inner");
}

#[tokio::test(start_paused = true)]
async fn chunks_do_not_buy_more_time() {
    let read = service_fn(async |request: Request<DeadlineBody<TestBody>>| {
        let mut body = Box::pin(request.into_body());
        assert!(body.frame().await.unwrap().is_ok());
        tokio::time::advance(Duration::from_millis(900)).await;
        assert!(body.frame().await.unwrap().is_ok());
        tokio::time::advance(Duration::from_millis(101)).await;
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<TimeoutError>());
        Err::<Response<Empty<Bytes>>, _>(MockError)
    });
    let layer = BodyDeadlineLayer::new(Duration::from_secs(1)).unwrap();
    let request = post(chunks(["1", "2", "3"]).unsized_());
    let response = layer.layer(read).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

// --- all

#[tokio::test]
async fn refusals_can_be_replaced_and_are_counted() {
    let refusals = Refusals::new();
    let layer = UriLimitLayer::new(nonzero(1))
        .reject_with(|reason, _| Response::new(format!("{} > {}", reason.bytes(), reason.limit())))
        .count_in(&refusals);
    let response = layer.layer(Mock::ok()).oneshot(get("/abc")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(collect(response).await.body(), "4 > 1");
    assert_eq!(refusals.count("uri_limit", "uri_too_long"), 1);

    let layer = BodyLimitLayer::new(nonzero(1)).count_in(&refusals);
    for body in [chunks(["12"]), chunks(["12"]).unsized_(), chunks(["1"])] {
        let service = layer.layer(service_fn(move |r| inner(Answer::Fails, r)));
        let _outcome = service.oneshot(post(body)).await;
    }
    assert_eq!(refusals.count("body_limit", "body_too_large"), 2);
}
