use http::{Method, StatusCode};
use serde_json::json;

use super::{GOOD, LOGIN, access_token, ask, post, register};
use crate::support::{Answer, Server};

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

// A stolen access token must not become a password.
#[tokio::test]
async fn guesses_with_a_stolen_token_are_counted_like_all_others() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let mut refused = Vec::new();
    for _ in 0..7 {
        let answer = change(&server, &token, "wrong yellow tram ticket", NEW).await;
        refused.push(answer.status.as_u16());
    }
    assert_eq!(refused[..5], [403; 5]);
    assert_eq!(refused[6], 429);
}
