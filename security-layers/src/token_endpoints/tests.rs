use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, COOKIE, ETAG, IF_NONE_MATCH, RETRY_AFTER, SET_COOKIE, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use portcullis_auth_core::audit::{AuditSink, Context, Event, EventKind};
use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::jwt::{Algorithm, Algorithms, SigningKey, SigningRing};
use portcullis_auth_core::principal::Principal;
use portcullis_auth_core::refresh::{Issued, Login, MemoryStore, RefreshKeys, RefreshService};
use portcullis_auth_core::revocation::{Marks, Revocations, TokenLife};
use portcullis_auth_core::store::{Answer, StoreErrorKind};
use portcullis_auth_core::testing::ManualClock;
use portcullis_auth_core::time::Clock;
use portcullis_layer_core::endpoint::EndpointLayer;
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::rotate::RingPolicy;
use serde_json::{Value, json};
use tower_layer::Layer;

use super::*;
use crate::auth::Authenticated;

#[derive(Clone, Debug, Default)]
struct Events(Arc<Mutex<Vec<EventKind>>>);

impl AuditSink for Events {
    fn record(&self, event: &Event) {
        self.0.lock().unwrap().push(event.kind());
    }
}

impl Events {
    fn take(&self) -> Vec<EventKind> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What becomes of the account meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Account {
    Fine,
    Disabled,
    Unreadable,
    /// Nobody answers before this is said.
    Slow,
}

#[derive(Clone, Debug)]
struct Tokens(Arc<Mutex<Account>>);

const ISSUER: &str = "https://accounts.example";

impl AccessTokens for Tokens {
    fn issuer(&self) -> &str {
        ISSUER
    }

    fn issue<'a>(&'a self, session: &'a Issued) -> Answer<'a, Option<AccessToken>> {
        Box::pin(async move {
            let account = || *self.0.lock().unwrap();
            while account() == Account::Slow {
                tokio::task::yield_now().await;
            }
            match account() {
                Account::Slow => Err(StoreErrorKind::Contended.into()),
                Account::Fine => Ok(Some(AccessToken {
                    token: format!("access token of {}", session.subject()).into(),
                    lifetime: Duration::from_secs(600),
                })),
                Account::Disabled => Ok(None),
                Account::Unreadable => Err(StoreErrorKind::Unavailable.into()),
            }
        })
    }
}

struct Fixture {
    clock: ManualClock,
    service: RefreshService,
    revocations: Revocations,
    account: Arc<Mutex<Account>>,
    events: Events,
    endpoints: TokenEndpoints,
}

impl Fixture {
    async fn new() -> Self {
        let (clock, events) = (ManualClock::default(), Events::default());
        let revocations = Revocations::builder(TokenLife::new(Duration::from_secs(600)))
            .clock(clock.clone())
            .audit(events.clone())
            .local();
        let keys = RefreshKeys::new(1, &SecretBytes::generate(32).unwrap()).unwrap();
        let service = RefreshService::builder(
            Arc::new(MemoryStore::new(NonZeroUsize::MIN.saturating_add(99))),
            keys,
        )
        .clock(Arc::new(clock.clone()))
        .audit(Arc::new(events.clone()))
        .revocations(revocations.clone())
        .start()
        .await
        .unwrap();
        let account = Arc::new(Mutex::new(Account::Fine));
        let tokens = Tokens(Arc::clone(&account));
        let (acme, web) = ("acme".parse().unwrap(), "web".parse().unwrap());
        let endpoints = TokenEndpoints::new(service.clone(), tokens, acme, web)
            .cookie(CookieScope::Host, ["https://app.example"])
            .unwrap()
            .audit(Arc::new(events.clone()))
            .clock(Arc::new(clock.clone()));
        Self {
            clock,
            service,
            revocations,
            account,
            events,
            endpoints,
        }
    }

    async fn login(&self) -> Issued {
        let (acme, ann, web) = (
            "acme".parse().unwrap(),
            "ann".parse().unwrap(),
            "web".parse().unwrap(),
        );
        let epoch = self.service.epoch(&acme, &ann).await.unwrap();
        let login = Login::new(acme, ann, web).scopes("orders:read orders:write".parse().unwrap());
        let issued = self.service.login(&login, epoch, &Context::default()).await;
        self.events.take();
        issued.unwrap()
    }

