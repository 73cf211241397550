//! Who is being refused: the protocol that the answer must speak, and the request it belongs to.

use http::header::CONTENT_TYPE;
use http::{Method, Request};

use crate::request_id::RequestId;

/// The language of a request, told by its method and its `Content-Type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Anything that is not one of the others.
    #[default]
    Http,
    /// `application/grpc`, with or without a `+` suffix.
    Grpc,
    /// `application/grpc-web`, with or without a `+` suffix.
    GrpcWeb,
    /// `application/grpc-web-text`: grpc-web with a base64 body.
    GrpcWebText,
}

impl Protocol {
    /// Reads the request's method and `Content-Type`.
    ///
    /// gRPC is always a `POST`. Any other method is plain [`Http`](Self::Http) whatever its content type says: answered as
    /// gRPC, a stranger's refusal would be a status 200 to whoever counts refusals from outside.
    pub fn of<B>(request: &Request<B>) -> Self {
        if request.method() != Method::POST {
            return Self::Http;
        }
        let Some(value) = request.headers().get(CONTENT_TYPE) else {
            return Self::Http;
        };
        let media_type = value.as_bytes().split(|&b| b == b';').next();
        let media_type = media_type.unwrap_or_default().trim_ascii_end();
        // The suffix (`+proto`, `+json`) names the message format, which a refusal has none of.
        let family = media_type.split(|&b| b == b'+').next().unwrap_or_default();
        let is = |name: &[u8]| family.eq_ignore_ascii_case(name);
        if is(b"application/grpc") {
            Self::Grpc
        } else if is(b"application/grpc-web") {
            Self::GrpcWeb
        } else if is(b"application/grpc-web-text") {
            Self::GrpcWebText
        } else {
            Self::Http
        }
    }

    /// Whether the caller is a gRPC client in any form.
    pub const fn is_grpc(self) -> bool {
        !matches!(self, Self::Http)
    }
}

/// What a refusal needs to know of the request that it answers.
///
/// Small and owned, so that a layer can keep it while the request itself has gone on its way.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    protocol: Protocol,
    head: bool,
    request_id: Option<RequestId>,
}

impl Caller {
    /// Reads the method, the protocol and the [`RequestId`] extension of `request`.
    pub fn of<B>(request: &Request<B>) -> Self {
        Self {
            protocol: Protocol::of(request),
            head: request.method() == Method::HEAD,
            request_id: request.extensions().get().cloned(),
        }
    }

    /// A caller of whom only the protocol is known.
    pub const fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            head: false,
            request_id: None,
        }
    }

    /// The protocol that the answer has to speak.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the request was a `HEAD`, whose answer must have no body (RFC 9110, 9.3.2).
    pub const fn is_head(&self) -> bool {
        self.head
    }

    /// The identity of the request, where a request id layer stands outside.
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }
}
