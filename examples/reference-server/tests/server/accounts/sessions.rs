use std::collections::HashSet;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, LOGIN, access_token, ask, post, register};
use crate::support::{ADMIN, Answer, Directory, PASSWORD, Server, create_admin, eventually};

const REFRESH: &str = "/api/v1/auth/refresh";
const REVOKE: &str = "/api/v1/auth/revoke";
const SESSIONS: &str = "/api/v1/sessions";

fn refresh_token(tokens: &Value) -> String {
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

async fn refresh(server: &Server, token: &str) -> Answer {
    post(server, REFRESH, &json!({ "refresh_token": token })).await
}

#[tokio::test]
async fn a_session_goes_on_with_the_next_tokens() {
    let server = Server::start().await;
    let first = server.login(ADMIN, PASSWORD).await;
    let next = refresh(&server, &refresh_token(&first)).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    let next = next.value();
    assert_eq!(next["session_id"], first["session_id"]);
    assert_eq!(next["token_type"], "Bearer");
    assert_ne!(next["refresh_token"], first["refresh_token"]);
    for tokens in [&first, &next] {
        // To the second: the whole lifetime of what was made for the answer.
        assert_eq!(tokens["expires_in"], 600, "{tokens}");
        assert_eq!(tokens["refresh_expires_in"], 14 * 86_400, "{tokens}");
    }
    let me = ask(&server, Method::GET, "/api/v1/me", &access_token(&next)).await;
    assert_eq!(me.status, StatusCode::OK);
    for wrong in ["rt_nonsense", "", &access_token(&next)] {
        let refused = refresh(&server, wrong).await;
        assert_eq!(refused.problem(), "invalid-grant", "{wrong}");
        assert_eq!(refused.value()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn what_a_session_is_asked_for_is_read_as_strictly_as_anything_else() {
    let server = Server::start().await;
    for (path, member) in [(REFRESH, "refresh_token"), (REVOKE, "token")] {
        for (body, pointer) in [
            (json!({}), format!("/{member}")),
            (json!({ member: 7 }), format!("/{member}")),
            (json!({ member: "rt_x", "other": 1 }), "/other".to_owned()),
            (json!([member]), String::new()),
        ] {
            let refused = post(&server, path, &body).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(refused.problem(), "invalid-request", "{body}");
            assert_eq!(refused.pointers(), [pointer], "{body}");
        }
        let call = server.nobody(&Method::POST, path);
        let refused = call.json("{").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.problem(), "malformed-json");
    }
}

// RFC 6749 6 and 5.2, RFC 7009 2
#[tokio::test]
async fn clients_that_know_oauth_send_forms_and_are_answered_in_its_words() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let server = Server::start().await;
    let send = async |path: &str, form: &str| {
        let call = server.nobody(&Method::POST, path);
        let body = bytes::Bytes::copy_from_slice(form.as_bytes());
        call.header("content-type", FORM).body(body).await
    };
    let token = refresh_token(&server.login(ADMIN, PASSWORD).await);
    let form = format!("grant_type=refresh_token&refresh_token={token}&not_known=1");
    let next = send(REFRESH, &form).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    let next = refresh_token(&next.value());
    for (form, error) in [
        (
            "grant_type=refresh_token&refresh_token=rt_x",
            "invalid_grant",
        ),
        ("grant_type=refresh_token", "invalid_request"),
        (
            "grant_type=password&refresh_token=rt_x",
            "unsupported_grant_type",
        ),
    ] {
        let refused = send(REFRESH, form).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{form}");
        assert_eq!(refused.header("content-type"), "application/json");
        assert_eq!(refused.value()["error"], error);
    }
    for token in ["rt_x", &next] {
        let given_back = send(REVOKE, &format!("token={token}&token_type_hint=x")).await;
        assert_eq!(given_back.status, StatusCode::NO_CONTENT, "{given_back:?}");
    }
    let ended = refresh(&server, &next).await;
    assert_eq!(ended.problem(), "invalid-grant");
    // Nowhere else, where a form of another site's page would come as well.
    let login = send(LOGIN, "email=ada%40example.com&password=x").await;
    assert_eq!(login.problem(), "unsupported-content-type");
    let text = server.nobody(&Method::POST, REFRESH);
    let text = text.header("content-type", "text/plain");
    let text = text.body(bytes::Bytes::from_static(b"rt_x")).await;
    assert_eq!(text.problem(), "unsupported-content-type");
}

// AUTH case 1, over sockets.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_refreshes_at_once_get_one_and_the_same_token() {
    let server = Arc::new(Server::start().await);
    let token = refresh_token(&server.login(ADMIN, PASSWORD).await);
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (server, token) = (Arc::clone(&server), token.clone());
            tokio::spawn(async move { refresh(&server, &token).await })
        })
        .collect();
    let mut tokens = HashSet::new();
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        tokens.insert(refresh_token(&answer.value()));
    }
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn a_token_that_comes_again_ends_its_session() {
    let server = Server::with(&["--refresh-grace=0s"]).await;
    let first = server.login(ADMIN, PASSWORD).await;
    let next = refresh(&server, &refresh_token(&first)).await.value();
    assert_eq!(
        refresh(&server, &refresh_token(&first)).await.problem(),
        "invalid-grant"
    );
    // Neither of the two who have a token goes on, nor do the access tokens.
    assert_eq!(
        refresh(&server, &refresh_token(&next)).await.problem(),
        "invalid-grant"
    );
    for tokens in [&first, &next] {
        let answer = ask(&server, Method::GET, "/api/v1/me", &access_token(tokens)).await;
        assert_eq!(answer.problem(), "invalid-token");
    }
    server.login(ADMIN, PASSWORD).await;
}

