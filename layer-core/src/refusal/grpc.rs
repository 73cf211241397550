//! gRPC status codes and the trailers-only answers that carry them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, StatusCode};

/// The gRPC status codes, numbered as `google.rpc.Code` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the standard's own")]
#[expect(
    clippy::exhaustive_enums,
    reason = "gRPC closed the list: a client maps any other number to UNKNOWN"
)]
pub enum GrpcCode {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcCode {
    /// All codes, in order of their number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code that says what an HTTP refusal of this status says, by cause: what the caller must
    /// change (3), must prove (16), may not do (7), must slow down for (8), or can only retry (14).
    pub const fn from_status(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Ok,
            401 => Self::Unauthenticated,
            403 | 421 => Self::PermissionDenied,
            404 => Self::NotFound,
            405 | 501 => Self::Unimplemented,
            408 | 504 => Self::DeadlineExceeded,
            409 => Self::Aborted,
            412 | 428 => Self::FailedPrecondition,
            413 | 414 | 429 | 431 => Self::ResourceExhausted,
            400..=499 => Self::InvalidArgument,
            502 | 503 => Self::Unavailable,
            500..=599 => Self::Internal,
            _ => Self::Unknown,
        }
    }

    /// The code of a `grpc-status` value: the decimal digits of 0 to 16, and nothing else.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let number = match value {
            [unit @ b'0'..=b'9'] => unit - b'0',
            [b'1', unit @ b'0'..=b'6'] => 10 + (unit - b'0'),
            _ => return None,
        };
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name that gRPC's own documents use, such as `RESOURCE_EXHAUSTED`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// The value of the `grpc-status` header or trailer.
    pub fn header_value(self) -> HeaderValue {
        HeaderValue::from(self as u16)
    }
}

/// `grpc-message` as the gRPC HTTP/2 mapping wants it: printable ASCII, `%` and all else as percent bytes.
pub(super) fn encode_message(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The one frame of a grpc-web answer without messages: flag 0x80, length, then the trailers as text.
pub(super) fn web_trailers(code: GrpcCode, message: &str) -> Bytes {
    let trailers = format!("grpc-status:{}\r\ngrpc-message:{message}\r\n", code as u16);
    // A refusal's message is a sentence of ours, far below what 32 bits count.
    let length = u32::try_from(trailers.len()).unwrap_or(u32::MAX);
    let mut frame = BytesMut::with_capacity(5 + trailers.len());
    frame.put_u8(0x80);
    frame.put_u32(length);
    frame.put_slice(trailers.as_bytes());
    frame.freeze()
}

pub(super) fn web_text_trailers(code: GrpcCode, message: &str) -> Bytes {
    Bytes::from(STANDARD.encode(web_trailers(code, message)))
}