    async fn ask(&self, request: Request<TestBody>) -> Response<Bytes> {
        let mock = Mock::answering(|_| {
            let mut response = Response::new(TestBody::empty());
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            response
        });
        let mut service = EndpointLayer::new(self.endpoints.clone()).layer(mock);
        let (head, body) = contract::send(&mut service, request)
            .await
            .unwrap()
            .into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Response::from_parts(head, body)
    }

    async fn refresh(&self, token: &str) -> Response<Bytes> {
        self.ask(post("/auth/refresh", &json!({ "refresh_token": token })))
            .await
    }

    /// The caller is Ann, who signed in `age` ago, within `session`.
    fn ann(&self, session: SessionId, age: Duration) -> Authenticated {
        self.ann_of(ISSUER, session, age)
    }

    fn ann_of(&self, issuer: &str, session: SessionId, age: Duration) -> Authenticated {
        let ann = Principal::new(issuer, "ann".parse().unwrap());
        ann.tenant("acme".parse().unwrap())
            .session(session)
            .auth_time(self.clock.now().minus(age))
            .into()
    }
}

fn post(path: &str, body: &Value) -> Request<TestBody> {
    let body = TestBody::new([Bytes::from(body.to_string())]);
    Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap()
}

fn by(method: Method, path: &str, caller: Authenticated) -> Request<TestBody> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .extension(caller);
    request.body(TestBody::empty()).unwrap()
}

