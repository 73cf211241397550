//! Sessions over sockets: refreshed in all forms, at once, by cookie; listed, given back, ended; and the keys of it all.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use http_body_util::Full;
use portcullis_auth_core::audit::Context;
use portcullis_auth_core::jwt::{
    Algorithm, Issuer, KeySet, NewToken, Profile, TokenKind, Verifier,
};
use portcullis_auth_core::refresh::{
    Issued, Login, MemoryStore, RefreshKeys, RefreshPolicy, RefreshService,
};
use portcullis_auth_core::store::Answer as Stored;
use portcullis_auth_core::time::Clock as _;
use portcullis_layer_core::endpoint::EndpointLayer;
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_secrets::SecretBytes;
use portcullis_security_layers::auth::{ApiKeyScheme, AuthLayer, Authenticated, Bearer};
use portcullis_security_layers::token_endpoints::{
    AccessToken, AccessTokens, CookieScope, TokenEndpoints,
};
use portcullis_tests::accounts::Accounts;
use portcullis_tests::client::{Answer, Http2};
use portcullis_tests::serve::{Greeter, Server};
use portcullis_tests::{client, refusal, serve};
use serde_json::{Value, json};
use tower_layer::{Layer as _, Stack};

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];
const REFRESH: &str = "/auth/refresh";
const REVOKE: &str = "/auth/revoke";
const SESSIONS: &str = "/auth/sessions";
const JWKS: &str = "/.well-known/jwks.json";
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Everybody who has a session is an editor still.
#[derive(Clone, Debug)]
struct Editors(Accounts);

impl AccessTokens for Editors {
    fn issuer(&self) -> &str {
        self.0.issuer.name()
    }

    fn issue<'a>(&'a self, session: &'a Issued) -> Stored<'a, Option<AccessToken>> {
        Box::pin(async move {
            let (subject, tenant) = (session.subject(), session.tenant());
            let token = NewToken::access(subject, tenant, session.client(), session.session())
                .roles(["editor"])
                .amr(session.amr().iter())
                .epoch(session.epoch())
                .auth_time(session.auth_time());
            let issued = self.0.issuer.issue(&token, self.0.clock.now());
            let issued = issued.expect("a key signs");
            Ok(Some(AccessToken {
                token: issued.token,
                lifetime: self.0.issuer.lifetime(TokenKind::Access),
            }))
        })
    }
}

struct Service {
    accounts: Accounts,
    sessions: RefreshService,
    endpoints: TokenEndpoints,
}

type Gate = Stack<EndpointLayer<TokenEndpoints>, AuthLayer<(ApiKeyScheme, Bearer)>>;

impl Service {
    async fn new(policy: RefreshPolicy) -> Self {
        let accounts = Accounts::default();
        let clock = Arc::new(accounts.clock.clone());
        let room = NonZeroUsize::new(1000).expect("it is not zero");
        let secret = SecretBytes::generate(32).expect("there are random bytes");
        let keys = RefreshKeys::new(1, &secret).expect("it is long enough");
        let sessions = RefreshService::builder(Arc::new(MemoryStore::new(room)), keys)
            .policy(policy)
            .clock(clock.clone())
            .revocations(accounts.revocations.clone())
            .start()
            .await
            .expect("the store is empty");
        let (acme, web) = ("acme".parse(), "web".parse());
        let endpoints = TokenEndpoints::new(
            sessions.clone(),
            Editors(accounts.clone()),
            acme.expect("it is an id"),
            web.expect("it is an id"),
        )
        .cookie(CookieScope::Host, ["https://app.example"])
        .expect("it is an origin")
        .jwks(JWKS, accounts.ring.clone())
        .expect("it is a path")
        .clock(clock);
        Self {
            accounts,
            sessions,
            endpoints,
        }
    }

    /// The endpoints, inside of the layer that finds out who is asking.
    fn gate(&self) -> Gate {
        let auth = AuthLayer::optional(self.accounts.scheme());
        Stack::new(EndpointLayer::new(self.endpoints.clone()), auth)
    }

    async fn hyper(&self) -> Server {
        serve::hyper(self.gate().layer(Greeter)).await
    }

    async fn axum(&self) -> Server {
        let me = async |caller: Option<Extension<Authenticated>>| {
            let caller = caller.ok_or(StatusCode::UNAUTHORIZED)?;
            Ok::<_, StatusCode>(caller.subject_ref().to_string())
        };
        serve::axum(Router::new().route("/me", get(me)).layer(self.gate())).await
    }

