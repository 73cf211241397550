mod cookies;
mod refresh;
mod routes;
mod sessions;

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

    fn session_of(&self, token: &str) -> Option<TokenSession> {
        let (client, session) = token.strip_prefix("of ")?.split_once(' ')?;
        Some(TokenSession {
            tenant: "acme".parse().ok()?,
            subject: "ann".parse().ok()?,
            client: client.parse().ok()?,
            session: session.parse().ok()?,
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

fn varies(response: &Response<Bytes>) -> Vec<&HeaderValue> {
    response.headers().get_all(VARY).iter().collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}
