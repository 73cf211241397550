use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, access_token, ask, register, viewer};
use crate::support::{Answer, Server};

const KEYS: &str = "/api/v1/api-keys";

async fn create(server: &Server, token: &str, body: Value) -> Answer {
    let call = server.nobody(&Method::POST, KEYS).token(token);
    call.json(&body.to_string()).await
}

/// A request with a key, in the header for keys.
async fn with_key(server: &Server, method: Method, path: &str, key: &str) -> Answer {
    server
        .nobody(&method, path)
        .header("x-api-key", key)
        .send()
        .await
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_is_shown_once() {
    let server = Server::start().await;
    server.project("p").await;
    let token = server.token().to_owned();
    let body = json!({ "name": "nightly report", "scopes": ["projects:read", "configs:*"] });
    let made = create(&server, &token, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let made = made.value();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(made["display"].as_str().unwrap()), "{made}");
    assert!(key.starts_with("portcullis_test_"));

    // In either header.
    assert_eq!(
        with_key(&server, Method::GET, "/api/v1/projects", key)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        ask(&server, Method::GET, "/api/v1/projects", key)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        with_key(&server, Method::DELETE, "/api/v1/projects/p", key)
            .await
            .problem(),
        "insufficient-rights"
    );
    let me = with_key(&server, Method::GET, "/api/v1/me", key)
        .await
        .value();
    assert_eq!(me["session_id"], Value::Null);
    assert!(
        !me["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("users:read"))
    );

    let listed = server.get(KEYS).await;
    assert!(!listed.text().contains(key));
    assert_eq!(listed.value()["items"][0]["name"], "nightly report");
    assert_eq!(listed.value()["items"][0]["live"], true);
    let metrics = server.get("/metrics").await;
    let counted = "auth_api_key_validations_total{result=\"valid\"}";
    assert!(
        metrics
            .text()
            .lines()
            .any(|line| line.starts_with(counted) && !line.ends_with(" 0"))
    );
}

#[tokio::test]
async fn a_key_does_not_sign_in_nor_make_others() {
    let server = Server::start().await;
    let token = server.token().to_owned();
    let made = create(&server, &token, json!({ "name": "all", "scopes": ["*:*"] }))
        .await
        .value();
    let key = made["key"].as_str().unwrap();
    for (method, path) in [
        (Method::POST, "/api/v1/auth/logout"),
        (Method::POST, "/api/v1/auth/logout-all"),
        (Method::POST, "/api/v1/auth/password"),
        (Method::POST, "/api/v1/auth/mfa/totp"),
        (Method::POST, KEYS),
        (
            Method::DELETE,
            &format!("{KEYS}/{}", made["id"].as_str().unwrap()),
        ),
    ] {
        let answer = with_key(&server, method.clone(), path, key).await;
        assert_eq!(answer.problem(), "session-required", "{method} {path}");
    }
    // Two credentials are one too many.
    let call = server
        .request(&Method::GET, "/api/v1/me")
        .header("x-api-key", key);
    let call = call.header("authorization", &format!("Bearer {token}"));
    assert_eq!(call.send().await.problem(), "malformed-credentials");
    let in_url = server.nobody(&Method::GET, &format!("/api/v1/me?api_key={key}"));
    assert_eq!(in_url.send().await.problem(), "credential-in-url");
}

#[tokio::test]
async fn a_key_has_no_more_rights_than_its_maker() {
    let server = Server::start().await;
    let token = viewer(&server, "ann@example.com").await;
    let more = create(
        &server,
        &token,
        json!({ "name": "x", "scopes": ["projects:write"] }),
    )
    .await;
    assert_eq!(more.problem(), "beyond-own-rights");
    let all = create(
        &server,
        &token,
        json!({ "name": "x", "scopes": ["projects:*"] }),
    )
    .await;
    assert_eq!(all.problem(), "beyond-own-rights");
    for (body, pointers) in [
        (json!({}), &["/name", "/scopes"][..]),
        (
            json!({ "name": "", "scopes": ["projects:read"] }),
            &["/name"],
        ),
        (json!({ "name": "x", "scopes": [] }), &["/scopes"]),
        (json!({ "name": "x", "scopes": ["read"] }), &["/scopes"]),
        (
            json!({ "name": "x", "scopes": "projects:read" }),
            &["/scopes"],
        ),
        (
            json!({ "name": "x", "scopes": ["projects:read"], "networks": ["x"] }),
            &["/networks"],
        ),
        (
            json!({ "name": "x", "scopes": ["projects:read"], "expires_in_days": 0 }),
            &["/expires_in_days"],
        ),
    ] {
        assert_eq!(
            create(&server, &token, body.clone()).await.pointers(),
            pointers,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_key_gives_nobody_rights_that_it_does_not_have() {
    let server = Server::start().await;
    let id = register(&server, "ann@example.com").await;
    let body = json!({ "name": "users", "scopes": ["users:read", "users:write"] });
    let made = create(&server, server.token(), body).await.value();
    let key = made["key"].as_str().unwrap();
    let path = format!("/api/v1/admin/users/{id}");
    for (change, status) in [
        (json!({ "roles": ["admin"] }), StatusCode::FORBIDDEN),
        (json!({ "roles": ["editor"] }), StatusCode::FORBIDDEN),
        (json!({ "disabled": true }), StatusCode::OK),
    ] {
        let call = server.nobody(&Method::PATCH, &path).token(key);
        let answer = call.json(&change.to_string()).await;
        assert_eq!(answer.status, status, "{change}");
    }
}

#[tokio::test]
async fn a_revoked_key_and_one_whose_owner_is_disabled_are_dead_at_once() {
    let server = Server::start().await;
    let id = register(&server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let body = json!({ "name": "x", "scopes": ["projects:read"] });
    let first = create(&server, &token, body.clone()).await.value();
    let second = create(&server, &token, body.clone()).await.value();
    let use_it = async |key: &Value| {
        let key = key["key"].as_str().unwrap();
        with_key(&server, Method::GET, "/api/v1/projects", key).await
    };
    assert_eq!(use_it(&first).await.status, StatusCode::OK);
    let path = format!("{KEYS}/{}", first["id"].as_str().unwrap());
    // Somebody else's key is not there.
    assert_eq!(
        server
            .request(&Method::DELETE, &path)
            .send()
            .await
            .problem(),
        "no-such-resource"
    );
    assert_eq!(
        ask(&server, Method::DELETE, &path, &token).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(use_it(&first).await.problem(), "invalid-token");
    let rotated = ask(&server, Method::POST, &format!("{path}/rotate"), &token).await;
    assert_eq!(rotated.problem(), "api-key-ended");

    assert_eq!(use_it(&second).await.status, StatusCode::OK);
    let disable = server.request(&Method::PATCH, &format!("/api/v1/admin/users/{id}"));
    disable.json("{\"disabled\":true}").await;
    assert_eq!(use_it(&second).await.problem(), "invalid-token");

    // One character changed, and one that never was.
    let key = second["key"].as_str().unwrap();
    let changed = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('x') { 'y' } else { 'x' }
    );
    let answer = with_key(&server, Method::GET, "/api/v1/projects", &changed).await;
    assert_eq!(answer.problem(), "invalid-token");
}

#[tokio::test]
async fn a_rotated_key_goes_on_beside_its_successor() {
    let server = Server::start().await;
    let token = server.token().to_owned();
    let body = json!({ "name": "x", "scopes": ["projects:read"], "expires_in_days": 30 });
    let first = create(&server, &token, body).await.value();
    let path = format!("{KEYS}/{}/rotate", first["id"].as_str().unwrap());
    let second = ask(&server, Method::POST, &path, &token).await;
    assert_eq!(second.status, StatusCode::CREATED);
    let second = second.value();
    assert_eq!(second["replaces"], first["id"]);
    for key in [&first, &second] {
        let key = key["key"].as_str().unwrap();
        let answer = with_key(&server, Method::GET, "/api/v1/projects", key).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(
        ask(&server, Method::POST, &path, &token).await.problem(),
        "api-key-ended"
    );
}

#[tokio::test]
async fn a_key_is_refused_from_other_networks() {
    let server = Server::start().await;
    let token = server.token().to_owned();
    let scopes = json!(["projects:read"]);
    for (networks, status) in [
        (json!(["127.0.0.0/8"]), StatusCode::OK),
        (json!(["192.0.2.0/24"]), StatusCode::FORBIDDEN),
    ] {
        let body = json!({ "name": "x", "scopes": scopes, "networks": networks });
        let made = create(&server, &token, body).await.value();
        let key = made["key"].as_str().unwrap();
        let answer = with_key(&server, Method::GET, "/api/v1/projects", key).await;
        assert_eq!(answer.status, status, "{networks}");
    }
}

#[tokio::test]
async fn nobody_makes_keys_from_where_many_have_just_failed_to_sign_in() {
    let server = Server::start().await;
    let token = server.token().to_owned();
    let body = json!({ "name": "x", "scopes": ["projects:read"] });
    let made = create(&server, &token, body.clone()).await.value();
    for attempt in 0..30 {
        // What nobody can have as a password is not hashed, and counts all the same.
        let email = format!("{}@example.com", attempt % 10);
        let wrong = json!({ "email": email, "password": "" });
        let answer = super::post(&server, super::LOGIN, &wrong).await;
        assert_eq!(answer.problem(), "invalid-credentials", "{attempt}");
    }
    let refused = create(&server, &token, body).await;
    assert_eq!(refused.problem(), "too-many-attempts");
    let rotate = format!("{KEYS}/{}/rotate", made["id"].as_str().unwrap());
    let refused = ask(&server, Method::POST, &rotate, &token).await;
    assert_eq!(refused.problem(), "too-many-attempts");
    // What there is goes on, and ends.
    let key = made["key"].as_str().unwrap();
    let used = with_key(&server, Method::GET, "/api/v1/projects", key).await;
    assert_eq!(used.status, StatusCode::OK);
    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    assert_eq!(
        ask(&server, Method::DELETE, &path, &token).await.status,
        StatusCode::NO_CONTENT
    );
}
