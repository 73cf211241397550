//! Credentials of requests: see the table in `fuzz/README.md`.
#![no_main]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::principal::Principal;
use portcullis_security_layers::auth::{
    AuthLayer, AuthRefused, AuthRefusedKind, Authenticated, Knock, Presented, Scheme, SchemeName,
    Verdict,
};
use tower_layer::Layer;
use tower_service::Service;

// A line that starts with a question mark is a query, one that starts with an equals sign an `X-API-Key`; others are values
// of `Authorization`.
fuzz_target!(|data: &[u8]| {
    let mut request = Request::new(());
    let (mut authorizations, mut keys) = (Vec::new(), Vec::new());
    for line in data.split(|byte| *byte == b'\n') {
        let (name, value, values) = match line.split_first() {
            Some((b'?', rest)) => {
                if let Ok(text) = std::str::from_utf8(rest)
                    && let Ok(uri) = format!("/?{text}").parse()
                {
                    *request.uri_mut() = uri;
                }
                continue;
            }
            Some((b'=', rest)) => ("x-api-key", rest, &mut keys),
            _ => (AUTHORIZATION.as_str(), line, &mut authorizations),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            values.push(value.clone());
            request.headers_mut().append(name, value);
        }
    }

    // Without the fragment, which a line may have as well.
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut service = AuthLayer::optional(Anybody).layer(Handler);
    let mut cx = Context::from_waker(Waker::noop());
    let response = match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => panic!("nothing is waited for"),
    };
    let refused = response
        .extensions()
        .get::<AuthRefused>()
        .map(AuthRefused::kind);
    let name = response.extensions().get::<Name>();

    let in_url = query.split('&').any(|pair| {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_ascii_lowercase();
        ["access_token", "api_key", "apikey", "api-key", "x-api-key"].contains(&name.as_str())
    });
    if in_url {
        assert_eq!(refused, Some(&AuthRefusedKind::InUrl));
        return;
    }
    let scheme = |value: &HeaderValue| {
        let text = value.to_str().ok()?;
        let scheme = text.split(' ').next()?;
        Some(scheme.eq_ignore_ascii_case("bearer"))
    };
    let bearers = authorizations
        .iter()
        .filter(|value| scheme(value) != Some(false));
    match (name, refused) {
        // Whoever is let in presented one credential, all of it and nothing else.
        (Some(Name(name)), None) => match (&authorizations[..], &keys[..]) {
            ([one], []) => {
                let text = one.to_str().expect("it was read");
                assert_eq!(
                    text.split_once(' ').map(|(_, token)| token),
                    Some(&name[..])
                );
                assert!(!name.contains([' ', ',', '"']), "{name:?}");
            }
            (_, [one]) => assert_eq!(one, &name[..]),
            _ => panic!("{authorizations:?} {keys:?} let {name:?} in"),
        },
        (None, None) => assert_eq!((bearers.count(), keys.len()), (0, 0)),
        (None, Some(kind)) => assert!(
            matches!(
                kind,
                AuthRefusedKind::Malformed | AuthRefusedKind::InUrl | AuthRefusedKind::Invalid
            ),
            "{kind:?}"
        ),
        (Some(_), Some(_)) => panic!("a refused request reached the handler"),
    }
});

/// Who was let in, by the credential itself.
#[derive(Clone)]
struct Name(String);

#[derive(Debug)]
struct Anybody;

impl Scheme for Anybody {
    fn names(&self) -> Vec<SchemeName> {
        vec![SchemeName::Bearer]
    }

    fn check(&self, presented: Presented<'_>, _: &Knock<'_>) -> Option<Verdict> {
        let name = presented.expose_secret();
        let subject = "somebody".parse().expect("a name");
        let principal = Principal::new("urn:test", subject).token_id(name);
        Some(Verdict::Now(Ok(principal.into())))
    }
}

#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<Empty>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Empty>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut response = Response::new(Empty);
        let principal = request.extensions().get::<Authenticated>();
        if let Some(name) = principal.and_then(|principal| principal.token_id_ref()) {
            response.extensions_mut().insert(Name(name.to_owned()));
        }
        ready(Ok(response))
    }
}

struct Empty;

impl Body for Empty {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}
