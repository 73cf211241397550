//! What a refusal looks like to the caller it is meant for.
//!
//! Each function panics with a sentence where the answer is another one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use portcullis_layer_core::refusal::GrpcCode;

use crate::client::Answer;

/// A problem document (RFC 9457) with this status, of this type of ours.
///
/// # Panics
///
/// If `answer` is anything else.
pub fn is_problem(answer: &Answer, status: StatusCode, slug: &str) {
    let problem = problem(answer, status);
    let expected = format!("urn:problem-type:portcullis:{slug}");
    assert_eq!(problem["type"], expected);
}

/// The problem document (RFC 9457) that an answer with this status consists of.
///
/// # Panics
///
/// If `answer` is none.
pub fn problem(answer: &Answer, status: StatusCode) -> serde_json::Value {
    assert_eq!(answer.head.status, status, "{}", answer.text());
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem: serde_json::Value =
        serde_json::from_slice(&answer.body).expect("a problem document is JSON");
    assert_eq!(problem["status"], status.as_u16());
    problem
}

/// HTTP 200 with the gRPC status in the headers, no body and no trailers.
///
/// # Panics
///
/// If `answer` is anything else.
pub fn is_trailers_only(answer: &Answer, code: GrpcCode) {
    assert_eq!(answer.head.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/grpc"));
    let number = (code as u16).to_string();
    assert_eq!(
        answer.header("grpc-status"),
        Some(number.as_str()),
        "{answer:?}"
    );
    assert!(answer.body.is_empty() && answer.trailers.is_none());
}

/// HTTP 200 with the gRPC status in a trailer frame, which is the whole body.
///
/// # Panics
///
/// If `answer` is anything else.
pub fn is_grpc_web(answer: &Answer, code: GrpcCode) {
    assert_eq!(answer.head.status, StatusCode::OK);
    let content_type = answer.header("content-type").unwrap_or_default();
    let frame = match content_type {
        "application/grpc-web+proto" => answer.body.to_vec(),
        "application/grpc-web-text+proto" => {
            STANDARD.decode(&answer.body).expect("the body is base64")
        }
        other => panic!("{other} is no grpc-web"),
    };
    let (head, trailers) = frame.split_first_chunk::<5>().expect("a frame has a head");
    assert_eq!(head[0], 0x80, "the frame holds trailers");
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    assert_eq!(usize::try_from(length), Ok(trailers.len()));
    let trailers = std::str::from_utf8(trailers).expect("trailers are text");
    let status = format!("grpc-status:{}", code as u16);
    assert!(
        trailers.split("\r\n").any(|line| line == status),
        "{trailers}"
    );
}
