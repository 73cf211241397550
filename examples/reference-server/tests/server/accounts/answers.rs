//! What the routes around accounts answer alike.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, REGISTER, access_token, ask, post, register};
use crate::support::{Server, eventually};

const ID: &str = "01998d1f-2a3b-7c4d-8e5f-0a1b2c3d4e5f";

/// A key of [`ADMIN`](crate::support::ADMIN) with these scopes.
async fn key(server: &Server, scopes: &[&str]) -> String {
    let body = json!({ "name": "x", "scopes": scopes }).to_string();
    let made = server.post("/api/v1/api-keys", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.value()["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_takes_a_session_says_so_to_every_api_key() {
    let server = Server::start().await;
    let able = key(&server, &["apikeys:write", "apikeys:read"]).await;
    let unable = key(&server, &["projects:read"]).await;
    let session = format!("/api/v1/sessions/{ID}");
    let api_key = format!("/api/v1/api-keys/{ID}");
    let rotate = format!("{api_key}/rotate");
    let routes = [
        (Method::POST, "/api/v1/auth/logout"),
        (Method::POST, "/api/v1/auth/logout-all"),
        (Method::POST, "/api/v1/auth/password"),
        (Method::POST, "/api/v1/auth/mfa/totp"),
        (Method::DELETE, "/api/v1/auth/mfa/totp"),
        (Method::POST, "/api/v1/auth/mfa/totp/verify"),
        (Method::POST, "/api/v1/auth/mfa/recovery-codes"),
        (Method::DELETE, "/api/v1/me"),
        (Method::GET, "/api/v1/me/export"),
        (Method::GET, "/api/v1/sessions"),
        (Method::DELETE, "/api/v1/sessions"),
        (Method::GET, &session),
        (Method::DELETE, &session),
        (Method::POST, "/api/v1/api-keys"),
        (Method::DELETE, &api_key),
        (Method::POST, &rotate),
    ];
    for (method, path) in routes {
        for key in [&able, &unable] {
            let call = server.nobody(&method, path).header("x-api-key", key);
            let refused = call.send().await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}");
            assert_eq!(refused.problem(), "session-required", "{method} {path}");
        }
        let nobody = server.nobody(&method, path).send().await;
        assert_ne!(nobody.problem(), "session-required", "{method} {path}");
    }
    // It is the credential that is refused, and not those who have it.
    let own = server.get("/api/v1/sessions").await;
    assert_eq!(own.status, StatusCode::OK);
}

/// The moments in what was answered, by the names of their members.
fn moments(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().flat_map(moments).collect(),
        Value::Object(members) => {
            let own = members.iter().filter_map(|(name, value)| {
                let is_moment = name == "at" || name.ends_with("_at");
                value.as_str().filter(|_| is_moment)
            });
            own.chain(members.values().flat_map(moments)).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn moments_are_written_with_milliseconds_everywhere() {
    let server = Server::start().await;
    key(&server, &["projects:read"]).await;
    let configs = server.project("shop").await;
    let made = server.put(&format!("{configs}/app"), "{}").await;
    let mut found = moments(&made.value()).len();
    for path in [
        "/api/v1/me",
        "/api/v1/me/export",
        "/api/v1/sessions",
        "/api/v1/api-keys",
        "/api/v1/admin/users",
        "/api/v1/admin/audit",
        "/api/v1/projects",
        "/api/v1/projects/shop",
        &configs,
        &format!("{configs}/app/versions"),
    ] {
        // What has happened is written in a moment.
        let answer = eventually(async || {
            let answer = server.get(path).await.value();
            (!moments(&answer).is_empty()).then_some(answer)
        })
        .await;
        for moment in moments(&answer) {
            let shape: String = moment
                .chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect();
            assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{path}");
            found += 1;
        }
    }
    // With one in ten of them ending in a zero, which was left out.
    assert!(found > 20, "{found}");
}

#[tokio::test]
async fn an_export_has_the_names_that_the_lists_have() {
    let server = Server::start().await;
    let sessions = server.get("/api/v1/sessions").await.value();
    let keys = server.get("/api/v1/api-keys").await.value();
    let export = server.get("/api/v1/me/export").await.value();
    assert_eq!(export["sessions"], sessions["items"]);
    assert_eq!(export["api_keys"], keys["items"]);
    let id = sessions["items"][0]["id"].as_str().unwrap();
    let one = server.get(&format!("/api/v1/sessions/{id}")).await.value();
    assert_eq!(one, sessions["items"][0]);
}

#[tokio::test]
async fn a_listing_is_asked_for_in_one_way() {
    let server = Server::start().await;
    let (users, audit) = ("/api/v1/admin/users", "/api/v1/admin/audit");
    let projects = "/api/v1/projects";
    for (path, query, parameter) in [
        (users, "limit=1&limit=1", "limit"),
        (users, "cursor=x", "cursor"),
        (users, "cursor=", "cursor"),
        (users, "subject=x", "subject"),
        (audit, "cursor=x", "cursor"),
        (audit, "event=a&event=b", "event"),
        (audit, "subject=a&subject=a", "subject"),
        (audit, "limit=0", "limit"),
        (projects, "cursor=shop&cursor=shop", "cursor"),
        (projects, "cursor=Shop", "cursor"),
        (projects, "limit=1&limit=2", "limit"),
    ] {
        let refused = server.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}?{query}");
        assert_eq!(refused.problem(), "invalid-query", "{path}?{query}");
        assert_eq!(refused.value()["parameter"], parameter, "{path}?{query}");
    }
    register(&server, "ann@example.com").await;
    for path in [users, audit] {
        let first = eventually(async || {
            let first = server.get(&format!("{path}?limit=1")).await.value();
            first["next_cursor"].is_string().then_some(first)
        })
        .await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let next = server.get(&format!("{path}?limit=1&cursor={cursor}")).await;
        assert_eq!(next.status, StatusCode::OK, "{next:?}");
        assert_ne!(next.value()["items"], first["items"]);
    }
}

#[tokio::test]
async fn a_scope_that_there_is_not_is_a_fault_of_the_request() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let viewer = access_token(&server.login("ann@example.com", GOOD).await);
    let make = async |scope: &str| {
        let body = json!({ "name": "x", "scopes": [scope] }).to_string();
        let call = server.nobody(&Method::POST, "/api/v1/api-keys");
        call.token(&viewer).json(&body).await
    };
    for unknown in ["orders:read", "projects:burn", "projects", "orders:*", ""] {
        let refused = make(unknown).await;
        assert_eq!(refused.problem(), "invalid-request", "{unknown}");
        assert_eq!(refused.pointers(), ["/scopes"], "{unknown}");
    }
    // Known, and not theirs to give away.
    for beyond in ["projects:write", "projects:*", "users:read"] {
        assert_eq!(
            make(beyond).await.problem(),
            "beyond-own-rights",
            "{beyond}"
        );
    }
    assert_eq!(make("projects:read").await.status, StatusCode::CREATED);
}

// What looks like an address is masked in answers, and so is an example of one.
#[tokio::test]
async fn what_an_address_has_to_look_like_is_said_in_words_that_come_through() {
    let server = Server::start().await;
    let body = json!({ "email": "ann", "password": GOOD });
    let refused = post(&server, REGISTER, &body).await;
    assert_eq!(refused.pointers(), ["/email"]);
    let detail = refused.value()["errors"][0]["detail"].clone();
    let detail = detail.as_str().unwrap();
    assert!(
        !detail.contains('*') && !detail.contains("REDACTED"),
        "{detail}"
    );
    assert!(detail.contains("254"), "{detail}");
}

#[tokio::test]
async fn a_session_of_nobody_is_not_there() {
    let server = Server::start().await;
    for id in [ID, "x", "%20"] {
        for method in [Method::GET, Method::DELETE] {
            let path = format!("/api/v1/sessions/{id}");
            let refused = ask(&server, method, &path, server.token()).await;
            assert_eq!(refused.problem(), "no-such-session", "{id}");
        }
    }
}
