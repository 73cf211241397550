use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, LOGIN, access_token, ask, post, register, viewer};
use crate::support::{ADMIN, Answer, Directory, Server, create_admin, eventually};

const USERS: &str = "/api/v1/admin/users";
const AUDIT: &str = "/api/v1/admin/audit";

async fn change(server: &Server, id: &str, body: Value) -> Answer {
    let call = server.request(&Method::PATCH, &format!("{USERS}/{id}"));
    call.json(&body.to_string()).await
}

/// Makes an account with one role, and returns an access token with it.
async fn with_role(server: &Server, role: &str) -> String {
    let email = format!("{role}@example.com");
    let id = register(server, &email).await;
    let changed = change(server, &id, json!({ "roles": [role] })).await;
    assert_eq!(changed.value()["roles"], json!([role]));
    access_token(&server.login(&email, GOOD).await)
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    server.put(&app, "1").await;
    let tokens = [
        with_role(&server, "viewer").await,
        with_role(&server, "editor").await,
        with_role(&server, "admin").await,
    ];
    let versions = format!("{app}/versions");
    let schema = format!("{app}/schema");
    let restore = format!("{versions}/1/restore");
    // By whom it may be done: viewer, editor, admin. What they may do is then wrong for another reason, and changes nothing.
    for (method, path, may) in [
        (Method::GET, "/api/v1/projects", [true, true, true]),
        (Method::POST, "/api/v1/projects", [false, true, true]),
        (Method::GET, "/api/v1/projects/p", [true, true, true]),
        (Method::DELETE, "/api/v1/projects/p", [false, false, true]),
        (
            Method::GET,
            "/api/v1/projects/p/configs",
            [true, true, true],
        ),
        (Method::GET, &app, [true, true, true]),
        (Method::PUT, &app, [false, true, true]),
        (Method::DELETE, &app, [false, false, true]),
        (Method::GET, &schema, [true, true, true]),
        (Method::PUT, &schema, [false, true, true]),
        (Method::DELETE, &schema, [false, false, true]),
        (Method::GET, &versions, [true, true, true]),
        (Method::POST, &versions, [false, true, true]),
        (Method::GET, &format!("{versions}/1"), [true, true, true]),
        (Method::POST, &restore, [false, true, true]),
        (Method::GET, "/api/v1/me", [true, true, true]),
        (Method::GET, "/api/v1/api-keys", [true, true, true]),
        (Method::POST, "/api/v1/api-keys", [true, true, true]),
        (Method::GET, USERS, [false, false, true]),
        (
            Method::PATCH,
            &format!("{USERS}/nobody"),
            [false, false, true],
        ),
        (Method::GET, AUDIT, [false, false, true]),
    ] {
        for (token, may) in tokens.iter().zip(may) {
            let call = server.nobody(&method, path).token(token);
            let call = call.header("if-match", "\"x\"");
            let answer = call.json("{\"odd\":1").await;
            let refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !may, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(server.get(&app).await.text(), "1");
}

#[tokio::test]
async fn rights_that_are_taken_away_are_gone_at_once() {
    let server = Server::start().await;
    let id = register(&server, "ann@example.com").await;
    let before = access_token(&server.login("ann@example.com", GOOD).await);
    // More rights do not end a session, and take a new token.
    assert_eq!(
        change(&server, &id, json!({ "roles": ["editor"] }))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        ask(&server, Method::GET, "/api/v1/me", &before)
            .await
            .status,
        StatusCode::OK
    );
    let editor = access_token(&server.login("ann@example.com", GOOD).await);
    change(&server, &id, json!({ "roles": ["viewer"] })).await;
    for token in [&before, &editor] {
        let answer = ask(&server, Method::GET, "/api/v1/me", token).await;
        assert_eq!(answer.problem(), "invalid-token");
    }

    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let disabled = change(&server, &id, json!({ "disabled": true })).await;
    assert_eq!(disabled.value()["disabled"], true);
    assert_eq!(
        ask(&server, Method::GET, "/api/v1/me", &token)
            .await
            .problem(),
        "invalid-token"
    );
    let body = json!({ "email": "ann@example.com", "password": GOOD });
    assert_eq!(
        post(&server, LOGIN, &body).await.problem(),
        "invalid-credentials"
    );
    change(&server, &id, json!({ "disabled": false })).await;
    server.login("ann@example.com", GOOD).await;
}

#[tokio::test]
async fn a_tenant_keeps_an_administrator() {
    let server = Server::start().await;
    let own = server.get("/api/v1/me").await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for body in [
        json!({ "roles": ["viewer"] }),
        json!({ "roles": [] }),
        json!({ "disabled": true }),
    ] {
        assert_eq!(change(&server, &own, body).await.problem(), "last-admin");
    }
    let id = register(&server, "ann@example.com").await;
    change(
        &server,
        &id,
        json!({ "roles": ["admin"], "disabled": true }),
    )
    .await;
    // One who cannot sign in is none.
    assert_eq!(
        change(&server, &own, json!({ "disabled": true }))
            .await
            .problem(),
        "last-admin"
    );
    change(&server, &id, json!({ "disabled": false })).await;
    assert_eq!(
        change(&server, &own, json!({ "roles": ["viewer"] }))
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn accounts_are_listed_in_pages_and_changed_strictly() {
    let directory = Directory::new();
    let database = directory.with_admin();
    create_admin(&directory.path(), "acme", "eve@example.com", GOOD);
    let server = Server::with(&[&database]).await;
    for name in ["a", "b", "c"] {
        register(&server, &format!("{name}@example.com")).await;
    }
    let mut emails = Vec::new();
    let mut path = format!("{USERS}?limit=3");
    loop {
        let page = server.get(&path).await.value();
        let items = page["items"].as_array().unwrap().iter();
        emails.extend(items.map(|user| user["email"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{USERS}?limit=3&cursor={cursor}");
    }
    // Of the own tenant, and without anything of a password.
    assert_eq!(
        emails,
        [ADMIN, "a@example.com", "b@example.com", "c@example.com"]
    );
    assert!(!server.get(USERS).await.text().contains("argon2"));

    let id = register(&server, "d@example.com").await;
    for (body, pointer) in [
        (json!({ "roles": ["owner"] }), "/roles"),
        (json!({ "roles": "admin" }), "/roles"),
        (json!({ "disabled": "yes" }), "/disabled"),
        (json!({ "password": "x" }), "/password"),
    ] {
        assert_eq!(change(&server, &id, body).await.pointers(), [pointer]);
    }
    let nobody = change(&server, "01890000-0000-7000-8000-000000000000", json!({})).await;
    assert_eq!(nobody.problem(), "no-such-resource");
    // Nor is there anybody of another tenant.
    let body = json!({ "email": "eve@example.com", "password": GOOD, "tenant": "acme" });
    let eve = access_token(&post(&server, LOGIN, &body).await.value());
    let call = server
        .nobody(&Method::PATCH, &format!("{USERS}/{id}"))
        .token(&eve);
    assert_eq!(
        call.json("{\"disabled\":true}").await.problem(),
        "no-such-resource"
    );
}

#[tokio::test]
async fn what_happens_is_in_the_audit_trail_of_its_tenant() {
    let directory = Directory::new();
    let database = directory.with_admin();
    create_admin(&directory.path(), "acme", "eve@example.com", GOOD);
    let server = Server::with(&[&database]).await;
    let id = register(&server, "ann@example.com").await;
    let wrong = json!({ "email": "ann@example.com", "password": "wrong yellow tram ticket" });
    post(&server, LOGIN, &wrong).await;
    server.login("ann@example.com", GOOD).await;
    change(&server, &id, json!({ "roles": ["editor"] })).await;

    let of = async |query: &str| {
        let page = server.get(&format!("{AUDIT}?{query}")).await.value();
        page["items"].as_array().unwrap().clone()
    };
    let events = eventually(async || {
        let events = of(&format!("subject={id}")).await;
        let names = events
            .iter()
            .map(|event| event["event"].as_str().unwrap().to_owned());
        let names: Vec<_> = names.collect();
        names
            .contains(&"privilege_permissions_changed".to_owned())
            .then_some(events)
    })
    .await;
    let find = |name: &str| {
        let found = events.iter().find(|event| event["event"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {events:?}"))
    };
    assert_eq!(find("authn_login_fail")["reason"], "wrong_password");
    assert_eq!(find("authn_login_successafterfail")["ip"], "127.0.0.1");
    assert!(find("session_created")["session_id"].is_string());
    let changed = find("privilege_permissions_changed");
    assert_eq!(
        (&changed["actor_kind"], &changed["severity"]),
        (&json!("user"), &json!("WARNING"))
    );
    assert_eq!(changed["reason"], "editor");
    assert!(changed["request_id"].is_string());
    let times: Vec<_> = events
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[0] > pair[1]),
        "the newest first"
    );

    // By kind, and in pages.
    let failures = of("event=authn_login_fail").await;
    assert!(
        failures
            .iter()
            .all(|event| event["event"] == "authn_login_fail")
    );
    let first = server.get(&format!("{AUDIT}?limit=1")).await.value();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server
        .get(&format!("{AUDIT}?limit=1&cursor={cursor}"))
        .await
        .value();
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(
        server.get(&format!("{AUDIT}?evnet=x")).await.problem(),
        "invalid-query"
    );

    // Another tenant has its own.
    let body = json!({ "email": "eve@example.com", "password": GOOD, "tenant": "acme" });
    let eve = access_token(&post(&server, LOGIN, &body).await.value());
    let theirs = ask(&server, Method::GET, AUDIT, &eve).await;
    assert!(!theirs.text().contains(&id), "{theirs:?}");
}

#[tokio::test]
async fn the_audit_trail_is_whole_after_a_stop() {
    let directory = Directory::new();
    let database = directory.with_admin();
    let server = Server::with(&[&database]).await;
    let ids = [
        register(&server, "ann@example.com").await,
        register(&server, "bob@example.com").await,
    ];
    let viewer = viewer(&server, "cid@example.com").await;
    ask(&server, Method::POST, "/api/v1/projects", &viewer).await;
    server.terminate();
    assert!(server.ended().await.0.success());
    let server = Server::with(&[&database]).await;
    let trail = server.get(&format!("{AUDIT}?limit=200")).await;
    for id in ids {
        assert!(trail.text().contains(&id));
    }
    assert!(trail.text().contains("authz_fail"));
}
