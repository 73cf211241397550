use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use proptest::prelude::{any, proptest};
use serde_json::{Value, json};

use super::{Caller, GrpcCode, Negotiated, Protocol, Reason, Refusal, Reject, RejectFn, refuse};
use crate::request_id::RequestId;

const TYPE: &str = "urn:problem-type:portcullis:test";

#[derive(Clone, Debug, PartialEq)]
struct TooMany(&'static str);

impl Reason for TooMany {
    fn refusal(&self) -> Refusal {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, TYPE, "too many")
            .detail(self.0)
            .header(RETRY_AFTER, HeaderValue::from_static("7"))
            .member("violated-policies", ["burst"])
    }
}

fn caller(content_type: &'static str) -> Caller {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    let value = HeaderValue::from_static(content_type);
    request.headers_mut().insert(CONTENT_TYPE, value);
    Caller::of(&request)
}

fn json_of(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[test]
fn content_type_tells_the_protocol() {
    for (content_type, protocol) in [
        ("application/grpc", Protocol::Grpc),
        ("application/grpc+proto", Protocol::Grpc),
        ("Application/gRPC; charset=utf-8", Protocol::Grpc),
        ("application/grpc-web", Protocol::GrpcWeb),
        ("application/grpc-web+proto", Protocol::GrpcWeb),
        ("application/grpc-web-text", Protocol::GrpcWebText),
        (
            "application/grpc-web-text+proto ;x=y",
            Protocol::GrpcWebText,
        ),
        ("application/grpcx", Protocol::Http),
        ("application/grpc-websocket", Protocol::Http),
        ("text/plain; application/grpc", Protocol::Http),
        ("", Protocol::Http),
    ] {
        assert_eq!(caller(content_type).protocol(), protocol, "{content_type}");
    }
    let mut request = Request::new(());
    assert_eq!(Protocol::of(&request), Protocol::Http);
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(CONTENT_TYPE, grpc);
    for (method, protocol) in [
        (Method::GET, Protocol::Http),
        (Method::HEAD, Protocol::Http),
        (Method::PUT, Protocol::Http),
        (Method::POST, Protocol::Grpc),
    ] {
        *request.method_mut() = method;
        assert_eq!(Protocol::of(&request), protocol, "{}", request.method());
    }
}

#[test]
fn http_gets_a_problem_document() {
    let response = refuse(&Negotiated, TooMany("wait \"7\" s"), &Caller::default());
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let headers = response.headers();
    assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(headers[RETRY_AFTER], "7");
    assert_eq!(headers[CONTENT_LENGTH], response.body().len().to_string());
    let expected = json!({
        "type": TYPE, "title": "too many", "status": 429, "detail": "wait \"7\" s",
        "violated-policies": ["burst"],
    });
    assert_eq!(json_of(&response), expected);
}

#[test]
fn problem_names_the_request_as_its_instance() {
    let mut request = Request::new(());
    let id = RequestId::new(HeaderValue::from_static("abc-1")).unwrap();
    request.extensions_mut().insert(id);
    let response = refuse(&Negotiated, TooMany("x"), &Caller::of(&request));
    assert_eq!(json_of(&response)["instance"], "urn:request:abc-1");
}

#[test]
fn grpc_gets_trailers_only() {
    let response = refuse(
        &Negotiated,
        TooMany("100 % ü"),
        &caller("application/grpc+proto"),
    );
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers[CONTENT_TYPE], "application/grpc");
    assert_eq!(headers["grpc-status"], "8");
    assert_eq!(headers["grpc-message"], "too many: 100 %25 %C3%BC");
    assert_eq!(headers[RETRY_AFTER], "7");
    assert!(!headers.contains_key(CONTENT_LENGTH));
    assert!(response.body().is_empty());
}

#[test]
fn grpc_web_gets_its_trailers_in_the_body() {
    let trailers = "grpc-status:8\r\ngrpc-message:too many: x\r\n";
    let length = u8::try_from(trailers.len()).unwrap();
    let frame = [&[0x80, 0, 0, 0, length], trailers.as_bytes()].concat();

    let response = refuse(
        &Negotiated,
        TooMany("x"),
        &caller("application/grpc-web+proto"),
    );
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/grpc-web+proto"
    );
    assert!(!response.headers().contains_key("grpc-status"));
    assert_eq!(response.body(), &frame);

    let response = refuse(
        &Negotiated,
        TooMany("x"),
        &caller("application/grpc-web-text"),
    );
    let content_type = &response.headers()[CONTENT_TYPE];
    assert_eq!(content_type, "application/grpc-web-text+proto");
    assert_eq!(STANDARD.decode(response.body()).unwrap(), frame);
}

