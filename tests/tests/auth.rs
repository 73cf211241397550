//! Tokens and API keys on each stack: who is let in, who is not, and what they are told.

use std::convert::Infallible;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::{SessionId, TenantId};
use portcullis_auth_core::jwt::NewToken;
use portcullis_auth_core::principal::Credential;
use portcullis_auth_core::roles::{Aal, Requirement};
use portcullis_auth_core::time::Clock as _;
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_security_layers::auth::{AuthLayer, Authenticated, RequireLayer};
use portcullis_security_layers::headers::SecurityHeadersLayer;
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, Rule};
use portcullis_tests::accounts::Accounts;
use portcullis_tests::client::{Answer, Http2};
use portcullis_tests::serve::{Greeter, Server};
use portcullis_tests::wire::Wire;
use portcullis_tests::{client, refusal, serve};
use tokio::sync::mpsc::unbounded_channel;
use tonic::metadata::MetadataMap;
use tower::{ServiceBuilder, service_fn};
use tower_http::cors::CorsLayer;
use tower_layer::Layer as _;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];
const ORDERS: &str = "/tenants/acme/orders";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whoever may read orders of the tenant that the path names.
fn reads(accounts: &Accounts) -> RequireLayer {
    let require = accounts.roles.require("orders:read");
    RequireLayer::new(require.expect("there is the permission")).tenant_with(tenant_of)
}

fn tenant_of(parts: &http::request::Parts) -> Option<TenantId> {
    let path = parts.uri.path().strip_prefix("/tenants/")?;
    path.split('/').next()?.parse().ok()
}

/// What a handler knows of the caller, and what it is told by headers.
fn seen(caller: &Authenticated, headers: &HeaderMap) -> String {
    let by = match caller.credential_ref() {
        Credential::ApiKey(_) => "a key",
        _ => "a token",
    };
    let says = headers.get("x-user").and_then(|user| user.to_str().ok());
    let user = says.unwrap_or("nobody");
    format!("{} by {by}, says {user}", caller.subject_ref())
}

async fn whoami<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Authenticated>();
    let seen = caller.map(|caller| seen(caller, request.headers()));
    let seen = seen.unwrap_or_else(|| "nobody".to_owned());
    // Over HTTP/2 hyper leaves it to the handler.
    let body = match *request.method() {
        Method::HEAD => Full::default(),
        _ => Full::from(seen),
    };
    Ok(Response::new(body))
}

async fn hyper(accounts: &Accounts) -> Server {
    let service = ServiceBuilder::new()
        .layer(accounts.required())
        .layer(reads(accounts))
        .service(service_fn(whoami));
    serve::hyper(service).await
}

/// The rights stand at the route, and who it is is found out around the whole router.
async fn axum(accounts: &Accounts) -> Server {
    let handler = async |Extension(caller): Extension<Authenticated>, headers: HeaderMap| {
        seen(&caller, &headers)
    };
    let router = Router::new()
        .route("/tenants/{tenant}/orders", get(handler))
        .route_layer(reads(accounts))
        .layer(accounts.required());
    serve::axum(router).await
}

/// A request's credentials, and what becomes of it.
struct Case {
    what: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    path: String,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Passes,
    Missing,
    Malformed,
    InUrl,
    Invalid,
    Scope,
    Tenant,
}

