use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, LOGIN, access_token, ask, post, register};
use crate::support::{Directory, PASSWORD, Server, eventually};

const ME: &str = "/api/v1/me";
const EXPORT: &str = "/api/v1/me/export";

async fn delete(server: &Server, token: &str, password: &str) -> crate::support::Answer {
    let call = server.nobody(&Method::DELETE, ME).token(token);
    call.json(&json!({ "password": password }).to_string())
        .await
}

#[tokio::test]
async fn everybody_reads_all_that_is_kept_about_them() {
    let server = Server::start().await;
    let id = register(&server, "ann@example.com").await;
    let tokens = server.login("ann@example.com", GOOD).await;
    let token = access_token(&tokens);
    let call = server
        .nobody(&Method::POST, "/api/v1/api-keys")
        .token(&token);
    let key = call
        .json(r#"{"name":"x","scopes":["projects:read"]}"#)
        .await;
    let key = key.value()["key"].as_str().unwrap().to_owned();
    let export = eventually(async || {
        let export = ask(&server, Method::GET, EXPORT, &token).await;
        export.text().contains("apikey_created").then_some(export)
    })
    .await;
    let text = export.text();
    for secret in [key.as_str(), "argon2", "nonce", GOOD] {
        assert!(!text.contains(secret), "{text}");
    }
    let export = export.value();
    assert_eq!(export["account"]["id"], id.as_str());
    assert_eq!(export["sessions"][0]["id"], tokens["session_id"]);
    assert_eq!(export["sessions"][0]["current"], true);
    assert_eq!(export["api_keys"][0]["name"], "x");
    let events = export["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["subject"] == id.as_str()));
    let with_key = server
        .nobody(&Method::GET, EXPORT)
        .header("x-api-key", &key);
    assert_eq!(with_key.send().await.problem(), "session-required");
}

#[tokio::test]
async fn an_account_is_deleted_by_its_owner_with_all_that_opens_it() {
    let server = Server::start().await;
    let id = register(&server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let other = access_token(&server.login("ann@example.com", GOOD).await);
    let call = server
        .nobody(&Method::POST, "/api/v1/api-keys")
        .token(&token);
    let key = call
        .json(r#"{"name":"x","scopes":["projects:read"]}"#)
        .await
        .value();
    assert_eq!(
        delete(&server, &token, "wrong yellow tram ticket")
            .await
            .problem(),
        "wrong-password"
    );
    let call = server.nobody(&Method::DELETE, ME).token(&token);
    assert_eq!(call.json("{}").await.pointers(), ["/password"]);

    assert_eq!(
        delete(&server, &token, GOOD).await.status,
        StatusCode::NO_CONTENT
    );
    for token in [&token, &other] {
        assert_eq!(
            ask(&server, Method::GET, ME, token).await.problem(),
            "invalid-token"
        );
    }
    let call = server.nobody(&Method::GET, "/api/v1/projects");
    let call = call.header("x-api-key", key["key"].as_str().unwrap());
    assert_eq!(call.send().await.problem(), "invalid-token");
    let body = json!({ "email": "ann@example.com", "password": GOOD });
    assert_eq!(
        post(&server, LOGIN, &body).await.problem(),
        "invalid-credentials"
    );
    let users = server.get("/api/v1/admin/users").await;
    assert!(!users.text().contains(&id));
    // The address is free again, and whoever has it then is somebody else.
    let again = register(&server, "ann@example.com").await;
    assert_ne!(again, id);
    server.login("ann@example.com", GOOD).await;
}

#[tokio::test]
async fn nothing_of_a_deleted_account_is_left_in_the_file() {
    let directory = Directory::new();
    let server = Server::with(&[&directory.with_admin()]).await;
    register(&server, "ann@example.com").await;
    register(&server, "bob@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let call = server
        .nobody(&Method::POST, "/api/v1/api-keys")
        .token(&token);
    let key = call.json(r#"{"name":"for the night","scopes":["projects:read"]}"#);
    assert_eq!(key.await.status, StatusCode::CREATED);
    let deleted = delete(&server, &token, GOOD).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    server.terminate();
    assert!(server.ended().await.0.success());

    let file = std::fs::read(directory.path()).unwrap();
    let holds = |text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("bob@example.com"));
    for gone in ["ann@example.com", "for the night"] {
        assert!(!holds(gone), "{gone}");
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let server = Server::start().await;
    let refused = delete(&server, server.token(), PASSWORD).await;
    assert_eq!(refused.problem(), "last-admin");
    let me: Value = server.get(ME).await.value();
    assert_eq!(me["roles"], json!(["admin"]));
}