// A `GET` with the content type of gRPC was refused with a bare 200, which a shared cache could keep and serve to
// everybody in place of the page.
#[test]
fn a_refusal_that_looks_like_a_success_is_not_kept_by_caches() {
    for content_type in [
        "application/grpc",
        "application/grpc-web",
        "application/grpc-web-text",
    ] {
        let response = refuse(&Negotiated, TooMany("x"), &caller(content_type));
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    }
    let refusal = Refusal::new(StatusCode::FORBIDDEN, TYPE, "no")
        .header(CACHE_CONTROL, HeaderValue::from_static("private"));
    let response = refusal.into_response(&caller("application/grpc"));
    let mut values = response.headers().get_all(CACHE_CONTROL).iter();
    assert_eq!(values.next().unwrap(), "private");
    assert_eq!(values.next(), None);
}

#[test]
fn member_that_json_cannot_hold_is_null() {
    let keys_that_are_no_strings = BTreeMap::from([((1, 2), 3)]);
    let response = Refusal::new(StatusCode::BAD_REQUEST, TYPE, "bad")
        .member("pairs", keys_that_are_no_strings)
        .member("errors", json!([{"pointer": "/a\"b"}]))
        .into_response(&Caller::default());
    let document = json_of(&response);
    assert_eq!(document["pairs"], Value::Null);
    assert_eq!(document["errors"], json!([{"pointer": "/a\"b"}]));
}

#[test]
fn head_gets_no_body_from_anyone() {
    let mut request = Request::new(());
    *request.method_mut() = Method::HEAD;
    let caller = Caller::of(&request);
    let length = refuse(&Negotiated, TooMany("x"), &Caller::default())
        .into_body()
        .len();

    let response = refuse(&Negotiated, TooMany("x"), &caller);
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[CONTENT_LENGTH], length.to_string());
    assert!(response.body().is_empty());

    let custom = RejectFn::new(|_: &TooMany, _: &Caller| Response::new("eleven byte"));
    let response = refuse(&custom, TooMany("x"), &caller);
    assert_eq!(response.headers()[CONTENT_LENGTH], "11");
    assert!(response.body().is_empty());
}

#[test]
fn reason_is_left_in_the_extensions_whoever_answers() {
    let custom = RejectFn::new(|reason: &TooMany, _: &Caller| Response::new(reason.0));
    let response = refuse(&custom, TooMany("mine"), &Caller::default());
    assert_eq!(response.body(), "mine");
    assert_eq!(response.extensions().get(), Some(&TooMany("mine")));
}

#[test]
fn closures_may_answer_by_caller() {
    let custom = RejectFn::new(|_: &TooMany, caller: &Caller| {
        Response::new(if caller.protocol().is_grpc() {
            "rpc"
        } else {
            "web"
        })
    });
    let answer = |caller: &Caller| custom.reject(&TooMany(""), caller).into_body();
    assert_eq!(answer(&Caller::new(Protocol::Grpc)), "rpc");
    assert_eq!(answer(&Caller::new(Protocol::Http)), "web");
}

#[test]
fn statuses_map_to_grpc_codes_by_cause() {
    for (status, code) in [
        (400, GrpcCode::InvalidArgument),
        (401, GrpcCode::Unauthenticated),
        (403, GrpcCode::PermissionDenied),
        (404, GrpcCode::NotFound),
        (408, GrpcCode::DeadlineExceeded),
        (413, GrpcCode::ResourceExhausted),
        (414, GrpcCode::ResourceExhausted),
        (415, GrpcCode::InvalidArgument),
        (421, GrpcCode::PermissionDenied),
        (429, GrpcCode::ResourceExhausted),
        (431, GrpcCode::ResourceExhausted),
        (500, GrpcCode::Internal),
        (503, GrpcCode::Unavailable),
        (302, GrpcCode::Unknown),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(GrpcCode::from_status(status), code, "{status}");
    }
}

#[test]
fn grpc_status_values_parse_back() {
    for code in GrpcCode::ALL {
        assert_eq!(GrpcCode::parse(code.header_value().as_bytes()), Some(code));
    }
    for bad in ["", "17", "99", "-1", "01", " 1", "1 ", "00", "100", "x"] {
        assert_eq!(GrpcCode::parse(bad.as_bytes()), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_detail_makes_a_document_that_parses_and_a_message_that_is_a_header(detail in any::<String>()) {
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, TYPE, "bad").detail(detail.clone());
        let problem = refusal.clone().into_response(&Caller::default());
        assert_eq!(json_of(&problem)["detail"], detail.as_str());

        let rpc = refusal.into_response(&Caller::new(Protocol::Grpc));
        let message = rpc.headers()["grpc-message"].to_str().unwrap();
        let decoded = percent_decode(message);
        assert_eq!(decoded, format!("bad: {detail}"));
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        } else {
            byte
        });
    }
    String::from_utf8(decoded).unwrap()
}