#[tokio::test]
async fn every_tenant_refreshes_at_the_same_endpoint() {
    let directory = Directory::new();
    let database = directory.with_admin();
    create_admin(&directory.path(), "acme", "eve@example.com", GOOD);
    let server = Server::with(&[&database]).await;
    let body = json!({ "email": "eve@example.com", "password": GOOD, "tenant": "acme" });
    let tokens = post(&server, LOGIN, &body).await.value();
    let next = refresh(&server, &refresh_token(&tokens)).await;
    assert_eq!(next.status, StatusCode::OK, "{next:?}");
    let said = super::claims(&access_token(&next.value()));
    assert_eq!(said["tenant"], "acme");
}

#[tokio::test]
async fn a_refresh_reads_the_account_anew() {
    let server = Server::start().await;
    let id = register(&server, "ann@example.com").await;
    let tokens = server.login("ann@example.com", GOOD).await;
    let change = async |body: &str| {
        let call = server.request(&Method::PATCH, &format!("/api/v1/admin/users/{id}"));
        assert_eq!(call.json(body).await.status, StatusCode::OK);
    };
    change(r#"{"roles":["editor"]}"#).await;
    let next = refresh(&server, &refresh_token(&tokens)).await.value();
    assert_eq!(
        super::claims(&access_token(&next))["roles"],
        json!(["editor"])
    );
    change(r#"{"disabled":true}"#).await;
    assert_eq!(
        refresh(&server, &refresh_token(&next)).await.problem(),
        "invalid-grant"
    );
}

#[tokio::test]
async fn any_token_can_be_given_back() {
    let server = Server::start().await;
    let first = server.login(ADMIN, PASSWORD).await;
    let next = refresh(&server, &refresh_token(&first)).await.value();
    for token in [
        "nonsense".to_owned(),
        refresh_token(&first),
        refresh_token(&first),
    ] {
        let answer = post(&server, REVOKE, &json!({ "token": token })).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (StatusCode::NO_CONTENT, 0)
        );
    }
    assert_eq!(
        refresh(&server, &refresh_token(&next)).await.problem(),
        "invalid-grant"
    );
    let me = ask(&server, Method::GET, "/api/v1/me", &access_token(&next)).await;
    assert_eq!(me.problem(), "invalid-token");
}

// It was answered as if it had ended, and went on until it expired.
#[tokio::test]
async fn an_access_token_that_is_given_back_ends_its_session() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let here = server.login("ann@example.com", GOOD).await;
    let there = server.login("ann@example.com", GOOD).await;
    let me = async |tokens: &Value| {
        let answer = ask(&server, Method::GET, "/api/v1/me", &access_token(tokens)).await;
        answer.status
    };
    let own = access_token(&here);
    let (head, _) = own.rsplit_once('.').unwrap();
    let other = access_token(&there);
    let (_, signature) = other.rsplit_once('.').unwrap();
    let forged = format!("{head}.{signature}");
    let id = here["session_id"].as_str().unwrap().to_owned();
    for token in [forged, id] {
        let given_back = post(&server, REVOKE, &json!({ "token": token })).await;
        assert_eq!(given_back.status, StatusCode::NO_CONTENT);
        assert_eq!(me(&here).await, StatusCode::OK);
    }
    let hint = json!({ "token": own, "token_type_hint": "access_token" });
    for _ in 0..2 {
        let given_back = post(&server, REVOKE, &hint).await;
        assert_eq!(given_back.status, StatusCode::NO_CONTENT, "{given_back:?}");
        assert_eq!(me(&here).await, StatusCode::UNAUTHORIZED);
    }
    let refreshed = refresh(&server, &refresh_token(&here)).await;
    assert_eq!(refreshed.problem(), "invalid-grant");
    assert_eq!(me(&there).await, StatusCode::OK);
    let events = eventually(async || {
        let trail = server
            .get("/api/v1/admin/audit?event=authn_token_revoked")
            .await
            .value();
        let events = trail["items"].as_array().unwrap().clone();
        events
            .iter()
            .any(|event| event["reason"] == "token_revoked")
            .then_some(events)
    })
    .await;
    for event in events {
        assert_eq!(event["session_id"], here["session_id"]);
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let here = server.login("ann@example.com", GOOD).await;
    let there = server.login("ann@example.com", GOOD).await;
    let elsewhere = server.login("ann@example.com", GOOD).await;
    let token = access_token(&here);
    let list = async || {
        let listed = ask(&server, Method::GET, SESSIONS, &token).await.value();
        let items = listed["items"].as_array().unwrap().iter();
        items
            .map(|item| (item["id"].clone(), item["current"].clone()))
            .collect::<Vec<_>>()
    };
    let listed = list().await;
    assert_eq!(listed.len(), 3);
    assert!(listed.contains(&(here["session_id"].clone(), json!(true))));
    assert!(listed.contains(&(there["session_id"].clone(), json!(false))));

    let path = format!("{SESSIONS}/{}", there["session_id"].as_str().unwrap());
    let read = ask(&server, Method::GET, &path, &token).await.value();
    assert_eq!(read["id"], there["session_id"]);
    assert_eq!(read["current"], false);
    // Others' sessions are not there.
    for method in [Method::GET, Method::DELETE] {
        let refused = server.request(&method, &path).send().await;
        assert_eq!(refused.problem(), "no-such-session");
    }
    assert_eq!(
        ask(&server, Method::DELETE, &path, &token).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        refresh(&server, &refresh_token(&there)).await.problem(),
        "invalid-grant"
    );
    let me = ask(&server, Method::GET, "/api/v1/me", &access_token(&there)).await;
    assert_eq!(me.problem(), "invalid-token");

    assert_eq!(
        ask(&server, Method::DELETE, SESSIONS, &token).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        refresh(&server, &refresh_token(&elsewhere)).await.problem(),
        "invalid-grant"
    );
    assert_eq!(list().await.len(), 1);
    let nobody = server.nobody(&Method::GET, SESSIONS).send().await;
    assert_eq!(nobody.problem(), "authentication-required");
}

#[tokio::test]
async fn a_browser_keeps_the_refresh_token_where_no_script_reads_it() {
    let server = Server::start().await;
    let body = json!({ "email": ADMIN, "password": PASSWORD, "cookie": true });
    let answer = post(&server, LOGIN, &body).await;
    assert!(answer.value().get("refresh_token").is_none());
    let cookies = answer.headers.get_all("set-cookie").iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    let cookie = cookies
        .iter()
        .find(|cookie| cookie.starts_with("__Host-rt="));
    let (pair, attributes) = cookie.unwrap().split_once(';').unwrap();
    for attribute in [
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
        "Max-Age=1209",
    ] {
        assert!(attributes.contains(attribute), "{attributes}");
    }

    let with = async |headers: &[(&'static str, &'static str)]| {
        let mut call = server.nobody(&Method::POST, REFRESH).header("cookie", pair);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await
    };
    for foreign in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://issuer.test"),
        ],
    ] {
        let refused = with(foreign).await;
        assert_eq!(refused.problem(), "cross-site-request", "{foreign:?}");
    }
    let both = server.nobody(&Method::POST, REFRESH).header("cookie", pair);
    let both = both.header("sec-fetch-site", "same-origin");
    let both = both.json(r#"{"refresh_token":"rt_x"}"#).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST);

    for own in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "http://issuer.test"),
    ] {
        let next = with(&[own]).await;
        assert_eq!(next.status, StatusCode::OK, "{next:?}");
        assert!(next.value().get("refresh_token").is_none());
        assert!(next.header("set-cookie").starts_with("__Host-rt="));
    }
    let out = server.nobody(&Method::POST, "/api/v1/auth/logout");
    let out = out.token(&access_token(&answer.value())).send().await;
    assert!(out.header("set-cookie").starts_with("__Host-rt=;"));
    let refused = with(&[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(refused.problem(), "invalid-grant");
    assert!(refused.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn sessions_go_on_after_a_restart() {
    let directory = Directory::new();
    let database = directory.with_admin();
    let server = Server::with(&[&database]).await;
    let tokens = server.login(ADMIN, PASSWORD).await;
    server.terminate();
    assert!(server.ended().await.0.success());
    let server = Server::with(&[&database]).await;
    let next = refresh(&server, &refresh_token(&tokens)).await;
    assert_eq!(next.status, StatusCode::OK);
    assert_eq!(next.value()["session_id"], tokens["session_id"]);
}

#[tokio::test]
async fn others_find_the_keys_where_the_issuer_says() {
    let server = Server::start().await;
    let found = server.nobody(&Method::GET, "/.well-known/openid-configuration");
    let found = found.send().await.value();
    assert_eq!(found["issuer"], "http://issuer.test");
    assert_eq!(
        found["jwks_uri"],
        "http://issuer.test/.well-known/jwks.json"
    );
    assert_eq!(found["grant_types_supported"], json!(["refresh_token"]));
    for endpoint in ["token", "revocation"] {
        let methods = &found[format!("{endpoint}_endpoint_auth_methods_supported")];
        assert_eq!(*methods, json!(["none"]), "{endpoint}");
    }
    assert_eq!(
        found["id_token_signing_alg_values_supported"],
        json!(["HS256"])
    );
    // A shared secret is nobody's to read.
    let keys = server
        .nobody(&Method::GET, "/.well-known/jwks.json")
        .send()
        .await;
    assert_eq!(keys.value(), json!({ "keys": [] }));
}
