use http::{Method, StatusCode};
use serde_json::json;

use super::{ask, viewer};
use crate::support::{Directory, Server, create_admin};

#[tokio::test]
async fn without_a_credential_there_is_nothing_but_pages_and_probes() {
    let server = Server::start().await;
    server.project("p").await;
    for path in [
        "/api/v1/me",
        "/api/v1/projects",
        "/api/v1/projects/p",
        "/api/v1/projects/p/configs",
        "/api/v1/projects/p/configs/c",
        "/api/v1/projects/p/configs/c/schema",
        "/api/v1/projects/p/configs/c/versions",
        "/api/v1/projects/p/configs/c/versions/1",
    ] {
        let answer = server.nobody(&Method::GET, path).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.problem(), "authentication-required");
        let challenges = answer.headers.get_all("www-authenticate").iter();
        let challenges: Vec<_> = challenges.map(|value| value.to_str().unwrap()).collect();
        assert!(
            challenges.contains(&"Bearer realm=\"api\""),
            "{challenges:?}"
        );
        assert!(!challenges.join("").contains("error"), "{challenges:?}");
    }
    for path in [
        "/",
        "/docs",
        "/openapi.json",
        "/health",
        "/live",
        "/ready",
        "/metrics",
    ] {
        let answer = server.nobody(&Method::GET, path).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    // What there is not at all needs no credential to be found out.
    let nowhere = server.nobody(&Method::GET, "/api/v1/nowhere").send().await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    server.put(&app, "1").await;
    let token = viewer(&server, "ann@example.com").await;
    for path in ["/api/v1/projects", "/api/v1/projects/p", &app] {
        assert_eq!(
            ask(&server, Method::GET, path, &token).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    for (method, path, permission) in [
        (Method::POST, "/api/v1/projects", "projects:write"),
        (Method::DELETE, "/api/v1/projects/p", "projects:delete"),
        (Method::PUT, &app, "configs:write"),
        (Method::DELETE, &app, "configs:delete"),
    ] {
        let call = server.nobody(&method, path).token(&token);
        let refused = call.json("1").await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(refused.problem(), "insufficient-rights");
        let challenges = refused.headers.get_all("www-authenticate").iter();
        let challenges: Vec<_> = challenges.map(|value| value.to_str().unwrap()).collect();
        let challenge = challenges.join(", ");
        let scope = format!("error=\"insufficient_scope\", scope=\"{permission}\"");
        assert!(challenge.contains(&scope), "{challenge}");
    }
    assert_eq!(server.get(&app).await.text(), "1");
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let directory = Directory::new();
    let database = directory.with_admin();
    create_admin(&directory.path(), "acme", "eve@example.com", super::GOOD);
    let mut server = Server::with(&[&database]).await;
    let app = format!("{}/app", server.project("p").await);
    server.put(&app, "1").await;

    let body = json!({ "email": "eve@example.com", "password": super::GOOD, "tenant": "acme" });
    let eve = super::post(&server, super::LOGIN, &body).await.value();
    let eve = super::access_token(&eve);
    let theirs = ask(&server, Method::GET, "/api/v1/projects", &eve)
        .await
        .value();
    assert_eq!(theirs["items"], json!([]));
    for (method, path) in [
        (Method::GET, "/api/v1/projects/p"),
        (Method::DELETE, "/api/v1/projects/p"),
        (Method::GET, "/api/v1/projects/p/configs"),
        (Method::GET, &app),
        (Method::DELETE, &app),
    ] {
        let call = server.nobody(&method, path).token(&eve);
        // A header is no authority.
        let call = call.header("x-tenant", "default").header("if-match", "*");
        let answer = call.send().await;
        assert_eq!(answer.problem(), "no-such-resource", "{method} {path}");
    }
    let call = server.nobody(&Method::PUT, &app).token(&eve);
    assert_eq!(call.json("2").await.problem(), "no-such-resource");
    // The name is free there.
    let call = server.nobody(&Method::POST, "/api/v1/projects").token(&eve);
    assert_eq!(
        call.json("{\"name\":\"p\"}").await.status,
        StatusCode::CREATED
    );
    let call = server.nobody(&Method::GET, &app).token(&eve);
    assert_eq!(call.send().await.status, StatusCode::NOT_FOUND);
    server
        .sign_in(crate::support::ADMIN, crate::support::PASSWORD)
        .await;
    assert_eq!(server.get(&app).await.text(), "1");
}
