//! Responses that are not searched, and documents of 1 KiB with and without something to mask.

use std::future;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use portcullis_secrets::redact::KnownSecrets;
use portcullis_security_layers::mask::{JsonFields, MaskLayer};
use tower::{ServiceBuilder, service_fn};

use crate::{BARE, Body, Case, Drive, OURS, drive, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "mask";
    const IMAGE: &str = "an image";
    const CLEAN: &str = "1 KiB of JSON";
    const DIRTY: &str = "1 KiB with secrets";
    vec![
        Case::new(LAYER, IMAGE, BARE, || bare("image/png", clean)),
        Case::new(LAYER, IMAGE, OURS, || ours("image/png", clean)),
        Case::new(LAYER, CLEAN, BARE, || bare(JSON, clean)),
        Case::new(LAYER, CLEAN, OURS, || ours(JSON, clean)),
        Case::new(LAYER, DIRTY, BARE, || bare(JSON, dirty)),
        Case::new(LAYER, DIRTY, OURS, || ours(JSON, dirty)),
    ]
}

const JSON: &str = "application/json";

/// Ten users with `email` and `error`.
fn users(email: &str, error: &str) -> Bytes {
    let user = |id| {
        format!(
            r#"{{"id":{id},"name":"Ada Lovelace","{email}":"ada@example.com","{error}":"","role":"viewer"}}"#
        )
    };
    let users: Vec<_> = (0..10).map(user).collect();
    Bytes::from(format!("[{}]", users.join(",\n ")))
}

fn clean() -> Bytes {
    users("email", "error")
}

/// Ten fields and ten secrets.
fn dirty() -> Bytes {
    users("password", "vK8#qd/Lm2x7Zp")
}

fn bare(content_type: &'static str, body: fn() -> Bytes) -> Drive {
    let answer = answer(content_type, body());
    let handler = service_fn(move |_: Request<Body>| {
        future::ready(Ok::<_, std::convert::Infallible>(answer()))
    });
    drive(handler, request)
}

fn ours(content_type: &'static str, body: fn() -> Bytes) -> Drive {
    let known = KnownSecrets::new();
    for (name, secret) in [
        ("database", "vK8#qd/Lm2x7Zp"),
        ("signing key", "a6KemvWzFW0b7vQNLAGTYmDlfHa0p81C"),
        ("webhook", "whsec_cc8a05c4f5bdac2c429587c630d99ad4"),
    ] {
        let inserted = known.insert(name, secret.as_bytes(), Instant::now());
        inserted.expect("they are strong enough");
    }
    let fields = JsonFields::new(["password", "card.number"]).expect("these are names");
    let answer = answer(content_type, body());
    let service = ServiceBuilder::new()
        .layer(MaskLayer::new().known_secrets(known).fields(fields))
        .service_fn(move |_: Request<Body>| {
            future::ready(Ok::<_, std::convert::Infallible>(answer()))
        });
    drive(service, request)
}

fn answer(content_type: &'static str, body: Bytes) -> impl Fn() -> Response<Body> {
    move || {
        let mut response = Response::new(Full::new(body.clone()));
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}