impl Outcome {
    /// The status, the problem, what the challenges say beside the realm, and what a gRPC caller hears.
    fn expected(self) -> (u16, &'static str, Option<&'static str>, GrpcCode) {
        use GrpcCode::{PermissionDenied, Unauthenticated};

        match self {
            Self::Passes => (200, "", None, GrpcCode::Unknown),
            Self::Missing => (401, "authentication-required", Some(""), Unauthenticated),
            Self::Malformed => (
                400,
                "malformed-credentials",
                Some(r#", error="invalid_request""#),
                Unauthenticated,
            ),
            Self::InUrl => (
                400,
                "credential-in-url",
                Some(r#", error="invalid_request""#),
                Unauthenticated,
            ),
            Self::Invalid => (
                401,
                "invalid-token",
                Some(
                    r#", error="invalid_token", error_description="the access token is not valid""#,
                ),
                Unauthenticated,
            ),
            Self::Scope => (
                403,
                "insufficient-rights",
                Some(r#", error="insufficient_scope", scope="orders:read""#),
                PermissionDenied,
            ),
            Self::Tenant => (403, "other-tenant", None, PermissionDenied),
        }
    }
}

impl Case {
    fn new(what: &'static str, outcome: Outcome) -> Self {
        let (headers, path) = (Vec::new(), ORDERS.to_owned());
        Self {
            what,
            headers,
            path,
            outcome,
        }
    }

    fn header(mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("it is a header value");
        self.headers.push((name, value));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION, format!("Bearer {token}"))
    }

    fn key(self, key: &str) -> Self {
        self.header(X_API_KEY, key)
    }

    fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    fn add_to(&self, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        request
    }

    fn request(&self) -> Request<Full<Bytes>> {
        self.add_to(client::get(&self.path))
    }
}

/// Every kind of credential, good and bad, and all texts that no answer may have.
async fn cases(accounts: &Accounts) -> (Vec<Case>, Vec<String>) {
    use Outcome::{InUrl, Invalid, Malformed, Missing, Passes, Scope, Tenant};

    let session = SessionId::generate();
    let expired = accounts.token("viewer", session);
    accounts.clock.advance(Duration::from_secs(631));
    let token = accounts.token("viewer", session);
    let token = token.expose_secret();
    let writes = accounts.token_with(session, |token| {
        token.roles(["editor"]).scopes(["orders:write"])
    });
    let nobody = accounts.token_with(session, |token| token);
    let ended = SessionId::generate();
    let revoked = accounts.token("editor", ended);
    let context = Context::default();
    let told = accounts.revocations.revoke_session(ended, &context).await;
    told.expect("there is room");
    let (ann, acme) = ("ann".parse(), "acme".parse());
    let reset = NewToken::reset(&ann.expect("it is an id"), &acme.expect("it is an id"));
    let reset = accounts.issuer.issue(&reset, accounts.clock.now());
    let reset = reset.expect("a key signs");
    let last_dot = |token: &str| token.rfind('.').expect("a token has three parts");
    let writes_text = writes.expose_secret();
    let (signed, signature) = (
        &token[..last_dot(token)],
        &writes_text[last_dot(writes_text)..],
    );
    let forged = format!("{signed}{signature}");
    let foreign = Accounts::default();
    let foreign_token = foreign.token("editor", session);
    let foreign_key = foreign.key("orders:read").await;

    let key = accounts.key("orders:read").await;
    let key = key.secret.expose_secret();
    let key_writes = accounts.key("orders:write").await;
    let dead = accounts.key("orders:read").await;
    accounts.revoke_key(&dead).await;
    let mut mistyped = key.to_owned();
    let last = if mistyped.pop() == Some('a') {
        'b'
    } else {
        'a'
    };
    mistyped.push(last);

    let is = Case::new;
    let cases = vec![
        is("a token", Passes).bearer(token),
        is("a token, the scheme in other letters", Passes)
            .header(AUTHORIZATION, format!("bEaReR {token}")),
        is("a key", Passes).key(key),
        is("a key as a token", Passes).bearer(key),
        is("a token, and who it says it is", Passes)
            .bearer(token)
            .header(HeaderName::from_static("x-user"), "root"),
        is("nothing", Missing),
        is("a password", Missing).header(AUTHORIZATION, "Basic YW5uOnNlY3JldA=="),
        is("no token behind the scheme", Malformed).header(AUTHORIZATION, "Bearer"),
        is("two tokens", Malformed).bearer(token).bearer(token),
        is("two keys", Malformed).key(key).key(key),
        is("a token and a key", Malformed).bearer(token).key(key),
        is("two tokens in one header", Malformed)
            .header(AUTHORIZATION, format!("Bearer {token}, Bearer {token}")),
        is("no UTF-8", Malformed).header(AUTHORIZATION, b"Bearer \xff\xfe"),
        is("a key that is no ASCII", Malformed).header(X_API_KEY, b"acme_live_\xc3\xa9"),
        is("a token in the URL", InUrl).path(format!("{ORDERS}?access_token={token}")),
        is("a key in the URL, beside a good token", InUrl)
            .bearer(token)
            .path(format!("{ORDERS}?a=b&api%5Fkey={key}")),
        is("no token at all", Invalid).bearer("garbage"),
        is("an expired token", Invalid).bearer(expired.expose_secret()),
        is("a forged token", Invalid).bearer(&forged),
        is("a token of another service", Invalid).bearer(foreign_token.expose_secret()),
        is("a token for a new password", Invalid).bearer(reset.token.expose_secret()),
        is("a token of a session that has ended", Invalid).bearer(revoked.expose_secret()),
        is("a mistyped key", Invalid).key(&mistyped),
        is("a revoked key", Invalid).key(dead.secret.expose_secret()),
        is("a key of another service", Invalid).key(foreign_key.secret.expose_secret()),
        is("a token for something else", Scope).bearer(writes.expose_secret()),
        is("a token without a role", Scope).bearer(nobody.expose_secret()),
        is("a key for something else", Scope).key(key_writes.secret.expose_secret()),
        is("a token of another tenant", Tenant)
            .bearer(token)
            .path("/tenants/globex/orders"),
        is("a key of another tenant", Tenant)
            .key(key)
            .path("/tenants/globex/orders"),
    ];
    let secrets = [
        token,
        writes.expose_secret(),
        nobody.expose_secret(),
        revoked.expose_secret(),
        reset.token.expose_secret(),
        &forged,
        foreign_token.expose_secret(),
        expired.expose_secret(),
        key,
        key_writes.secret.expose_secret(),
        dead.secret.expose_secret(),
        &mistyped,
        foreign_key.secret.expose_secret(),
    ];
    // Also its parts: a signature alone says as much.
    let parts = secrets.iter().flat_map(|secret| secret.split('.'));
    let parts = parts.filter(|part| part.len() >= 16).map(str::to_owned);
    (cases, parts.collect())
}

fn tells_none_of(answer: &Answer, secrets: &[String], what: &str) {
    let headers = answer.head.headers.values().map(HeaderValue::as_bytes);
    for place in headers.chain([&*answer.body]) {
        let place = String::from_utf8_lossy(place);
        let told = secrets
            .iter()
            .find(|secret| place.contains(secret.as_str()));
        assert_eq!(told, None, "{what}");
    }
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let values = answer.head.headers.get_all(WWW_AUTHENTICATE).iter();
    let texts = values.map(|value| value.to_str().expect("a challenge is text"));
    texts.collect()
}

/// What a client can compare: everything but the date.
fn compared(answer: &Answer) -> (StatusCode, HeaderMap, Bytes) {
    let mut headers = answer.head.headers.clone();
    headers.remove("date");
    (answer.head.status, headers, answer.body.clone())
}

#[tokio::test]
async fn every_credential_is_judged_alike_on_each_stack() {
    let accounts = Accounts::default();
    let (cases, secrets) = cases(&accounts).await;
    for server in [hyper(&accounts).await, axum(&accounts).await] {
        for version in VERSIONS {
            let mut invalid = Vec::new();
            for case in &cases {
                let what = case.what;
                let answer = client::send(server.addr(), version, case.request()).await;
                tells_none_of(&answer, &secrets, what);
                let (status, slug, said, _) = case.outcome.expected();
                if case.outcome == Outcome::Passes {
                    assert_eq!(answer.head.status, StatusCode::OK, "{what}");
                    let by = if what.starts_with("a key") {
                        "a key"
                    } else {
                        "a token"
                    };
                    // What they said themselves did not get here.
                    assert_eq!(answer.text(), format!("ann by {by}, says nobody"), "{what}");
                    assert_eq!(challenges(&answer), [""; 0], "{what}");
                    continue;
                }
                let status = StatusCode::from_u16(status).unwrap();
                assert_eq!(answer.head.status, status, "{what} {version:?}");
                refusal::is_problem(&answer, status, slug);
                let expected: Vec<_> = said.map_or_else(Vec::new, |said| {
                    let bearer = format!(r#"Bearer realm="api"{said}"#);
                    vec![r#"ApiKey realm="api""#.to_owned(), bearer]
                });
                assert_eq!(challenges(&answer), expected, "{what}");
                if case.outcome == Outcome::Invalid {
                    invalid.push(compared(&answer));
                }
            }
            // Nobody learns which of the checks it was.
            assert!(invalid.len() > 5);
            assert!(invalid.iter().all(|answer| *answer == invalid[0]));
        }
    }
}

#[tokio::test]
async fn grpc_callers_are_let_in_by_metadata_and_refused_in_their_own_form() {
    let accounts = Accounts::default();
    let (cases, secrets) = cases(&accounts).await;
    let reads = accounts.roles.require("orders:read").unwrap();
    let gate = |tenant: &'static str| {
        let require = RequireLayer::new(reads.clone());
        let require = require.tenant_with(move |_| tenant.parse().ok());
        let gate = ServiceBuilder::new().layer(accounts.required());
        gate.layer(require).into_inner()
    };
    let own = serve::tonic(gate("acme")).await;
    let others = serve::tonic(gate("globex")).await;
    for case in &cases {
        let what = case.what;
        let addr = match case.outcome {
            // A method has no query.
            Outcome::InUrl => continue,
            Outcome::Tenant => others.addr(),
            _ => own.addr(),
        };
        let metadata = MetadataMap::from_headers(case.request().headers().clone());
        let answer = client::check_health_with(addr, metadata).await;
        if case.outcome == Outcome::Passes {
            assert!(answer.is_ok(), "{what}: {answer:?}");
            continue;
        }
        let (_, _, _, code) = case.outcome.expected();
        let status = answer.expect_err(what);
        assert_eq!(status.code(), tonic::Code::from(code as i32), "{what}");
        assert!(
            !secrets
                .iter()
                .any(|secret| status.message().contains(secret))
        );

        for content_type in [
            "application/grpc",
            "application/grpc-web",
            "application/grpc-web-text",
        ] {
            let request = case.add_to(client::grpc(content_type));
            let answer = client::send(addr, Version::HTTP_2, request).await;
            tells_none_of(&answer, &secrets, what);
            if content_type == "application/grpc" {
                refusal::is_trailers_only(&answer, code);
            } else {
                refusal::is_grpc_web(&answer, code);
            }
        }
    }
}

#[tokio::test]
async fn a_request_on_the_wire_is_read_as_rfc_9110_says_and_its_connection_goes_on() {
    let accounts = Accounts::default();
    let token = accounts.token("viewer", SessionId::generate());
    let token = token.expose_secret();
    for server in [hyper(&accounts).await, axum(&accounts).await] {
        let mut wire = Wire::connect(server.addr()).await;
        for (lines, status) in [
            (format!("authorization:Bearer {token}"), 200),
            (format!("AUTHORIZATION: \t Bearer {token} \t "), 200),
            (
                format!("Authorization: Bearer {token}\r\nauthorization: Bearer {token}"),
                400,
            ),
            (
                format!("Authorization: Bearer {token}\r\nX-Api-Key: acme_live_1"),
                400,
            ),
            (format!("Authorization: Bearer  {token}"), 400),
            ("X-API-Key:".to_owned(), 400),
            (format!("Authorization: Bearer {token}"), 200),
        ] {
            let request = format!("GET {ORDERS} HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
            wire.write(request).await;
            let answer = wire.read().await;
            assert_eq!(answer.head.status, status, "{}", lines.replace(token, "…"));
        }
        let mut bytes = format!("GET {ORDERS} HTTP/1.1\r\nHost: a\r\n").into_bytes();
        bytes.extend_from_slice(b"Authorization: Bearer \xe9\r\n\r\n");
        wire.write(bytes).await;
        let status = StatusCode::BAD_REQUEST;
        refusal::is_problem(&wire.read().await, status, "malformed-credentials");
    }
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_its_body() {
    let accounts = Accounts::default();
    let token = accounts.token("viewer", SessionId::generate());
    let good = Case::new("good", Outcome::Passes).bearer(token.expose_secret());
    let bad = Case::new("bad", Outcome::Invalid).bearer("garbage");
    for server in [hyper(&accounts).await, axum(&accounts).await] {
        for version in VERSIONS {
            for case in [&good, &bad] {
                let mut head = case.request();
                *head.method_mut() = Method::HEAD;
                let head = client::send(server.addr(), version, head).await;
                let get = client::send(server.addr(), version, case.request()).await;
                assert_eq!(head.head.status, case.outcome.expected().0);
                assert!(head.body.is_empty() && !get.body.is_empty());
                let (_, mut headers, _) = compared(&get);
                // It may be left out of an answer to HEAD (RFC 9110 8.6), and must be right if it is there.
                let length = headers.remove("content-length");
                let (_, mut others, _) = compared(&head);
                let same = others.remove("content-length");
                assert!(same.is_none() || same == length, "{same:?} {length:?}");
                assert_eq!(headers, others, "{} {version:?}", case.what);
            }
        }
    }
}

#[tokio::test]
async fn a_preflight_passes_where_cors_stands_outside_and_nowhere_else() {
    let accounts = Accounts::default();
    let origin = HeaderValue::from_static("https://app.example");
    let cors = CorsLayer::new()
        .allow_origin([origin.clone()])
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION]);
    let routes = || {
        serve::routes()
            .route_layer(reads(&accounts))
            .layer(accounts.required())
    };
    let preflight = || {
        let mut request = client::get("/");
        *request.method_mut() = Method::OPTIONS;
        let headers = request.headers_mut();
        headers.insert("origin", origin.clone());
        headers.insert(
            "access-control-request-method",
            HeaderValue::from_static("GET"),
        );
        headers.insert(
            "access-control-request-headers",
            HeaderValue::from_static("authorization"),
        );
        request
    };
    let alone = serve::axum(routes()).await;
    let inside = serve::axum(routes().layer(cors)).await;
    for version in VERSIONS {
        let answer = client::send(alone.addr(), version, preflight()).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "authentication-required");

        let answer = client::send(inside.addr(), version, preflight()).await;
        assert_eq!(answer.head.status, StatusCode::OK);
        assert_eq!(
            answer.header("access-control-allow-headers"),
            Some("authorization")
        );
        // What follows without a token is refused, and the page can read why.
        let mut request = client::get("/");
        request.headers_mut().insert("origin", origin.clone());
        let answer = client::send(inside.addr(), version, request).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "authentication-required");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("https://app.example")
        );
    }
}

