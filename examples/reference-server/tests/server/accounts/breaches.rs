use http::{Method, StatusCode};
use serde_json::json;

use super::{GOOD, LOGIN, REGISTER, access_token, ask, post, register};
use crate::support::{Directory, Server, eventually};

/// What Have I Been Pwned would say of [`GOOD`].
const HASH_OF_GOOD: &str = "6C314FE66A84B9B480F35157BC159F56FC6EC55A";
const BREACHED: &str = "eleven orange cable cars";
const HASH_OF_BREACHED: &str = "2D67C8735DE45101156AED2E7ACDCCFDA8C82515";
const NEW: &str = "eight purple ferry rides";

/// A list of one password, as its downloader writes it.
fn list(directory: &Directory, hash: &str) -> String {
    let path = directory.0.join("breached.txt");
    std::fs::write(&path, format!("{hash}:17\r\n")).unwrap();
    format!("--breach-list={}", path.display())
}

#[tokio::test]
async fn nobody_chooses_a_password_that_is_known_from_a_breach() {
    let directory = Directory::new();
    let list = list(&directory, HASH_OF_BREACHED);
    let server = Server::with(&[&list]).await;
    let body = json!({ "email": "ann@example.com", "password": BREACHED });
    let refused = post(&server, REGISTER, &body).await;
    assert_eq!(refused.pointers(), ["/password"]);
    let said = refused.value()["errors"][0]["detail"].clone();
    assert_eq!(
        said,
        "the password is known from a breach of another service"
    );

    register(&server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let call = server.nobody(&Method::POST, "/api/v1/auth/password");
    let body = json!({ "current_password": GOOD, "new_password": BREACHED });
    let refused = call.token(&token).json(&body.to_string()).await;
    assert_eq!(refused.pointers(), ["/new_password"]);

    let arguments = [&list, &directory.database(), "--email=root@example.com"];
    let (code, _, err) = super::first_admin::create(&arguments, &format!("{BREACHED}\n")).await;
    let sentence = "error: the password is known from a breach of another service\n";
    assert_eq!((code, err.as_str()), (Some(2), sentence));
}

#[tokio::test]
async fn who_signs_in_with_a_breached_password_has_no_rights_before_there_is_another() {
    let directory = Directory::new();
    let database = directory.with_admin();
    let server = Server::with(&[&database]).await;
    register(&server, "ann@example.com").await;
    let before = server.login("ann@example.com", GOOD).await;
    assert!(before.get("must_change_password").is_none());
    server.terminate();
    assert!(server.ended().await.0.success());

    let server = Server::with(&[&database, &list(&directory, HASH_OF_GOOD)]).await;
    let tokens = server.login("ann@example.com", GOOD).await;
    assert_eq!(tokens["must_change_password"], true);
    let get = async |path: &str, token: &str| ask(&server, Method::GET, path, token).await;
    let refresh = async |tokens: &serde_json::Value| {
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        let answer = post(&server, "/api/v1/auth/refresh", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.value()
    };
    // Nor does a session of before have any, once it is refreshed.
    let (next, of_before) = (refresh(&tokens).await, refresh(&before).await);
    for tokens in [&tokens, &next, &of_before] {
        let token = access_token(tokens);
        let me = get("/api/v1/me", &token).await.value();
        assert_eq!(me["must_change_password"], true);
        assert_eq!(me["permissions"], json!([]));
        assert_eq!(me["roles"], json!(["viewer"]));
        let refused = get("/api/v1/projects", &token).await;
        assert_eq!(refused.problem(), "insufficient-rights");
    }
    eventually(async || {
        let trail = server
            .get("/api/v1/admin/audit?event=password_breached")
            .await;
        (trail.value()["items"] != json!([])).then_some(())
    })
    .await;

    let body = json!({ "current_password": GOOD, "new_password": NEW });
    let call = server.nobody(&Method::POST, "/api/v1/auth/password");
    let call = call.token(&access_token(&next));
    let changed = call.json(&body.to_string()).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT);
    let token = access_token(&refresh(&next).await);
    let me = get("/api/v1/me", &token).await.value();
    assert_eq!(me["must_change_password"], false);
    assert_eq!(get("/api/v1/projects", &token).await.status, StatusCode::OK);
    let body = json!({ "email": "ann@example.com", "password": NEW });
    let tokens = post(&server, LOGIN, &body).await.value();
    assert!(tokens.get("must_change_password").is_none());
}