    async fn login(&self) -> Issued {
        let (acme, ann, web) = ("acme".parse(), "ann".parse(), "web".parse());
        let (acme, ann) = (acme.expect("it is an id"), ann.expect("it is an id"));
        let epoch = self.sessions.epoch(&acme, &ann).await;
        let login = Login::new(acme, ann, web.expect("it is an id"));
        let login = login.amr("pwd".parse().expect("it is a word"));
        let context = Context::default()
            .user_agent("example/1.0")
            .ip([192, 0, 2, 7].into());
        let epoch = epoch.expect("the store answers");
        let issued = self.sessions.login(&login, epoch, &context).await;
        issued.expect("there is room")
    }

    /// The access token of a session.
    async fn access(&self, session: &Issued) -> String {
        let issued = Editors(self.accounts.clone());
        let access = issued.issue(session).await.expect("a key signs");
        let access = access.expect("the account is fine");
        access.token.expose_secret().to_owned()
    }
}

fn json_of(token: &str) -> Request<Full<Bytes>> {
    let body = json!({ "refresh_token": token }).to_string();
    client::post(REFRESH, "application/json", body)
}

fn with(
    mut request: Request<Full<Bytes>>,
    name: HeaderName,
    value: impl AsRef<str>,
) -> Request<Full<Bytes>> {
    let value = HeaderValue::from_str(value.as_ref()).expect("it is a header value");
    request.headers_mut().append(name, value);
    request
}

fn as_(token: &str, method: Method, path: &str) -> Request<Full<Bytes>> {
    let mut request = with(client::get(path), AUTHORIZATION, format!("Bearer {token}"));
    *request.method_mut() = method;
    request
}

fn json_in(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).expect("the body is JSON")
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{value} has no {name}"))
}

/// What a browser makes of a `Set-Cookie` (RFC 6265 5.2): the name and the value, and the attributes.
fn set_cookie(header: &str) -> ((&str, &str), BTreeSet<&str>) {
    let mut parts = header.split(';').map(str::trim);
    let cookie = parts.next().and_then(|cookie| cookie.split_once('='));
    (cookie.expect("a name and a value"), parts.collect())
}

fn attributes(max_age: &str) -> BTreeSet<&str> {
    ["Path=/", max_age, "Secure", "HttpOnly", "SameSite=Strict"].into()
}

/// The cookie in the way browsers send it, from a page of ours unless told otherwise.
fn browser(path: &str, value: &str, site: &str) -> Request<Full<Bytes>> {
    let mut request = client::get(path);
    *request.method_mut() = Method::POST;
    let request = with(request, COOKIE, format!("theme=dark; __Host-rt={value}"));
    with(request, SITE, site)
}

async fn ask(addr: SocketAddr, version: Version, request: Request<Full<Bytes>>) -> Answer {
    client::send(addr, version, request).await
}