#[tokio::test]
async fn a_credential_that_is_taken_back_is_refused_from_the_next_request_on() {
    let accounts = Accounts::default();
    let server = axum(&accounts).await;
    let mut connection = Http2::connect(server.addr()).await;
    let (session, context) = (SessionId::generate(), Context::default());
    let token = accounts.token("viewer", session);
    let other = accounts.token("viewer", SessionId::generate());
    let key = accounts.key("orders:read").await;
    let case = |what| Case::new(what, Outcome::Passes);
    let token = case("token").bearer(token.expose_secret());
    let other = case("another session's token").bearer(other.expose_secret());
    let with_key = case("key").key(key.secret.expose_secret());
    // Twice, so that each is remembered.
    for case in [&token, &other, &with_key, &token, &other, &with_key] {
        let answer = connection.send(case.request()).await;
        assert_eq!(answer.head.status, StatusCode::OK, "{}", case.what);
    }

    let told = accounts.revocations.revoke_session(session, &context).await;
    told.unwrap();
    accounts.revoke_key(&key).await;
    for (case, status) in [(&token, 401), (&with_key, 401), (&other, 200)] {
        let answer = connection.send(case.request()).await;
        assert_eq!(answer.head.status, status, "{}", case.what);
    }
    let now = accounts.clock.now();
    let id = accounts.ring.signing(now).unwrap().id().to_owned();
    accounts.ring.revoke(&id, now).unwrap();
    let answer = connection.send(other.request()).await;
    assert_eq!(answer.head.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_with_a_credential_nobody_has_seen_yet_all_pass() {
    let accounts = Accounts::default();
    let server = hyper(&accounts).await;
    let token = accounts.token("viewer", SessionId::generate());
    let key = accounts.key("orders:read").await;
    let asking: Vec<_> = (0..60)
        .map(|i| {
            let case = Case::new("one of many", Outcome::Passes);
            let case = match i % 3 {
                0 => case.key(key.secret.expose_secret()),
                _ => case.bearer(token.expose_secret()),
            };
            tokio::spawn(client::send(server.addr(), VERSIONS[i % 2], case.request()))
        })
        .collect();
    for answer in asking {
        assert_eq!(answer.await.unwrap().head.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn somebody_who_signed_in_too_long_ago_or_too_weakly_is_asked_to_do_it_again() {
    let accounts = Accounts::default();
    let fresh = Requirement::default()
        .aal(Aal::Two)
        .max_age(Duration::from_secs(300));
    let require = RequireLayer::new(fresh).clock(std::sync::Arc::new(accounts.clock.clone()));
    let stack = ServiceBuilder::new()
        .layer(accounts.required())
        .layer(require);
    let hyper = serve::hyper(stack.clone().service(Greeter)).await;
    let tonic = serve::tonic(stack.into_inner()).await;
    let session = SessionId::generate();
    let weak = accounts.token("viewer", session);
    let strong = accounts.token_with(session, |token| token.amr(["pwd", "otp"]));
    let with = |token: &str| Case::new("step-up", Outcome::Passes).bearer(token);
    let (weak, strong) = (with(weak.expose_secret()), with(strong.expose_secret()));
    for version in VERSIONS {
        let answer = client::send(hyper.addr(), version, strong.request()).await;
        assert_eq!(answer.text(), serve::GREETING);
        let answer = client::send(hyper.addr(), version, weak.request()).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "step-up-required");
        let challenge = challenges(&answer)[1];
        assert!(
            challenge.contains(r#"error="insufficient_user_authentication""#),
            "{challenge}"
        );
        assert!(challenge.contains(r#"max_age="300""#), "{challenge}");
    }
    accounts.clock.advance(Duration::from_secs(301));
    for version in VERSIONS {
        let answer = client::send(hyper.addr(), version, strong.request()).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "step-up-required");
    }
    let request = strong.add_to(client::grpc("application/grpc"));
    let answer = client::send(tonic.addr(), Version::HTTP_2, request).await;
    refusal::is_trailers_only(&answer, GrpcCode::Unauthenticated);
}

#[tokio::test]
async fn rights_that_nobody_looks_for_credentials_for_are_a_fault_of_the_server() {
    let accounts = Accounts::default();
    let token = accounts.token("viewer", SessionId::generate());
    let case = Case::new("good", Outcome::Passes).bearer(token.expose_secret());
    let hyper = serve::hyper(reads(&accounts).layer(service_fn(whoami))).await;
    // axum's layers wrap what was added before them: this route came too late.
    let late = Router::new()
        .route("/early", get(serve::GREETING))
        .layer(accounts.required())
        .route(ORDERS, get(serve::GREETING).layer(reads(&accounts)));
    let axum = serve::axum(late).await;
    for server in [&hyper, &axum] {
        for version in VERSIONS {
            let answer = client::send(server.addr(), version, case.request()).await;
            refusal::is_problem(&answer, StatusCode::INTERNAL_SERVER_ERROR, "internal");
            assert_eq!(challenges(&answer), [""; 0]);
        }
    }
    let early = Case::new("early", Outcome::Missing).path("/early");
    let answer = client::send(axum.addr(), Version::HTTP_2, early.request()).await;
    assert_eq!(answer.head.status, StatusCode::UNAUTHORIZED);

    let tonic = serve::tonic(reads(&accounts)).await;
    let status = client::check_health(tonic.addr()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Internal);
}

#[tokio::test]
async fn where_no_credential_is_needed_a_wrong_one_is_refused_all_the_same() {
    let accounts = Accounts::default();
    let layer = AuthLayer::optional(accounts.scheme());
    let server = serve::hyper(layer.layer(service_fn(whoami))).await;
    let token = accounts.token("viewer", SessionId::generate());
    let case = |outcome| Case::new("optional", outcome);
    for version in VERSIONS {
        let ask = async |case: Case| client::send(server.addr(), version, case.request()).await;
        let answer = ask(case(Outcome::Missing)).await;
        assert_eq!(answer.text(), "nobody");
        let answer = ask(case(Outcome::Passes).bearer(token.expose_secret())).await;
        assert_eq!(answer.text(), "ann by a token, says nobody");
        let answer = ask(case(Outcome::Invalid).bearer("garbage")).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-token");
    }
}

#[tokio::test]
async fn in_a_whole_stack_every_answer_is_guarded_and_the_log_knows_who_it_was() {
    let accounts = Accounts::default();
    let (cases, secrets) = cases(&accounts).await;
    let (lines, mut written) = unbounded_channel();
    let (log, flush) = AccessLog::builder("shop")
        .start_with(move |batch| {
            let sent = lines.send(String::from_utf8_lossy(batch).into_owned());
            sent.map_err(std::io::Error::other)
        })
        .unwrap();
    let quota: Quota = "100000/s,burst=100000".parse().unwrap();
    let gate = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(log.layer())
        .layer(SecurityHeadersLayer::strict())
        .layer(RateLimitLayer::new(Rule::new(quota, Key::client_ip())))
        .layer(accounts.required().report_subject())
        .layer(reads(&accounts));
    let hyper = serve::hyper(gate.clone().service(service_fn(whoami))).await;
    let orders = Router::new().route("/tenants/{tenant}/orders", get(serve::GREETING));
    let axum = serve::axum(orders.layer(gate.clone())).await;
    let tonic = serve::tonic(gate.into_inner()).await;
    let mut ids = Vec::new();
    let guarded = |answer: &Answer, what| {
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("cache-control"), "no-store", "{what}");
        assert_eq!(header("x-request-id").len(), 36, "{what}");
        header("x-request-id")
    };
    for server in [&hyper, &axum] {
        for (case, version) in cases.iter().zip(VERSIONS.into_iter().cycle()) {
            let answer = client::send(server.addr(), version, case.request()).await;
            tells_none_of(&answer, &secrets, case.what);
            assert_eq!(answer.head.status, case.outcome.expected().0);
            ids.push((guarded(&answer, case.what), case.outcome));
        }
    }
    let refused = client::send(
        tonic.addr(),
        Version::HTTP_2,
        client::grpc("application/grpc"),
    )
    .await;
    refusal::is_trailers_only(&refused, GrpcCode::Unauthenticated);
    ids.push((guarded(&refused, "gRPC"), Outcome::Missing));

    while log.taken() < ids.len() as u64 {
        tokio::task::yield_now().await;
    }
    drop(flush);
    let mut text = String::new();
    while let Ok(batch) = written.try_recv() {
        text.push_str(&batch);
    }
    assert!(!secrets.iter().any(|secret| text.contains(secret)));
    for (id, outcome) in ids {
        let line = text.lines().find(|line| line.contains(&id));
        let line: serde_json::Value = serde_json::from_str(line.expect("each is a line")).unwrap();
        // Who was known, also where they might not.
        let known = matches!(outcome, Outcome::Passes | Outcome::Scope | Outcome::Tenant);
        let (user, tenant) = (line["user"].as_str(), line["tenant"].as_str());
        assert_eq!(user, known.then_some("ann"), "{line}");
        assert_eq!(tenant, known.then_some("acme"), "{line}");
    }
}
