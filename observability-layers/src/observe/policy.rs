//! What the observed parts of an exchange say about its outcome. Free of bodies, futures and clocks.

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, Method, Request, StatusCode};
use portcullis_layer_core::refusal::{GrpcCode, Protocol};

use super::Outcome;

const GRPC_STATUS: &str = "grpc-status";

/// How far one exchange has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    asks_for_body: bool,
    opens_tunnel: bool,
    grpc: bool,
    status: Option<StatusCode>,
    grpc_status: Option<GrpcCode>,
    /// What a layer further in said about the outcome.
    said: Option<Outcome>,
    announced: Option<u64>,
    sent: u64,
}

impl Progress {
    pub(super) fn new<B>(request: &Request<B>) -> Self {
        let method = request.method();
        Self {
            asks_for_body: method != Method::HEAD,
            opens_tunnel: method == Method::CONNECT,
            grpc: Protocol::of(request) == Protocol::Grpc,
            status: None,
            grpc_status: None,
            said: None,
            announced: None,
            sent: 0,
        }
    }

    /// The head of the response came, with a body whose length is `exact`, if it knows.
    pub(super) fn answered(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        extensions: &Extensions,
        exact: Option<u64>,
    ) {
        self.status = Some(status);
        self.said = extensions.get().copied();
        self.announced = exact.or_else(|| content_length(headers));
        if self.grpc {
            // Trailers-only: a call that failed at once has its status in the head.
            self.trailers(headers);
        }
    }

    /// Whether the answer has a body at all (RFC 9110, 6.4.1): servers drop the others unread.
    pub(super) fn has_body(&self) -> bool {
        let bodiless = |status: StatusCode| {
            status.is_informational()
                || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
                || (self.opens_tunnel && status.is_success())
        };
        self.asks_for_body && !self.status.is_some_and(bodiless)
    }

    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.grpc
            && let Some(value) = trailers.get(GRPC_STATUS)
        {
            // A client maps what it does not know to UNKNOWN.
            let code = GrpcCode::parse(value.as_bytes());
            self.grpc_status = Some(code.unwrap_or(GrpcCode::Unknown));
        }
    }

    /// The body came to its end.
    pub(super) fn ended(&mut self) -> Outcome {
        let lost = self.grpc && self.grpc_status.is_none();
        if lost {
            self.grpc_status = Some(GrpcCode::Unknown);
        }
        let late = self.grpc_status == Some(GrpcCode::DeadlineExceeded)
            || matches!(
                self.status,
                Some(StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT)
            );
        self.said.unwrap_or(match (lost, late) {
            (true, _) => Outcome::Failed,
            (_, true) => Outcome::TimedOut,
            _ => Outcome::Finished,
        })
    }

    /// The service or the body gave an error.
    pub(super) fn failed(&self) -> Outcome {
        self.said.unwrap_or(Outcome::Failed)
    }

    /// The future or the body was dropped.
    pub(super) fn dropped(&mut self, panicked: bool) -> Outcome {
        if panicked {
            return Outcome::Panicked;
        }
        // A server that has written as many bytes as were announced does not ask for more.
        if self.status.is_some() && self.announced == Some(self.sent) && !self.grpc {
            return self.ended();
        }
        self.said.unwrap_or(Outcome::Cancelled)
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    pub(super) fn grpc_status(&self) -> Option<GrpcCode> {
        self.grpc_status
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sent
    }
}

/// The announced length, if it is one number.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    // `parse` would take a sign as well.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