#[tokio::test]
async fn a_refresh_token_buys_the_next_tokens_in_json_and_in_a_form() {
    let service = Service::new(RefreshPolicy::default()).await;
    let axum = service.axum().await;
    for server in [service.hyper().await, service.axum().await] {
        for version in VERSIONS {
            let session = service.login().await;
            let first = session.refresh_token().expose_secret();
            let answer = ask(server.addr(), version, json_of(first)).await;
            assert_eq!(answer.head.status, StatusCode::OK);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let granted = json_in(&answer);
            let names: Vec<_> = granted.as_object().expect("an object").keys().collect();
            let known = [
                "access_token",
                "expires_in",
                "refresh_expires_in",
                "refresh_token",
                "session_id",
                "token_type",
            ];
            assert_eq!(names, known);
            assert_eq!(granted["token_type"], "Bearer");
            assert_eq!(granted["expires_in"], 600);
            assert_eq!(granted["refresh_expires_in"], 14 * 86_400);
            assert_eq!(granted["session_id"], session.session().to_string());

            let second = text(&granted, "refresh_token");
            let form = format!("grant_type=refresh_token&refresh_token={second}&client_id=web");
            let form = client::post(REFRESH, "application/x-www-form-urlencoded", form);
            let answer = ask(server.addr(), version, form).await;
            let third = json_in(&answer);
            let access = text(&third, "access_token");
            let me = ask(axum.addr(), version, as_(access, Method::GET, "/me")).await;
            assert_eq!(me.text(), "ann");

            // The first one once more: somebody has a copy, and both lose the session and its access tokens.
            let answer = ask(server.addr(), version, json_of(first)).await;
            refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-grant");
            assert_eq!(
                refusal::problem(&answer, StatusCode::UNAUTHORIZED)["error"],
                "invalid_grant"
            );
            let answer = ask(
                server.addr(),
                version,
                json_of(text(&third, "refresh_token")),
            )
            .await;
            refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-grant");
            let me = ask(axum.addr(), version, as_(access, Method::GET, "/me")).await;
            assert_eq!(me.head.status, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_refreshes_at_once_get_one_and_the_same_token() {
    let service = Service::new(RefreshPolicy::default()).await;
    let server = service.hyper().await;
    let session = service.login().await;
    let token = session.refresh_token().expose_secret();
    let asking: Vec<_> = (0..20)
        .map(|i| tokio::spawn(ask(server.addr(), VERSIONS[i % 2], json_of(token))))
        .collect();
    let mut tokens = BTreeSet::new();
    for answer in asking {
        let granted = json_in(&answer.await.expect("no request panics"));
        tokens.insert(text(&granted, "refresh_token").to_owned());
    }
    assert_eq!(tokens.len(), 1);
    // It is good, and there was one exchange: what it replaced is its predecessor still.
    let last = tokens.first().expect("it is one");
    for again in [token, last] {
        let answer = ask(server.addr(), Version::HTTP_2, json_of(again)).await;
        assert_eq!(answer.head.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_grace_one_of_twenty_gets_a_token_and_nobody_keeps_the_session() {
    let policy = RefreshPolicy::settings().grace(Duration::ZERO).build();
    let service = Service::new(policy.expect("there may be no grace")).await;
    let server = service.axum().await;
    let session = service.login().await;
    let token = session.refresh_token().expose_secret();
    let asking: Vec<_> = (0..20)
        .map(|i| tokio::spawn(ask(server.addr(), VERSIONS[i % 2], json_of(token))))
        .collect();
    let mut granted = Vec::new();
    for answer in asking {
        let answer = answer.await.expect("no request panics");
        match answer.head.status {
            StatusCode::OK => granted.push(json_in(&answer)),
            status => refusal::is_problem(&answer, status, "invalid-grant"),
        }
    }
    assert_eq!(granted.len(), 1);
    let next = json_of(text(&granted[0], "refresh_token"));
    let answer = ask(server.addr(), Version::HTTP_11, next).await;
    refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-grant");
}

#[tokio::test]
async fn a_browser_keeps_its_token_in_a_cookie_that_only_our_pages_can_use() {
    let service = Service::new(RefreshPolicy::default()).await;
    for server in [service.hyper().await, service.axum().await] {
        for version in VERSIONS {
            let ask = async |request| ask(server.addr(), version, request).await;
            let session = service.login().await;
            let set = service.endpoints.set_cookie(&session);
            let set = set.expect("there is a cookie");
            let ((name, value), said) = set_cookie(set.to_str().expect("it is text"));
            assert_eq!(name, "__Host-rt");
            assert_eq!(value, session.refresh_token().expose_secret());
            assert_eq!(said, attributes("Max-Age=1209600"));

            for site in ["cross-site", "same-site"] {
                let answer = ask(browser(REFRESH, value, site)).await;
                refusal::is_problem(&answer, StatusCode::FORBIDDEN, "cross-site-request");
                assert_eq!(answer.header("set-cookie"), None);
            }
            let both = with(json_of(value), COOKIE, format!("__Host-rt={value}"));
            let answer = ask(with(both, SITE, "same-origin")).await;
            refusal::is_problem(&answer, StatusCode::BAD_REQUEST, "several-tokens");

            let answer = ask(browser(REFRESH, value, "same-origin")).await;
            let granted = json_in(&answer);
            assert!(granted.get("refresh_token").is_none());
            assert_eq!(granted["session_id"], session.session().to_string());
            let header = answer.header("set-cookie").expect("the next token");
            let ((name, next), said) = set_cookie(header);
            assert_eq!((name, said), ("__Host-rt", attributes("Max-Age=1209600")));
            assert_ne!(next, value);

            // Older browsers say where they are by `Origin`.
            let mut old = browser(REFRESH, next, "");
            old.headers_mut().remove(SITE);
            let origin = HeaderName::from_static("origin");
            let own = with(old.clone(), origin.clone(), "https://app.example");
            let foreign = with(old.clone(), origin, "https://evil.example");
            for request in [old, foreign] {
                let answer = ask(request).await;
                refusal::is_problem(&answer, StatusCode::FORBIDDEN, "cross-site-request");
            }
            let answer = ask(own).await;
            let header = answer.header("set-cookie").expect("the next token");
            let ((_, last), _) = set_cookie(header);

            let answer = ask(browser(REVOKE, last, "same-origin")).await;
            assert_eq!(answer.head.status, StatusCode::OK);
            let header = answer.header("set-cookie").expect("it is taken away");
            assert_eq!(
                set_cookie(header),
                (("__Host-rt", ""), attributes("Max-Age=0"))
            );
            // A tab that did not hear of it is signed out as well.
            let answer = ask(browser(REFRESH, last, "same-origin")).await;
            refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-grant");
            let header = answer.header("set-cookie").expect("it is taken away");
            assert_eq!(
                set_cookie(header),
                (("__Host-rt", ""), attributes("Max-Age=0"))
            );
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_with_all_of_their_tokens() {
    let service = Service::new(RefreshPolicy::default()).await;
    let server = service.axum().await;
    for version in VERSIONS {
        let ask = async |request| ask(server.addr(), version, request).await;
        let (here, there) = (service.login().await, service.login().await);
        let (mine, theirs) = (service.access(&here).await, service.access(&there).await);
        let list = async || {
            let answer = ask(as_(&mine, Method::GET, SESSIONS)).await;
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let list = json_in(&answer);
            list["items"].as_array().expect("a list").clone()
        };
        let sessions = list().await;
        assert_eq!(sessions.len(), 2);
        for session in &sessions {
            let is_here = session["id"] == here.session().to_string();
            assert!(is_here || session["id"] == there.session().to_string());
            assert_eq!(session["current"], is_here);
            assert_eq!(session["client_id"], "web");
            assert_eq!(session["ip"], "192.0.2.7");
            assert_eq!(session["user_agent"], "example/1.0");
        }
        let head = ask(as_(&mine, Method::HEAD, SESSIONS)).await;
        assert_eq!(head.head.status, StatusCode::OK);
        assert!(head.body.is_empty());

        let path = format!("{SESSIONS}/{}", there.session());
        let answer = ask(as_(&mine, Method::DELETE, &path)).await;
        assert_eq!(answer.head.status, StatusCode::NO_CONTENT);
        let token = there.refresh_token().expose_secret();
        let answer = ask(json_of(token)).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-grant");
        let answer = ask(as_(&theirs, Method::GET, "/me")).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "invalid-token");
        let answer = ask(as_(&mine, Method::DELETE, &path)).await;
        refusal::is_problem(&answer, StatusCode::NOT_FOUND, "no-such-session");

        let third = service.login().await;
        let answer = ask(as_(&mine, Method::DELETE, SESSIONS)).await;
        assert_eq!(answer.head.status, StatusCode::NO_CONTENT);
        let answer = ask(json_of(third.refresh_token().expose_secret())).await;
        assert_eq!(answer.head.status, StatusCode::UNAUTHORIZED);
        assert_eq!(list().await.len(), 1);

        // Who found an open laptop an hour later may look, and cannot lock its owner out.
        service.accounts.clock.advance(Duration::from_secs(599));
        let token = here.refresh_token().expose_secret();
        let refreshed = json_in(&ask(json_of(token)).await);
        service.accounts.clock.advance(Duration::from_secs(2));
        let later = text(&refreshed, "access_token");
        let answer = ask(as_(later, Method::DELETE, SESSIONS)).await;
        refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "step-up-required");
        let answer = ask(as_(later, Method::GET, SESSIONS)).await;
        assert_eq!(answer.head.status, StatusCode::OK);
        let answer = ask(as_(later, Method::GET, "/me")).await;
        assert_eq!(answer.text(), "ann");

        // Given back like this, it has no session left that the next round would see.
        let form = format!("token={}", text(&refreshed, "refresh_token"));
        let form = client::post(REVOKE, "application/x-www-form-urlencoded", form);
        assert_eq!(ask(form).await.head.status, StatusCode::OK);
        let answer = ask(as_(later, Method::GET, "/me")).await;
        assert_eq!(answer.head.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn nobody_else_sees_or_ends_a_session() {
    let service = Service::new(RefreshPolicy::default()).await;
    let session = service.login().await;
    let path = format!("{SESSIONS}/{}", session.session());
    let key = service.accounts.key("orders:read").await;
    for server in [service.hyper().await, service.axum().await] {
        for (version, method) in [
            (Version::HTTP_11, Method::GET),
            (Version::HTTP_2, Method::DELETE),
        ] {
            let mut request = client::get(SESSIONS);
            *request.method_mut() = method.clone();
            let answer = ask(server.addr(), version, request).await;
            refusal::is_problem(&answer, StatusCode::UNAUTHORIZED, "authentication-required");
            let challenges = answer.head.headers.get_all("www-authenticate");
            assert_eq!(challenges.iter().count(), 2);

            // A key that was stolen must not end the sessions of its owner.
            let key = key.secret.expose_secret();
            let answer = ask(server.addr(), version, as_(key, method, SESSIONS)).await;
            refusal::is_problem(&answer, StatusCode::FORBIDDEN, "insufficient-rights");

            let bob = service.accounts.clone();
            let (bob_id, acme, web) = ("bob".parse(), "acme".parse(), "web".parse());
            let token = NewToken::access(
                &bob_id.expect("it is an id"),
                &acme.expect("it is an id"),
                &web.expect("it is an id"),
                session.session(),
            );
            let token = token.auth_time(bob.clock.now());
            let token = bob.issuer.issue(&token, bob.clock.now());
            let token = token.expect("a key signs").token;
            let request = as_(token.expose_secret(), Method::DELETE, &path);
            let answer = ask(server.addr(), version, request).await;
            refusal::is_problem(&answer, StatusCode::NOT_FOUND, "no-such-session");
        }
        let answer = ask(
            server.addr(),
            Version::HTTP_2,
            json_of(session.refresh_token().expose_secret()),
        );
        assert_eq!(answer.await.head.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn whoever_reads_the_key_set_can_verify_what_was_refreshed() {
    let service = Service::new(RefreshPolicy::default()).await;
    for server in [service.hyper().await, service.axum().await] {
        for version in VERSIONS {
            let ask = async |request| ask(server.addr(), version, request).await;
            let answer = ask(client::get(JWKS)).await;
            assert_eq!(
                answer.header("content-type"),
                Some("application/jwk-set+json")
            );
            assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
            let keys = KeySet::from_jwks(&answer.body, &[Algorithm::EdDsa]);
            let keys = keys.expect("it is a key set");
            assert!(!answer.text().contains(r#""d""#), "{}", answer.text());

            let session = service.login().await;
            let refreshed = ask(json_of(session.refresh_token().expose_secret())).await;
            let refreshed = json_in(&refreshed);
            let (name, audience) = (
                service.accounts.issuer.name(),
                service.accounts.issuer.audience(TokenKind::Access),
            );
            let issuer = Issuer::settings(name, audience, Profile::Rfc9068, keys).build();
            let verifier = Verifier::new(issuer).expect("it is one issuer");
            let (token, now) = (
                text(&refreshed, "access_token"),
                service.accounts.clock.now(),
            );
            let verified = verifier.verify(token, now).expect("it is ours");
            let sid = session.session().to_string();
            assert_eq!(verified.claims().text("sid").as_deref(), Some(&*sid));

            let etag = answer.header("etag").expect("it has one").to_owned();
            let if_none_match = HeaderName::from_static("if-none-match");
            for (tag, status) in [(etag.as_str(), 304), (r#""another""#, 200)] {
                let request = with(client::get(JWKS), if_none_match.clone(), tag);
                let answer = ask(request).await;
                assert_eq!(answer.head.status, status);
                assert_eq!(answer.header("etag"), Some(&*etag));
                assert_eq!(answer.body.is_empty(), status == 304);
            }
            let mut head = client::get(JWKS);
            *head.method_mut() = Method::HEAD;
            let head = ask(head).await;
            assert_eq!(head.head.status, StatusCode::OK);
            assert_eq!(head.header("etag"), Some(&*etag));
            assert!(head.body.is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_no_request_for_tokens_is_refused_and_repeats_no_token() {
    let service = Service::new(RefreshPolicy::default()).await;
    let session = service.login().await;
    let token = session.refresh_token().expose_secret();
    let mut forged = token.to_owned();
    forged.replace_range(
        40..44,
        if &token[40..44] == "AAAA" {
            "BBBB"
        } else {
            "AAAA"
        },
    );
    let of = |path, method: Method| {
        let mut request = client::get(path);
        *request.method_mut() = method;
        request
    };
    let json = |body: String| client::post(REFRESH, "application/json", body);
    let cases = || {
        [
            (json_of(&forged), 401, "invalid-grant"),
            (json_of("rt_"), 401, "invalid-grant"),
            (of(REFRESH, Method::POST), 422, "invalid-request"),
            (json("{}".to_owned()), 422, "invalid-request"),
            (json("{".to_owned()), 400, "malformed-json"),
            (
                json(json!({"refresh_token": token, "scope": "all"}).to_string()),
                400,
                "invalid-scope",
            ),
            (
                json(json!({"refresh_token": token, "client_id": "other"}).to_string()),
                401,
                "invalid-grant",
            ),
            (json_of(&token.repeat(300)), 413, "body-too-large"),
            (
                client::post(REFRESH, "text/plain", token.to_owned()),
                415,
                "unsupported-content-type",
            ),
            (of(REFRESH, Method::GET), 405, "method-not-allowed"),
            (of(JWKS, Method::POST), 405, "method-not-allowed"),
            (of(SESSIONS, Method::PUT), 405, "method-not-allowed"),
        ]
    };
    // RFC 6749 5.2
    let forms = [
        (
            format!("refresh_token={token}&refresh_token={token}"),
            "invalid_request",
        ),
        (
            format!("grant_type=password&refresh_token={token}"),
            "unsupported_grant_type",
        ),
        (format!("scope=all&refresh_token={token}"), "invalid_scope"),
        (
            format!("client_id=other&refresh_token={token}"),
            "invalid_grant",
        ),
        (format!("refresh_token={forged}"), "invalid_grant"),
    ];
    let tells_nothing = |answer: &Answer, what: &str| {
        let said = format!("{:?} {}", answer.head.headers, answer.text());
        assert!(!said.contains(&token[3..40]), "{what}");
    };
    for server in [service.hyper().await, service.axum().await] {
        for version in VERSIONS {
            for (request, status, slug) in cases() {
                let what = format!("{slug} {version:?}");
                let answer = ask(server.addr(), version, request).await;
                let status = StatusCode::from_u16(status).expect("it is a status");
                refusal::is_problem(&answer, status, slug);
                tells_nothing(&answer, &what);
                if slug == "method-not-allowed" {
                    assert!(answer.header("allow").is_some(), "{what}");
                } else {
                    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
                }
            }
            for (body, error) in &forms {
                let form = "application/x-www-form-urlencoded";
                let request = client::post(REFRESH, form, body.clone());
                let answer = ask(server.addr(), version, request).await;
                assert_eq!(answer.head.status, StatusCode::BAD_REQUEST, "{error}");
                assert_eq!(json_in(&answer)["error"], *error);
                tells_nothing(&answer, error);
            }
        }
    }
    // None of them cost anybody the session.
    let server = service.hyper().await;
    let answer = ask(server.addr(), Version::HTTP_2, json_of(token)).await;
    assert_eq!(answer.head.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_of_grpc_refreshes_too_and_its_callers_need_the_token() {
    let service = Service::new(RefreshPolicy::default()).await;
    let required = service.accounts.required();
    let optional = serve::tonic(service.gate()).await;
    let calls = serve::tonic(required).await;
    let session = service.login().await;
    let mut connection = Http2::connect(optional.addr()).await;
    let answer = connection
        .send(json_of(session.refresh_token().expose_secret()))
        .await;
    let refreshed = json_in(&answer);
    let mut metadata = tonic::metadata::MetadataMap::new();
    let bearer = format!("Bearer {}", text(&refreshed, "access_token"));
    metadata.insert("authorization", bearer.parse().expect("it is ASCII"));
    let called = client::check_health_with(calls.addr(), metadata.clone()).await;
    called.expect("the token is good");

    let mut request = client::grpc("application/grpc");
    *request.uri_mut() = REFRESH.parse().expect("it is a path");
    let answer = connection.send(request).await;
    refusal::is_trailers_only(&answer, GrpcCode::InvalidArgument);
    let form = format!("token={}", text(&refreshed, "refresh_token"));
    let form = client::post(REVOKE, "application/x-www-form-urlencoded", form);
    assert_eq!(connection.send(form).await.head.status, StatusCode::OK);
    let status = client::check_health_with(calls.addr(), metadata).await;
    let status = status.expect_err("the session has ended");
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
}