fn value(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next_tokens() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    for (media_type, body) in [
        (
            "application/json",
            json!({ "refresh_token": token }).to_string(),
        ),
        (
            "application/x-www-form-urlencoded",
            format!("grant_type=refresh_token&refresh_token={token}&client_id=web"),
        ),
    ] {
        let request = Request::post("/auth/refresh").header(CONTENT_TYPE, media_type);
        let request = request.body(TestBody::new([Bytes::from(body)])).unwrap();
        let response = fixture.ask(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert!(!response.headers().contains_key(SET_COOKIE));
        let said = value(&response);
        assert_ne!(text(&said, "refresh_token"), token);
        assert_eq!(
            said,
            json!({
                "access_token": "access token of ann",
                "token_type": "Bearer",
                "expires_in": 600,
                "refresh_token": said["refresh_token"],
                "refresh_expires_in": 14 * 24 * 60 * 60,
                "session_id": first.session().to_string(),
                "scope": "orders:read orders:write",
            })
        );
    }
}

#[tokio::test]
async fn a_copied_token_ends_the_session_and_its_access_tokens() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    let second = value(&fixture.refresh(token).await);
    fixture.clock.advance(Duration::from_secs(11));
    fixture.events.take();
    let marks = Marks::default().session(first.session());
    assert_eq!(
        fixture.revocations.check(&marks, fixture.clock.now()),
        Ok(())
    );

    for token in [token, text(&second, "refresh_token")] {
        let response = fixture.refresh(token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let said = value(&response);
        assert_eq!(text(&said, "error"), "invalid_grant");
        assert_eq!(
            text(&said, "type"),
            "urn:problem-type:portcullis:invalid-grant"
        );
        let media_type = &response.headers()[CONTENT_TYPE];
        assert_eq!(media_type, "application/problem+json");
        let challenge = &response.headers()[WWW_AUTHENTICATE];
        assert_eq!(challenge, "Bearer realm=\"session\"");
    }
    let events = fixture.events.take();
    let reused = events.iter().filter(|kind| **kind == EventKind::TokenReuse);
    assert_eq!(reused.count(), 1, "{events:?}");
    assert!(
        fixture
            .revocations
            .check(&marks, fixture.clock.now())
            .is_err()
    );
}

// AUTH case 12
#[tokio::test]
async fn an_account_that_cannot_be_read_costs_nobody_the_session() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    *fixture.account.lock().unwrap() = Account::Unreadable;
    let response = fixture.refresh(token).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");

    *fixture.account.lock().unwrap() = Account::Fine;
    let response = fixture.refresh(token).await;
    assert_eq!(response.status(), StatusCode::OK);

    // One that was disabled has no session any more.
    *fixture.account.lock().unwrap() = Account::Disabled;
    let token = value(&response);
    let response = fixture.refresh(text(&token, "refresh_token")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    // The cookie that the browser may have is another one.
    assert!(!response.headers().contains_key(SET_COOKIE));
    let ended = Marks::default().session(first.session());
    assert!(
        fixture
            .revocations
            .check(&ended, fixture.clock.now())
            .is_err()
    );
}

#[tokio::test]
async fn what_is_no_refresh_is_refused_in_the_words_of_rfc_6749() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret();
    for (body, status, error) in [
        (json!({}), 422, "invalid_request"),
        (json!([]), 422, "invalid_request"),
        (json!({ "refresh_token": 7 }), 422, "invalid_request"),
        (
            json!({ "refresh_token": token, "token": token }),
            422,
            "invalid_request",
        ),
        (
            json!({ "refresh_token": token, "client_id": "" }),
            422,
            "invalid_request",
        ),
        (
            json!({ "refresh_token": token, "grant_type": "password" }),
            400,
            "unsupported_grant_type",
        ),
        (
            json!({ "refresh_token": token, "scope": "users:write" }),
            400,
            "invalid_scope",
        ),
        (
            json!({ "refresh_token": "rt_garbage" }),
            401,
            "invalid_grant",
        ),
        (
            json!({ "refresh_token": token, "client_id": "other" }),
            401,
            "invalid_grant",
        ),
    ] {
        let response = fixture.ask(post("/auth/refresh", &body)).await;
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(text(&value(&response), "error"), error, "{body}");
        assert!(
            !response
                .body()
                .windows(token.len())
                .any(|part| part == token.as_bytes())
        );
    }
    let large = post(
        "/auth/refresh",
        &json!({ "refresh_token": "x".repeat(20_000) }),
    );
    assert_eq!(
        fixture.ask(large).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let mut plain = post("/auth/refresh", &json!({}));
    let media_type = HeaderValue::from_static("text/plain");
    plain.headers_mut().insert(CONTENT_TYPE, media_type);
    assert_eq!(
        fixture.ask(plain).await.status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let cut = Request::post("/auth/refresh").body(TestBody::new([Bytes::from("{")]).then_fail());
    assert_eq!(
        fixture.ask(cut.unwrap()).await.status(),
        StatusCode::BAD_REQUEST
    );
    // None of this has cost the session anything.
    assert_eq!(fixture.refresh(token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_form_is_answered_as_rfc_6749_has_it() {
    let fixture = Fixture::new().await;
    let ask = async |body: &str| {
        let request = Request::post("/auth/refresh");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = TestBody::new([Bytes::from(body.to_owned())]);
        fixture.ask(request.body(body).unwrap()).await
    };
    for (body, error) in [
        (
            "grant_type=refresh_token&refresh_token=rt_x",
            "invalid_grant",
        ),
        ("grant_type=refresh_token", "invalid_request"),
        (
            "grant_type=password&refresh_token=rt_x",
            "unsupported_grant_type",
        ),
    ] {
        let response = ask(body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        // Its clients know no problems, and one of a type has one status.
        let said = value(&response);
        let names: Vec<_> = said.as_object().unwrap().keys().collect();
        assert_eq!(names, ["error", "error_description"]);
        assert_eq!(text(&said, "error"), error);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_half_done() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    *fixture.account.lock().unwrap() = Account::Slow;
    let body = json!({ "refresh_token": issued.refresh_token().expose_secret() });
    let mut asked = Box::pin(fixture.ask(post("/auth/refresh", &body)));
    let begun = || {
        fixture
            .events
            .0
            .lock()
            .unwrap()
            .contains(&EventKind::SessionRenewed)
    };
    while !begun() {
        let polled = std::future::poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        tokio::task::yield_now().await;
    }
    drop(asked);
    *fixture.account.lock().unwrap() = Account::Disabled;
    let marks = Marks::default().session(issued.session());
    let ended = || {
        fixture
            .revocations
            .check(&marks, fixture.clock.now())
            .is_err()
    };
    tokio::time::timeout(Duration::from_secs(20), async {
        while !ended() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

fn with_cookie(token: &str, headers: &[(&'static str, &'static str)]) -> Request<TestBody> {
    let mut request = Request::post("/auth/refresh").header(COOKIE, format!("__Host-rt={token}"));
    for (name, value) in headers {
        request = request.header(HeaderName::from_static(name), *value);
    }
    request.body(TestBody::empty()).unwrap()
}

#[tokio::test]
async fn a_cookie_is_exchanged_for_the_next_one_on_our_own_pages_only() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret();
    for foreign in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
    ] {
        let response = fixture.ask(with_cookie(token, foreign)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{foreign:?}");
        assert_eq!(fixture.events.take(), [EventKind::MaliciousCsrf]);
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    for own in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "https://app.example"),
    ] {
        let response = fixture.ask(with_cookie(token, &[own])).await;
        assert_eq!(response.status(), StatusCode::OK, "{own:?}");
        assert!(value(&response).get("refresh_token").is_none());
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host-rt=rt_"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=1209600; Secure; HttpOnly; SameSite=Strict"));
        let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
        assert_eq!(vary, ["sec-fetch-site", "origin"]);
    }
    // Beside a cookie of a sibling host that is no text.
    let mut beside = with_cookie(token, &[("sec-fetch-site", "same-origin")]);
    let cookies = HeaderValue::try_from(format!("a=é; __Host-rt={token}")).unwrap();
    beside.headers_mut().insert(COOKIE, cookies);
    assert_eq!(fixture.ask(beside).await.status(), StatusCode::OK);
    // One of another client is good there.
    let mut other = post("/auth/refresh", &json!({ "client_id": "other" }));
    for (name, header) in with_cookie(token, &[("sec-fetch-site", "same-origin")]).headers() {
        other.headers_mut().insert(name, header.clone());
    }
    let response = fixture.ask(other).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!response.headers().contains_key(SET_COOKIE));
    // One that is good for nothing goes; one beside another token is nobody's.
    let own = [("sec-fetch-site", "same-origin")];
    let response = fixture.ask(with_cookie("rt_garbage", &own)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()[SET_COOKIE],
        "__Host-rt=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
    );
    let mut both = post("/auth/refresh", &json!({ "refresh_token": token }));
    let cookie = HeaderValue::try_from(format!("__Host-rt={token}")).unwrap();
    both.headers_mut().insert(COOKIE, cookie);
    assert_eq!(fixture.ask(both).await.status(), StatusCode::BAD_REQUEST);
}

// AUTH case 7
#[tokio::test]
async fn any_token_can_be_given_back_and_nothing_is_told_of_it() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    let second = value(&fixture.refresh(token).await);
    let third = value(&fixture.refresh(text(&second, "refresh_token")).await);
    for token in [token, token, "rt_garbage", ""] {
        let response = fixture
            .ask(post("/auth/revoke", &json!({ "token": token })))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().is_empty());
    }
    let response = fixture.refresh(text(&third, "refresh_token")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let ended = Marks::default().session(first.session());
    assert!(
        fixture
            .revocations
            .check(&ended, fixture.clock.now())
            .is_err()
    );
    // That the access tokens ended was told once, however often the token was given back.
    let told = fixture.events.take();
    let revoked = told.iter().filter(|kind| **kind == EventKind::TokenRevoked);
    assert_eq!(revoked.count(), 2, "{told:?}");
    let nothing = fixture.ask(post("/auth/revoke", &json!({}))).await;
    assert_eq!(nothing.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(value(&nothing)["errors"][0]["pointer"], "/token");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_only() {
    let fixture = Fixture::new().await;
    let (laptop, phone) = (fixture.login().await, fixture.login().await);
    let tablet = fixture.login().await;
    let minute = Duration::from_secs(60);
    let ann = || fixture.ann(laptop.session(), minute);

    let response = fixture.ask(by(Method::GET, "/auth/sessions", ann())).await;
    assert_eq!(response.status(), StatusCode::OK);
    let listed = value(&response);
    let listed = listed["items"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    let current: Vec<_> = listed
        .iter()
        .filter(|session| session["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(text(current[0], "id"), laptop.session().to_string());
    assert_eq!(text(current[0], "created_at"), "2026-09-21T14:13:20.000Z");

    let path = format!("/auth/sessions/{}", phone.session());
    let response = fixture.ask(by(Method::GET, &path, ann())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(listed.contains(&value(&response)));
    let bob = Principal::new(ISSUER, "bob".parse().unwrap());
    let bob = bob
        .tenant("acme".parse().unwrap())
        .session(SessionId::generate());
    let bob = Authenticated::from(bob.auth_time(fixture.clock.now()));
    let response = fixture.ask(by(Method::GET, &path, bob.clone())).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    for (caller, status) in [
        (bob, StatusCode::NOT_FOUND),
        (
            fixture.ann(laptop.session(), 11 * minute),
            StatusCode::UNAUTHORIZED,
        ),
        (ann(), StatusCode::NO_CONTENT),
        (ann(), StatusCode::NOT_FOUND),
    ] {
        let response = fixture.ask(by(Method::DELETE, &path, caller)).await;
        assert_eq!(response.status(), status);
    }
    let response = fixture
        .ask(by(Method::DELETE, "/auth/sessions", ann()))
        .await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    for (session, alive) in [(&laptop, true), (&phone, false), (&tablet, false)] {
        let marks = Marks::default().session(session.session());
        let judged = fixture.revocations.check(&marks, fixture.clock.now());
        assert_eq!(judged.is_ok(), alive);
        let response = fixture
            .refresh(session.refresh_token().expose_secret())
            .await;
        assert_eq!(response.status().is_success(), alive);
    }
    // Nobody, and a key, have no sessions.
    let nobody = Request::get("/auth/sessions")
        .body(TestBody::empty())
        .unwrap();
    let response = fixture.ask(nobody).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let key = Principal::new(ISSUER, "ann".parse().unwrap());
    let key = Authenticated::from(key.tenant("acme".parse().unwrap()));
    let response = fixture.ask(by(Method::GET, "/auth/sessions", key)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
}

#[tokio::test]
async fn everybody_may_sign_out_and_other_sessions_end_with_all_sign_ins_under_way() {
    let fixture = Fixture::new().await;
    let (laptop, phone) = (fixture.login().await, fixture.login().await);
    let hour = Duration::from_secs(3600);
    let (tenant, subject) = (laptop.tenant(), laptop.subject());
    let epoch = fixture.service.epoch(tenant, subject).await.unwrap();
    let request = by(
        Method::DELETE,
        "/auth/sessions",
        fixture.ann(laptop.session(), hour / 60),
    );
    assert_eq!(fixture.ask(request).await.status(), StatusCode::NO_CONTENT);
    let marks = Marks::default().session(phone.session());
    assert!(
        fixture
            .revocations
            .check(&marks, fixture.clock.now())
            .is_err()
    );
    // A thief who had read the epoch before.
    let login = Login::new(tenant.clone(), subject.clone(), "web".parse().unwrap());
    let late = fixture
        .service
        .login(&login, epoch, &Context::default())
        .await;
    assert!(late.is_err());

    fixture.events.take();
    let own = format!("/auth/sessions/{}", laptop.session());
    let request = by(Method::DELETE, &own, fixture.ann(laptop.session(), hour));
    assert_eq!(fixture.ask(request).await.status(), StatusCode::NO_CONTENT);
    assert!(fixture.events.take().contains(&EventKind::SessionLogout));
}

#[tokio::test]
async fn somebody_of_another_issuer_is_somebody_else() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let own = format!("/auth/sessions/{}", issued.session());
    for (method, path) in [
        (Method::GET, "/auth/sessions"),
        (Method::DELETE, "/auth/sessions"),
        (Method::DELETE, &own),
    ] {
        // The same name, and an id that she may have heard of.
        let ann = fixture.ann_of("https://other.example", issued.session(), Duration::ZERO);
        let response = fixture.ask(by(method, path, ann)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let token = issued.refresh_token().expose_secret();
    assert_eq!(fixture.refresh(token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_goes_where_the_endpoint_is() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let endpoints = fixture
        .endpoints
        .clone()
        .cookie(CookieScope::Endpoint, [])
        .unwrap();
    let endpoints = endpoints.paths("/refresh", "/revoke", "/sessions").unwrap();
    let cookie = endpoints.set_cookie(&issued).unwrap();
    assert!(cookie.to_str().unwrap().contains("; Path=/refresh; "));
    for (refresh, revoke, sessions) in [("/a", "/a", "/b"), ("/a", "/b", "/b"), ("/a", "/b", "/a")]
    {
        assert!(endpoints.clone().paths(refresh, revoke, sessions).is_err());
    }
}

#[tokio::test]
async fn the_key_set_is_public_and_short_lived() {
    let mut fixture = Fixture::new().await;
    let (longest, leeway) = (Duration::from_secs(600), Duration::from_secs(30));
    let policy = RingPolicy::settings(longest, leeway).build().unwrap();
    let ring = SigningRing::new("access_token", policy, Algorithms::own());
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    ring.publish(key, fixture.clock.now()).unwrap();
    let hidden = fixture
        .endpoints
        .clone()
        .jwks("/auth/refresh", ring.clone());
    assert!(hidden.is_err());
    fixture.endpoints = fixture
        .endpoints
        .jwks("/.well-known/jwks.json", ring)
        .unwrap();

    let get = || Request::get("/.well-known/jwks.json");
    let response = fixture.ask(get().body(TestBody::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=300");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/jwk-set+json");
    let keys = value(&response);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    // AUTH case 29
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(keys["keys"][0].get(private).is_none(), "{private}");
    }
    let etag = &response.headers()[ETAG];
    for (known, status) in [(etag.as_bytes(), 304), (b"*", 304), (b"\"other\"", 200)] {
        let request = get().header(IF_NONE_MATCH, HeaderValue::from_bytes(known).unwrap());
        let response = fixture.ask(request.body(TestBody::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{known:?}");
        assert_eq!(response.body().is_empty(), status == 304);
        assert!(!response.headers().contains_key(VARY));
    }
}

#[tokio::test]
async fn other_paths_pass_and_other_methods_do_not() {
    let fixture = Fixture::new().await;
    for (method, path, status) in [
        (Method::GET, "/auth/refresh", 405),
        (Method::PUT, "/auth/revoke", 405),
        (Method::POST, "/auth/sessions", 405),
        (Method::DELETE, "/auth/sessions/nonsense", 404),
        (Method::GET, "/auth/sessions/nonsense", 404),
        (Method::POST, "/auth/sessions/nonsense", 405),
        (Method::POST, "/auth/refreshing", 418),
        (Method::GET, "/auth/sessionsfoo", 418),
        (Method::GET, "/.well-known/jwks.json", 418),
    ] {
        let request = Request::builder().method(method.clone()).uri(path);
        let response = fixture.ask(request.body(TestBody::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers().contains_key(ALLOW), status == 405);
    }
}

#[tokio::test]
async fn a_sign_in_sets_the_cookie_that_the_endpoint_reads() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let cookie = fixture.endpoints.set_cookie(&issued).unwrap();
    let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
    let request = Request::post("/auth/refresh")
        .header(COOKIE, pair)
        .header("sec-fetch-site", "same-origin");
    let response = fixture.ask(request.body(TestBody::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let cleared = fixture.endpoints.clear_cookie().unwrap();
    assert!(cleared.to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn a_token_says_itself_whose_it_is_where_all_tenants_share_an_endpoint() {
    let mut fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret().to_owned();
    let elsewhere = |endpoints: TokenEndpoints| {
        endpoints.tenant_with(|_| Some("globex".parse().expect("it is a name")))
    };
    let one = fixture.endpoints.clone();
    fixture.endpoints = elsewhere(one.clone());
    let response = fixture.refresh(&token).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);

    fixture.endpoints = elsewhere(one).all_tenants();
    let response = fixture.refresh(&token).await;
    assert_eq!(response.status(), StatusCode::OK);
    let next = text(&value(&response), "refresh_token").to_owned();
    let revoked = fixture
        .ask(post("/auth/revoke", &json!({ "token": next })))
        .await;
    assert_eq!(revoked.status(), StatusCode::OK);
    let response = fixture.refresh(&next).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
