//! What is known of a request when it is over.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, StatusCode, Version};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::request_id::RequestId;
use portcullis_layer_core::subject::Subject;

/// One request, from its arrival to the end of its response. Borrowed: a sink copies what it keeps.
///
/// The fields that are marked with one of the [`Fields`](super::Fields) are gathered only if a sink
/// asks for them, and absent otherwise.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The method as it was sent: any token, of any length that the server lets in.
    pub method: &'a Method,
    /// The version of HTTP that the request came in.
    pub version: Version,
    /// The template of the route, if one matched. Never the path itself.
    pub route: Option<&'a str>,
    /// The path as it was sent, without the query (`Fields::PATH`).
    pub path: Option<&'a str>,
    /// The status of the answer; `None` if there was no answer.
    pub status: Option<StatusCode>,
    /// The status of a gRPC call; `None` for other requests, and for calls that were broken off.
    pub grpc_status: Option<GrpcCode>,
    /// How it ended.
    pub outcome: Outcome,
    /// The length that the request's `Content-Length` announced (`Fields::REQUEST_BYTES`).
    pub request_bytes: Option<u64>,
    /// How many bytes of the response's body were handed to the server.
    pub response_bytes: u64,
    /// From the arrival of the request to the end of the response's body.
    pub duration: Duration,
    /// From the arrival of the request to the head of the response (`Fields::TIME_TO_HEADERS`).
    pub time_to_headers: Option<Duration>,
    /// When it ended (`Fields::WALL_TIME`).
    pub ended_at: Option<SystemTime>,
    /// The client behind all trusted proxies (`Fields::CLIENT_IP`).
    pub client_ip: Option<IpAddr>,
    /// The identity of the request (`Fields::REQUEST_ID`).
    pub request_id: Option<&'a RequestId>,
    /// The `User-Agent` as it was sent (`Fields::USER_AGENT`).
    pub user_agent: Option<&'a HeaderValue>,
    /// On whose behalf it was made (`Fields::SUBJECT`).
    pub subject: Option<&'a Subject>,
    /// The trace that it is part of (`Fields::TRACE`).
    pub trace: Option<&'a TraceContext>,
}

impl<'a> Record<'a> {
    /// A record of which only this is known, to try a sink with.
    pub const fn new(method: &'a Method, outcome: Outcome) -> Self {
        Self {
            method,
            version: Version::HTTP_11,
            route: None,
            path: None,
            status: None,
            grpc_status: None,
            outcome,
            request_bytes: None,
            response_bytes: 0,
            duration: Duration::ZERO,
            time_to_headers: None,
            ended_at: None,
            client_ip: None,
            request_id: None,
            user_agent: None,
            subject: None,
            trace: None,
        }
    }

    /// Whether the server is to blame: a status from 500 on, a failure, a panic, or one of the gRPC
    /// codes that OpenTelemetry's conventions count as errors of a server.
    pub fn is_server_error(&self) -> bool {
        let by_outcome = matches!(self.outcome, Outcome::Failed | Outcome::Panicked);
        let by_status = self.status.is_some_and(|status| status.is_server_error());
        let by_code = matches!(
            self.grpc_status,
            Some(
                GrpcCode::Unknown
                    | GrpcCode::DeadlineExceeded
                    | GrpcCode::Unimplemented
                    | GrpcCode::Internal
                    | GrpcCode::Unavailable
                    | GrpcCode::DataLoss
            )
        );
        by_outcome || by_status || by_code
    }
}

/// How a request ended. The [module docs](super) say when each is told.
///
/// In the extensions of a response it overrules what the layer would have concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The response was complete, whatever its status.
    Finished,
    /// The service or the response's body gave an error.
    Failed,
    /// Nobody waited for the end.
    Cancelled,
    /// The time that was allowed ran out.
    TimedOut,
    /// The service or the response's body panicked.
    Panicked,
}

impl Outcome {
    /// `finished`, `failed`, `cancelled`, `timed_out` or `panicked`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
        }
    }
}

/// Extension, of the request or of the response: the trace that the request is part of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    // As digits, because that is how every reader wants them.
    trace_id: [u8; 32],
    span_id: [u8; 16],
    sampled: bool,
}

impl TraceContext {
    /// The ids as W3C Trace Context has them; `None` if one of them is all zeros, which means that
    /// there is no trace. `sampled` tells whether the trace is recorded anywhere: only then is it
    /// worth an exemplar.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], sampled: bool) -> Option<Self> {
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        Some(Self {
            trace_id: hex(&trace_id),
            span_id: hex(&span_id),
            sampled,
        })
    }

    /// The trace id as 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        // Digits are ASCII, so the fallback is never seen.
        str::from_utf8(&self.trace_id).unwrap_or_default()
    }

    /// The span id as 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> &str {
        str::from_utf8(&self.span_id).unwrap_or_default()
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceContext")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .field("sampled", &self.sampled)
            .finish()
    }
}

/// `DIGITS` is twice the number of bytes.
fn hex<const DIGITS: usize>(bytes: &[u8]) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 0xf)];
    }
    digits
}

const HEX: &[u8; 16] = b"0123456789abcdef";
