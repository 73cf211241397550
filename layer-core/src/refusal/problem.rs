//! A refusal before it knows its caller, and the three forms that it can take.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::caller::{Caller, Protocol};
use super::grpc::{self, GrpcCode};
use crate::body::without_body;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// A refusal: a status, a problem type, and what else the answer has to say.
///
/// The `title` is the same for every occurrence of a problem type, the `detail` is about this one
/// (RFC 9457, 3.1). Neither may carry internals: both go to whoever sent the request.
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal {
    status: StatusCode,
    code: GrpcCode,
    problem_type: &'static str,
    title: &'static str,
    detail: Option<Cow<'static, str>>,
    /// JSON text: `,"name":value` for each member.
    members: Vec<u8>,
    headers: HeaderMap,
}

impl Refusal {
    /// A refusal with `status`, the gRPC code that goes with it, and a problem type: an absolute URI
    /// (RFC 9457, 3.1.1) that stays the same for as long as clients may compare it.
    pub fn new(status: StatusCode, problem_type: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code: GrpcCode::from_status(status),
            problem_type,
            title,
            detail: None,
            members: Vec::new(),
            headers: HeaderMap::new(),
        }
    }

    /// Says what is particular to this occurrence, for a person to read.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Replaces the gRPC code that [`GrpcCode::from_status`] chose.
    pub fn grpc_code(mut self, code: GrpcCode) -> Self {
        self.code = code;
        self
    }

    /// Adds a header, in whichever form the answer is given.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds an extension member (RFC 9457, 3.2) to the problem document. One that JSON cannot hold,
    /// such as a map with keys that are not strings, becomes `null`.
    pub fn member(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.members.push(b',');
        push_json(&mut self.members, name);
        self.members.push(b':');
        push_json(&mut self.members, &value);
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The gRPC code.
    pub const fn code(&self) -> GrpcCode {
        self.code
    }

    /// Gives the refusal the form that `caller` reads.
    pub fn into_response(self, caller: &Caller) -> Response<Bytes> {
        let response = match caller.protocol() {
            Protocol::Http => self.into_problem(caller),
            Protocol::Grpc => self.into_trailers_only(),
            Protocol::GrpcWeb => {
                let body = grpc::web_trailers(self.code, &self.message());
                self.into_web("application/grpc-web+proto", body)
            }
            Protocol::GrpcWebText => {
                let body = grpc::web_text_trailers(self.code, &self.message());
                self.into_web("application/grpc-web-text+proto", body)
            }
        };
        if caller.is_head() {
            without_body(response)
        } else {
            response
        }
    }

    fn into_problem(self, caller: &Caller) -> Response<Bytes> {
        let body = Bytes::from(self.document(caller));
        let mut response = answer(self.status, self.headers, "application/problem+json");
        let length = HeaderValue::from(body.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        *response.body_mut() = body;
        response
    }

    // Written by hand so that the members, already JSON, go in as they are, into one allocation.
    fn document(&self, caller: &Caller) -> Vec<u8> {
        let mut json = Vec::with_capacity(DOCUMENT_LEN + self.members.len());
        json.extend_from_slice(b"{\"type\":");
        push_json(&mut json, self.problem_type);
        json.extend_from_slice(b",\"title\":");
        push_json(&mut json, self.title);
        json.extend_from_slice(b",\"status\":");
        json.extend_from_slice(self.status.as_str().as_bytes());
        if let Some(detail) = &self.detail {
            json.extend_from_slice(b",\"detail\":");
            push_json(&mut json, detail);
        }
        if let Some(id) = caller.request_id() {
            // The identity is made of URI characters only: there is nothing to escape.
            json.extend_from_slice(b",\"instance\":\"urn:request:");
            json.extend_from_slice(id.as_str().as_bytes());
            json.push(b'"');
        }
        json.extend_from_slice(&self.members);
        json.push(b'}');
        json
    }

    // HTTP 200 without a body: for a gRPC client the status sits in the headers, and any other HTTP
    // status would be guessed at by its library.
    fn into_trailers_only(self) -> Response<Bytes> {
        let message = self.message();
        let mut response = grpc_answer(self.headers, "application/grpc");
        let headers = response.headers_mut();
        headers.insert(GRPC_STATUS, self.code.header_value());
        // Percent-encoding leaves nothing that a header value refuses.
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert(GRPC_MESSAGE, message);
        }
        response
    }

    fn into_web(self, content_type: &'static str, body: Bytes) -> Response<Bytes> {
        let mut response = grpc_answer(self.headers, content_type);
        let length = HeaderValue::from(body.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        *response.body_mut() = body;
        response
    }

    fn message(&self) -> String {
        match &self.detail {
            Some(detail) => grpc::encode_message(&format!("{}: {detail}", self.title)),
            None => grpc::encode_message(self.title),
        }
    }
}

fn answer(status: StatusCode, headers: HeaderMap, content_type: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A refusal with the status of a success. Nobody but the client's library knows better, so no cache may keep it: anybody
/// can send a `GET` for a page of ours with the content type of gRPC, and would leave an empty page behind.
fn grpc_answer(mut headers: HeaderMap, content_type: &'static str) -> Response<Bytes> {
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer(StatusCode::OK, headers, content_type)
}

/// What a document without members and with a sentence of detail stays under.
const DOCUMENT_LEN: usize = 384;

/// Appends `value` as JSON, or `null` if JSON cannot hold it.
fn push_json<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    let start = json.len();
    if serde_json::to_writer(&mut *json, value).is_err() {
        json.truncate(start);
        json.extend_from_slice(b"null");
    }
}
