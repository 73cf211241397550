//! What administrators do for those who do not get in any more.

use http::{Method, StatusCode};
use serde_json::json;

use super::second_factor::{code, login, verify, with_factor};
use super::{GOOD, LOGIN, ask, post, register, viewer};
use crate::support::{Answer, Directory, Server, create_admin, eventually};

async fn unlock(server: &Server, id: &str) -> Answer {
    let path = format!("/api/v1/admin/users/{id}/unlock");
    server.request(&Method::POST, &path).send().await
}

async fn remove_factors(server: &Server, id: &str) -> Answer {
    let path = format!("/api/v1/admin/users/{id}/mfa");
    server.request(&Method::DELETE, &path).send().await
}

async fn id(server: &Server, token: &str) -> String {
    let me = ask(server, Method::GET, "/api/v1/me", token).await.value();
    me["id"].as_str().unwrap().to_owned()
}

/// What takes weeks to come about: whoever waits between tries fails a hundred times in a row.
async fn set(directory: &Directory, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let done = sqlx::query(statement).execute(&pool).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{statement}");
    pool.close().await;
}

#[tokio::test]
async fn an_owner_whom_wrong_passwords_hold_back_signs_in_again() {
    let directory = Directory::new();
    let server = Server::with(&[&directory.with_admin()]).await;
    let id = register(&server, "ann@example.com").await;
    let right = json!({ "email": "ann@example.com", "password": GOOD });
    let wrong = json!({ "email": "ann@example.com", "password": "wrong yellow tram ticket" });
    for _ in 0..5 {
        let answer = post(&server, LOGIN, &wrong).await;
        assert_eq!(answer.problem(), "invalid-credentials");
    }
    assert_eq!(
        post(&server, LOGIN, &right).await.problem(),
        "too-many-attempts"
    );
    assert_eq!(unlock(&server, &id).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post(&server, LOGIN, &wrong).await.status, 401);

    // After a hundred in a row there is no pause that ends.
    let hundred = "UPDATE auth_throttle SET total = 100, count = 0 WHERE total > 0";
    set(&directory, hundred).await;
    let held_back = post(&server, LOGIN, &right).await;
    assert_eq!(held_back.problem(), "too-many-attempts");
    assert_eq!(held_back.header("retry-after"), "900");
    assert_eq!(unlock(&server, &id).await.status, StatusCode::NO_CONTENT);
    assert_eq!(post(&server, LOGIN, &right).await.status, StatusCode::OK);

    let own = self::id(&server, server.token()).await;
    let reasons = eventually(async || {
        let trail = server
            .get("/api/v1/admin/audit?event=authz_admin")
            .await
            .value();
        let events = trail["items"].as_array().unwrap().iter();
        let reasons = events.map(|event| {
            let of = (&event["subject"], &event["actor_id"]);
            assert_eq!(of, (&json!(id), &json!(own)));
            event["reason"].as_str().unwrap().to_owned()
        });
        let reasons: Vec<_> = reasons.collect();
        (reasons.len() == 4).then_some(reasons)
    })
    .await;
    assert_eq!(
        reasons,
        [
            "sign_in_unlocked",
            "mfa_thawed",
            "sign_in_unlocked",
            "mfa_thawed"
        ]
    );
}

#[tokio::test]
async fn a_factor_that_takes_no_more_codes_is_thawed() {
    let directory = Directory::new();
    let server = Server::with(&[&directory.with_admin()]).await;
    let (token, secret) = with_factor(&server).await;
    let id = id(&server, &token).await;
    let mfa_token = async || login(&server, None).await.value()["mfa_token"].clone();
    let shown = async |code: &str| {
        let body = json!({ "mfa_token": mfa_token().await, "code": code });
        verify(&server, None, body).await
    };
    assert_eq!(shown("000000").await.problem(), "invalid-code");
    set(&directory, "UPDATE auth_totp_owner SET in_a_row = 50").await;
    let next = code(&secret, 1);
    assert_eq!(shown(&next).await.problem(), "second-factor-frozen");
    assert_eq!(unlock(&server, &id).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shown(&next).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_factor_that_was_lost_is_taken_away() {
    let server = Server::start().await;
    let (token, _) = with_factor(&server).await;
    let id = id(&server, &token).await;
    let pending = login(&server, None).await.value();
    assert_eq!(
        remove_factors(&server, &id).await.status,
        StatusCode::NO_CONTENT
    );
    let tokens = login(&server, None).await.value();
    assert!(tokens["access_token"].is_string(), "{tokens}");
    // What was asked for before is good for nothing.
    let body = json!({ "mfa_token": pending["mfa_token"], "code": "000000" });
    assert_eq!(verify(&server, None, body).await.problem(), "invalid-code");
    assert_eq!(
        remove_factors(&server, &id).await.problem(),
        "no-such-resource"
    );
    let event = eventually(async || {
        let trail = server
            .get("/api/v1/admin/audit?event=mfa_removed")
            .await
            .value();
        trail["items"].get(0).cloned()
    })
    .await;
    assert_eq!(
        (&event["subject"], &event["actor_kind"]),
        (&json!(id), &json!("user"))
    );
}

#[tokio::test]
async fn nobody_but_administrators_of_the_tenant_helps() {
    let directory = Directory::new();
    let database = directory.with_admin();
    create_admin(&directory.path(), "acme", "eve@example.com", GOOD);
    let server = Server::with(&[&database]).await;
    let viewer = viewer(&server, "ann@example.com").await;
    let id = id(&server, &viewer).await;
    let eve = json!({ "email": "eve@example.com", "password": GOOD, "tenant": "acme" });
    let eve = post(&server, LOGIN, &eve).await.value();
    let eve = eve["access_token"].as_str().unwrap();
    let key = json!({ "name": "x", "scopes": ["users:write"] });
    let key = server.post("/api/v1/api-keys", &key.to_string()).await;
    let key = key.value()["key"].as_str().unwrap().to_owned();
    for (method, of, by_key) in [
        (Method::POST, format!("{id}/unlock"), "done"),
        (Method::DELETE, format!("{id}/mfa"), "session-required"),
    ] {
        let path = format!("/api/v1/admin/users/{of}");
        let nobody = server.nobody(&method, &path).send().await;
        assert_eq!(nobody.problem(), "authentication-required");
        let refused = ask(&server, method.clone(), &path, &viewer).await;
        assert_eq!(refused.problem(), "insufficient-rights");
        let elsewhere = ask(&server, method.clone(), &path, eve).await;
        assert_eq!(elsewhere.problem(), "no-such-resource");
        let call = server.nobody(&method, &path).header("x-api-key", &key);
        let answer = call.send().await;
        match by_key {
            "done" => assert_eq!(answer.status, StatusCode::NO_CONTENT),
            problem => assert_eq!(answer.problem(), problem),
        }
    }
}
