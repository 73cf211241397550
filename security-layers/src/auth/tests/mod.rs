#[cfg(feature = "api-key")]
mod api_key;
#[cfg(feature = "bearer")]
mod bearer;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use portcullis_auth_core::audit::{AuditSink, Event, EventKind};
use portcullis_auth_core::principal::Principal;
use portcullis_auth_core::roles::{Aal, Requirement, Role, Roles};
use portcullis_auth_core::time::{Clock, SystemClock};
use portcullis_layer_core::refusal::GrpcCode;
use portcullis_layer_core::subject::Subject;
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use tower_layer::{Layer, Stack};
use tower_service::Service;

use super::*;
use crate::refusals::Refusals;

/// Believes the name of a person, at once or after a while, and knows a few that are in trouble.
#[derive(Clone, Debug)]
struct Names {
    later: bool,
}

impl Scheme for Names {
    fn names(&self) -> Vec<SchemeName> {
        vec![SchemeName::Bearer]
    }

    fn check(&self, presented: Presented<'_>, _knock: &Knock<'_>) -> Option<Verdict> {
        let Presented::Bearer(name) = presented else {
            return None;
        };
        let retry_after = Duration::from_millis(1500);
        let verdict = match name {
            "wrong" => Err(AuthRefusedKind::Invalid),
            "far" => Err(AuthRefusedKind::Address),
            "often" => Err(AuthRefusedKind::Throttled { retry_after }),
            "down" => Err(AuthRefusedKind::Unavailable { retry_after }),
            _ => Ok(principal(name).into()),
        };
        Some(if self.later {
            Verdict::Later(Box::pin(async move {
                tokio::task::yield_now().await;
                verdict
            }))
        } else {
            Verdict::Now(verdict)
        })
    }
}

fn roles() -> Roles {
    Roles::builder()
        .permissions(["orders:read", "orders:write"])
        .role(Role::new("viewer").allows(["orders:read"]))
        .role(Role::new("editor").allows(["orders:*"]))
        .build()
        .unwrap()
}

fn principal(name: &str) -> Principal {
    let principal = Principal::new("https://accounts.example", name.parse().unwrap())
        .tenant("acme".parse().unwrap())
        .roles([name])
        .amr(["pwd"])
        .auth_time(SystemClock.now().minus(Duration::from_secs(3600)));
    principal.authorized(&roles())
}

#[derive(Clone, Debug, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl AuditSink for Events {
    fn record(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    fn kinds(&self) -> Vec<(EventKind, Option<&'static str>)> {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .map(|event| (event.kind(), event.reason_ref()))
            .collect()
    }
}

