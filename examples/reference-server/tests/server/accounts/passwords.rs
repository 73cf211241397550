use http::{Method, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::{GOOD, LOGIN, access_token, ask, post, register};
use crate::support::{Answer, Server, eventually};

const NEW: &str = "eight purple ferry rides";

async fn change(server: &Server, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    let call = server.nobody(&Method::POST, "/api/v1/auth/password");
    call.token(token).json(&body.to_string()).await
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_the_one_that_set_it() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let here = access_token(&server.login("ann@example.com", GOOD).await);
    let there = access_token(&server.login("ann@example.com", GOOD).await);
    assert_eq!(
        change(&server, &here, GOOD, NEW).await.status,
        StatusCode::NO_CONTENT
    );

    let me = async |token: &str| ask(&server, Method::GET, "/api/v1/me", token).await;
    assert_eq!(me(&here).await.status, StatusCode::OK);
    assert_eq!(me(&there).await.problem(), "invalid-token");
    let old = json!({ "email": "ann@example.com", "password": GOOD });
    assert_eq!(
        post(&server, LOGIN, &old).await.problem(),
        "invalid-credentials"
    );
    server.login("ann@example.com", NEW).await;
}

// AUTH case 16
#[tokio::test]
async fn no_login_with_the_old_password_outlives_its_change() {
    let server = Server::with(&["--sign-in-limit=off"]).await;
    register(&server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let old = json!({ "email": "ann@example.com", "password": GOOD }).to_string();
    let logins = (0..20).map(|_| {
        let (call, body) = (server.nobody(&Method::POST, LOGIN), old.clone());
        tokio::spawn(async move { call.json(&body).await })
    });
    let logins: Vec<_> = logins.collect();
    let changed = change(&server, &token, GOOD, NEW).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    for login in logins {
        let answer = login.await.unwrap();
        if answer.status != StatusCode::OK {
            assert_eq!(answer.problem(), "invalid-credentials");
            continue;
        }
        let tokens = answer.value();
        let me = ask(&server, Method::GET, "/api/v1/me", &access_token(&tokens)).await;
        assert_eq!(me.problem(), "invalid-token");
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        let refreshed = post(&server, "/api/v1/auth/refresh", &body).await;
        assert_eq!(refreshed.problem(), "invalid-grant");
    }
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_it_and_only_to_a_good_one() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    assert_eq!(
        change(&server, &token, "wrong yellow tram ticket", NEW)
            .await
            .problem(),
        "wrong-password"
    );
    for new in ["short", GOOD, "ann@example.com"] {
        let refused = change(&server, &token, GOOD, new).await;
        assert_eq!(refused.problem(), "invalid-request", "{new}");
        assert_eq!(refused.pointers()[0], "/new_password");
    }
    let nobody = post(&server, "/api/v1/auth/password", &json!({})).await;
    assert_eq!(nobody.problem(), "authentication-required");
    server.login("ann@example.com", GOOD).await;
}

// A stolen access token must not become a password. Its thief shut the owner out, since all guesses shared one counter.
#[tokio::test]
async fn guesses_with_a_stolen_token_are_bounded_and_hold_nobody_else_back() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let stolen = access_token(&server.login("ann@example.com", GOOD).await);
    let own = access_token(&server.login("ann@example.com", GOOD).await);
    let delete = async |token: &str, password: &str| {
        let call = server.nobody(&Method::DELETE, "/api/v1/me").token(token);
        call.json(&json!({ "password": password }).to_string())
            .await
    };
    let mut refused = Vec::new();
    for attempt in 0..7 {
        let wrong = "wrong yellow tram ticket";
        let answer = match attempt % 2 {
            0 => change(&server, &stolen, wrong, NEW).await,
            _ => delete(&stolen, wrong).await,
        };
        refused.push(answer.status.as_u16());
    }
    assert_eq!(refused, [403, 403, 403, 403, 403, 429, 429]);
    // Not even the right one is looked at there, so that nobody finds out which it is.
    let answer = change(&server, &stolen, GOOD, NEW).await;
    assert_eq!(answer.problem(), "too-many-attempts");
    assert!(answer.headers.contains_key("retry-after"));

    // The owner signs in, from a browser that nobody knows, and goes on wherever they are signed in.
    server.login("ann@example.com", GOOD).await;
    assert_eq!(
        change(&server, &own, GOOD, NEW).await.status,
        StatusCode::NO_CONTENT
    );
    let me = ask(&server, Method::GET, "/api/v1/me", &stolen).await;
    assert_eq!(me.problem(), "invalid-token");
}

/// How many passwords were or are being looked at.
async fn hashes(server: &Server) -> u64 {
    let metrics = server.get("/metrics").await;
    let number = |name: &str| -> u64 {
        let mut lines = metrics.text().lines();
        let value = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        value.trim().parse().unwrap()
    };
    number("auth_password_hashes_total ") + number("auth_password_hashes_pending ")
}

// Whoever hung up at the right moment had sessions end without their access tokens, and nothing in the audit trail.
#[tokio::test]
async fn what_was_asked_for_is_done_when_nobody_waits_for_it() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let here = access_token(&server.login("ann@example.com", GOOD).await);
    let there = access_token(&server.login("ann@example.com", GOOD).await);
    let body = json!({ "current_password": GOOD, "new_password": NEW }).to_string();
    let before = hashes(&server).await;
    let mut stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let head = format!(
        "POST /api/v1/auth/password HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {here}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Once it was read as a whole, which shows by its password being looked at.
    eventually(async || (hashes(&server).await > before).then_some(())).await;
    drop(stream);
    eventually(async || {
        let answer = ask(&server, Method::GET, "/api/v1/me", &there).await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    eventually(async || {
        let trail = server
            .get("/api/v1/admin/audit?event=authn_password_change")
            .await;
        (trail.value()["items"] != json!([])).then_some(())
    })
    .await;
    server.login("ann@example.com", NEW).await;
}
