//! Masks of response bodies: see the table in `fuzz/README.md`.
#![no_main]

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use libfuzzer_sys::fuzz_target;
use portcullis_secrets::redact::KnownSecrets;
use portcullis_security_layers::mask::{JsonFields, MaskLayer};
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;

/// Each stands in an input as the byte of its number. They are what is hard in JSON: quotes, numbers, what
/// escape sequences end with, and what other secrets begin with.
const SECRETS: [&str; 5] = [
    "vK8#qd/Lm\"x\\7Zp",
    "839201746592817",
    "n4x#Rq9&uLw2",
    "d83dkT7#mq2Lx9\\u",
    "uLw2&Zs6!Hy3Pb",
];

static KNOWN: LazyLock<KnownSecrets> = LazyLock::new(|| {
    let known = KnownSecrets::new();
    for secret in SECRETS {
        let inserted = known.insert(secret, secret.as_bytes(), Instant::now());
        inserted.expect("it is random");
    }
    known
});
static LAYER: LazyLock<MaskLayer> = LazyLock::new(|| {
    let fields = JsonFields::new(["pin", "card.number"]).expect("these are names");
    MaskLayer::new().known_secrets(KNOWN.clone()).fields(fields)
});

fuzz_target!(|data: &[u8]| {
    let mut text = Vec::new();
    for byte in data {
        match SECRETS.get(usize::from(*byte)) {
            Some(secret) => text.extend_from_slice(secret.as_bytes()),
            None => text.push(*byte),
        }
    }
    for content_type in ["application/json", "text/plain"] {
        let whole = masked(content_type, &text, usize::MAX);
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(masked(content_type, &text, size), whole);
        }
        assert_eq!(KNOWN.forms().find(&whole).count(), 0);
        let is_json = content_type == "application/json";
        let is_valid = serde_json::from_slice::<Value>(&text).is_ok();
        if is_json && is_valid {
            let document = serde_json::from_slice(&whole).expect("JSON stays JSON");
            check(&document, "");
        }
        if !is_json || is_valid {
            assert_eq!(masked(content_type, &whole, 16), whole);
        }
    }
});

/// The fields are masked.
fn check(value: &Value, name: &str) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| check(value, name)),
        Value::Object(members) => {
            for (inner, value) in members {
                let is_field = matches!((name, &**inner), (_, "pin") | ("card", "number"));
                assert!(!is_field || value == "[REDACTED]");
                check(value, inner);
            }
        }
        _ => {}
    }
}

fn masked(content_type: &'static str, text: &[u8], size: usize) -> Vec<u8> {
    let chunks = Chunks(text.chunks(size).map(Bytes::copy_from_slice).collect());
    let mut service = LAYER.layer(Once(content_type, Some(chunks)));
    let mut cx = Context::from_waker(Waker::noop());
    let response = match pin!(service.call(Request::new(()))).poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => panic!("nothing is waited for"),
    };
    let mut body = pin!(response.into_body());
    let mut out = Vec::new();
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) {
        let data = frame.into_data().expect("there are no trailers");
        assert!(!data.is_empty());
        out.extend_from_slice(&data);
    }
    assert!(body.is_end_stream());
    out
}

/// Answers with its chunks, once.
struct Once(&'static str, Option<Chunks>);

impl Service<Request<()>> for Once {
    type Response = Response<Chunks>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Chunks>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let mut response = Response::new(self.1.take().unwrap_or(Chunks(Vec::new().into())));
        let content_type = HeaderValue::from_static(self.0);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        std::future::ready(Ok(response))
    }
}

struct Chunks(std::collections::VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Frame::data).map(Ok))
    }
}