fn bearer(token: &str) -> Request<TestBody> {
    let mut request = anonymous();
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

fn anonymous() -> Request<TestBody> {
    Request::new(TestBody::sample())
}

fn both_ways() -> [Names; 2] {
    [Names { later: false }, Names { later: true }]
}

async fn ask<L, B>(layer: &L, request: Request<TestBody>) -> Response<()>
where
    L: Layer<Mock>,
    L::Service: Service<Request<TestBody>, Response = Response<B>, Error: Debug>,
{
    let response = contract::send(&mut layer.layer(Mock::ok()), request).await;
    response.unwrap().map(drop)
}

fn challenges(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn keeps_the_contract_of_layers() {
    contract::is_a_layer::<AuthLayer<Names>, Mock>();
    contract::is_a_layer::<RequireLayer, Mock>();
    for scheme in both_ways() {
        let layer = AuthLayer::required(scheme.clone());
        contract::keeps(&layer, || bearer("viewer")).await;
        contract::keeps(&AuthLayer::optional(scheme.clone()), anonymous).await;
        for (request, status, code) in [
            (anonymous as fn() -> _, 401, GrpcCode::Unauthenticated),
            (|| bearer("a=b"), 400, GrpcCode::Unauthenticated),
            (|| bearer("wrong"), 401, GrpcCode::Unauthenticated),
            (|| bearer("far"), 403, GrpcCode::PermissionDenied),
            (|| bearer("often"), 429, GrpcCode::ResourceExhausted),
            (|| bearer("down"), 503, GrpcCode::Unavailable),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            contract::refuses(&layer, request, status, code).await;
        }
        let read = RequireLayer::new(roles().require("orders:read").unwrap());
        let write = RequireLayer::new(roles().require("orders:write").unwrap());
        let stack = Stack::new(read, layer.clone());
        contract::keeps(&stack, || bearer("viewer")).await;
        let stack = Stack::new(write, layer);
        contract::refuses(
            &stack,
            || bearer("viewer"),
            StatusCode::FORBIDDEN,
            GrpcCode::PermissionDenied,
        )
        .await;
    }
}

#[tokio::test]
async fn answers_challenge_as_rfc_6750_says() {
    let layer = AuthLayer::required(Names { later: false }).realm("orders".parse().unwrap());
    for (request, status, expected) in [
        (anonymous(), 401, vec![r#"Bearer realm="orders""#]),
        (
            bearer("a=b"),
            400,
            vec![r#"Bearer realm="orders", error="invalid_request""#],
        ),
        (
            bearer("wrong"),
            401,
            vec![
                r#"Bearer realm="orders", error="invalid_token", error_description="the access token is not valid""#,
            ],
        ),
        (bearer("far"), 403, vec![]),
        (bearer("down"), 503, vec![]),
    ] {
        let response = ask(&layer, request).await;
        assert_eq!(response.status(), status);
        assert_eq!(challenges(response.headers()), expected);
    }
    let response = ask(&layer, bearer("down")).await;
    assert_eq!(response.headers()[RETRY_AFTER], "2");

    let write = RequireLayer::new(roles().require("orders:write").unwrap());
    let response = ask(&Stack::new(write, layer.clone()), bearer("viewer")).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        challenges(response.headers()),
        [r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#]
    );
    let fresh = Requirement::default()
        .aal(Aal::Two)
        .max_age(Duration::from_secs(600));
    let stack = Stack::new(RequireLayer::new(fresh), layer);
    let response = ask(&stack, bearer("viewer")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let [challenge] = challenges(response.headers())[..] else {
        panic!("{:?}", response.headers());
    };
    assert!(challenge.contains(r#"error="insufficient_user_authentication""#));
    assert!(challenge.ends_with(r#"max_age="600""#), "{challenge}");
}

#[tokio::test]
async fn the_handler_sees_the_principal_and_nothing_that_a_client_says_of_itself() {
    for scheme in both_ways() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mock = Mock::answering({
            let seen = Arc::clone(&seen);
            move |request: &http::request::Parts| {
                let principal = request.extensions.get::<Authenticated>();
                let name = principal.map(|principal| principal.subject_ref().to_string());
                let sensitive = request.headers.get(AUTHORIZATION);
                let sensitive = sensitive.is_none_or(HeaderValue::is_sensitive);
                let claims = request.headers.contains_key("x-user-id");
                seen.lock().unwrap().push((name, sensitive, claims));
                Response::new(TestBody::empty())
            }
        });
        let layer = AuthLayer::optional(scheme).report_subject();
        let mut service = layer.layer(mock);
        let mut subjects = Vec::new();
        for mut request in [bearer("viewer"), anonymous()] {
            let name = HeaderName::from_static("x-user-id");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static("admin"));
            let response = contract::send(&mut service, request).await.unwrap();
            subjects.push(response.extensions().get::<Subject>().cloned());
        }
        assert_eq!(
            *seen.lock().unwrap(),
            [
                (Some("viewer".to_owned()), true, false),
                (None, true, false)
            ]
        );
        let viewer = Subject::new().with_user("viewer").with_tenant("acme");
        assert_eq!(subjects, [Some(viewer), None]);
    }
}

// Where nobody looks at credentials, they may come in any form and number.
#[tokio::test]
async fn all_credentials_are_kept_out_of_logs_and_all_claims_taken_off() {
    const LONG: &str = "x-name-of-a-header-that-is-longer-than-sixty-three-bytes-and-then-some";
    let own = [LONG, "x-gateway"].map(HeaderName::from_static);
    let layer = AuthLayer::required(Names { later: false }).exempt("/open".parse().unwrap());
    let defaults = "x-user x-user-id x-user-email x-user-roles x-forwarded-user x-remote-user";
    let others = "accept-language x-users x-gatewax";
    let other = layer.clone().strip_headers(own);
    // Each alone: one that is found takes all along.
    let of_clients = defaults.split(' ').map(|claim| (&layer, claim));
    for (layer, claim) in of_clients.chain([(&other, LONG), (&other, "x-gateway")]) {
        let mut request = anonymous();
        *request.uri_mut() = "/open".parse().unwrap();
        let names = format!("authorization x-api-key {claim} {others} {LONG}er");
        for name in names.split(' ').chain(names.split(' ')) {
            let name = HeaderName::try_from(name).unwrap();
            let value = HeaderValue::from_static("something");
            request.headers_mut().append(name, value);
        }
        let seen = Arc::new(Mutex::new(HeaderMap::new()));
        let mock = Mock::answering({
            let seen = Arc::clone(&seen);
            move |request: &http::request::Parts| {
                *seen.lock().unwrap() = request.headers.clone();
                Response::new(TestBody::empty())
            }
        });
        let response = contract::send(&mut layer.layer(mock), request).await;
        assert_eq!(response.unwrap().status(), StatusCode::OK);
        let seen = seen.lock().unwrap();
        let left = format!("authorization x-api-key {others} {LONG}er");
        assert_eq!(seen.keys_len(), left.split(' ').count(), "{claim}");
        for name in left.split(' ') {
            let secret = ["authorization", "x-api-key"].contains(&name);
            let values = seen.get_all(name).iter();
            let marks: Vec<_> = values.map(HeaderValue::is_sensitive).collect();
            assert_eq!(marks, [secret; 2], "{name}");
        }
    }
}

#[tokio::test]
async fn a_wrong_credential_is_refused_also_where_none_is_needed() {
    let layer = AuthLayer::optional(Names { later: false });
    let mut key = anonymous();
    key.headers_mut()
        .insert("x-api-key", HeaderValue::from_static("acme_live_1"));
    for request in [bearer("wrong"), key] {
        let response = ask(&layer, request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}

// AUTH case 42
#[tokio::test]
async fn a_credential_in_the_url_is_told_to_the_audit_and_not_checked() {
    let (events, refusals) = (Events::default(), Refusals::new());
    let layer = AuthLayer::optional(Names { later: false })
        .audit(Arc::new(events.clone()))
        .count_in(&refusals);
    let mut request = bearer("viewer");
    *request.uri_mut() = "/orders?api_key=acme_live_secret".parse().unwrap();
    let response = ask(&layer, request).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(events.kinds(), [(EventKind::CredentialInUrl, None)]);
    assert!(!format!("{:?}", events.0.lock().unwrap()).contains("acme_live_secret"));
    assert_eq!(refusals.count("auth", "credential_in_url"), 1);
}

// AUTH case 44
#[tokio::test]
async fn a_tenant_is_what_the_path_says_and_not_what_a_header_says() {
    let events = Events::default();
    let tenant_of = |parts: &http::request::Parts| {
        let path = parts.uri.path().strip_prefix("/tenants/")?;
        path.split('/').next()?.parse().ok()
    };
    let require = RequireLayer::new(roles().require("orders:read").unwrap())
        .tenant_with(tenant_of)
        .audit(Arc::new(events.clone()));
    let stack = Stack::new(require, AuthLayer::required(Names { later: false }));
    for (path, status) in [
        ("/tenants/acme/orders", 200),
        ("/tenants/globex/orders", 403),
    ] {
        let mut request = bearer("viewer");
        *request.uri_mut() = path.parse().unwrap();
        let tenant = HeaderValue::from_static("acme");
        request.headers_mut().insert("x-tenant", tenant);
        let response = ask(&stack, request).await;
        assert_eq!(response.status(), status, "{path}");
    }
    assert_eq!(events.kinds(), [(EventKind::AuthzFail, Some("tenant"))]);

    // The same by an extension that a router put there.
    let require = RequireLayer::new(Requirement::default().tenant());
    let stack = Stack::new(require, AuthLayer::required(Names { later: false }));
    for (tenant, status) in [(Some("acme"), 200), (Some("globex"), 403), (None, 403)] {
        let mut request = bearer("viewer");
        if let Some(tenant) = tenant {
            let tenant = RequestTenant(tenant.parse().unwrap());
            request.extensions_mut().insert(tenant);
        }
        let response = ask(&stack, request).await;
        assert_eq!(response.status(), status, "{tenant:?}");
    }
}

#[tokio::test]
async fn rights_without_anybody_who_looks_for_credentials_are_a_fault_of_the_stack() {
    let events = Events::default();
    let require = RequireLayer::new(Requirement::default()).audit(Arc::new(events.clone()));
    let response = ask(&require, bearer("viewer")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        events.kinds(),
        [(EventKind::LayerMisconfigured, Some("no_auth_layer"))]
    );

    // Somebody looked, and found nobody.
    let stack = Stack::new(require, AuthLayer::optional(Names { later: false }));
    let response = ask(&stack, anonymous()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(response.headers()), [r#"Bearer realm="api""#]);
}

#[tokio::test]
async fn of_two_schemes_the_one_whose_credential_it_is_decides() {
    #[derive(Debug)]
    struct Keys;
    impl Scheme for Keys {
        fn names(&self) -> Vec<SchemeName> {
            vec![SchemeName::ApiKey]
        }

        fn check(&self, presented: Presented<'_>, _knock: &Knock<'_>) -> Option<Verdict> {
            let key = presented.expose_secret().strip_prefix("acme_")?;
            Some(Verdict::Now(Ok(principal(key).into())))
        }
    }
    let layer = AuthLayer::required((Keys, Names { later: false })).report_subject();
    let mut key = anonymous();
    key.headers_mut()
        .insert("x-api-key", HeaderValue::from_static("acme_editor"));
    for (request, user) in [
        (key, "editor"),
        (bearer("acme_viewer"), "viewer"),
        (bearer("viewer"), "viewer"),
    ] {
        let response = ask(&layer, request).await;
        let subject = response.extensions().get::<Subject>().unwrap();
        assert_eq!(subject.user(), Some(user));
    }
    let response = ask(&layer, anonymous()).await;
    assert_eq!(
        challenges(response.headers()),
        [r#"ApiKey realm="api""#, r#"Bearer realm="api""#]
    );
}

#[tokio::test]
async fn what_takes_another_proof_is_not_asked_for_this_one() {
    for layer in [AuthLayer::required, AuthLayer::optional] {
        let layer = layer(Names { later: false }).exempt("/auth/refresh".parse().unwrap());
        for (path, status) in [("/auth/refresh", 200), ("/auth/refresh/", 401), ("/", 401)] {
            let mut request = bearer("wrong");
            *request.uri_mut() = path.parse().unwrap();
            let response = ask(&layer, request).await;
            assert_eq!(response.status(), status, "{path}");
        }
        // Nobody was let in as somebody: what stands further in asks for credentials.
        let require = RequireLayer::new(Requirement::default());
        let mut request = bearer("viewer");
        *request.uri_mut() = "/auth/refresh".parse().unwrap();
        let response = ask(&Stack::new(require, layer), request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}
