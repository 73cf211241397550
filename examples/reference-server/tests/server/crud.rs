use http::{Method, StatusCode};
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn projects_are_made_listed_read_and_deleted() {
    let server = Server::start().await;
    let made = server
        .post("/api/v1/projects", r#"{"name":"shop","description":"é"}"#)
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.header("location"), "/api/v1/projects/shop");

    let read = server.get("/api/v1/projects/shop").await;
    assert_eq!((read.status, read.etag()), (StatusCode::OK, made.etag()));
    assert_eq!(read.body, made.body);
    assert_eq!(read.value()["description"], "é");

    let again = server.post("/api/v1/projects", r#"{"name":"shop"}"#).await;
    assert_eq!(
        (again.status, again.problem().as_str()),
        (StatusCode::CONFLICT, "project-exists")
    );

    let listed = server.get("/api/v1/projects").await.value();
    assert_eq!(
        listed,
        json!({"items": [read.value()], "next_cursor": null})
    );

    server.put("/api/v1/projects/shop/configs/app", "1").await;
    let full = server.delete("/api/v1/projects/shop", "*").await;
    assert_eq!(
        (full.status, full.problem().as_str()),
        (StatusCode::CONFLICT, "project-not-empty")
    );
    server
        .delete("/api/v1/projects/shop/configs/app", "*")
        .await;
    let stale = server.delete("/api/v1/projects/shop", "\"x\"").await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    // Without a condition, too: a project has no state that could have changed.
    let gone = server
        .request(&Method::DELETE, "/api/v1/projects/shop")
        .send()
        .await;
    assert_eq!((gone.status, gone.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(
        server.get("/api/v1/projects/shop").await.problem(),
        "no-such-resource"
    );
}

#[tokio::test]
async fn wrong_projects_are_refused_with_pointers() {
    let server = Server::start().await;
    let wrong = server
        .post(
            "/api/v1/projects",
            r#"{"name":"A b","description":7,"x/y":1}"#,
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.pointers(), ["/description", "/name", "/x~1y"]);
    assert_eq!(server.post("/api/v1/projects", "[]").await.pointers(), [""]);
}

#[tokio::test]
async fn documents_are_kept_byte_for_byte() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    for (number, text) in [
        "{\"z\":1.0, \"a\":12345678901234567890123456789.0100}\n",
        " [1e2, -0, \"\\u00e9\\/\", 0.1e-7]\t",
        "\"é\u{1F600}\"",
        "null",
    ]
    .into_iter()
    .enumerate()
    {
        let etag = server.get(&app).await;
        let written = if number == 0 {
            server.put(&app, text).await
        } else {
            server.replace(&app, &etag.etag(), text).await
        };
        assert!(written.status.is_success(), "{written:?}");
        let read = server.get(&app).await;
        assert_eq!((read.text(), read.etag()), (text, written.etag()));
        assert_eq!(read.header("content-type"), "application/json");
        assert_eq!(
            read.header("content-location"),
            format!("{app}/versions/{}", number + 1)
        );
        assert_eq!(written.value()["bytes"], text.len());
    }
}

#[tokio::test]
async fn versions_are_listed_read_appended_and_restored() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let versions = format!("{app}/versions");
    assert_eq!(server.get(&versions).await.problem(), "no-such-resource");

    let first = server.post(&versions, "{\"n\": 1}").await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.header("location"), format!("{versions}/1"));
    let second = server
        .request(&Method::POST, &versions)
        .header("if-match", &first.etag());
    let second = second.json("{\"n\": 2}").await;
    assert_eq!(second.header("location"), format!("{versions}/2"));

    let restore = |etag: String| {
        let call = server.request(&Method::POST, &format!("{versions}/1/restore"));
        call.header("if-match", &etag).send()
    };
    assert_eq!(
        restore(first.etag()).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    let third = restore(second.etag()).await;
    assert_eq!(third.header("location"), format!("{versions}/3"));
    let now = server.get(&app).await;
    assert_eq!((now.text(), now.etag()), ("{\"n\": 1}", third.etag()));
    assert_ne!(third.etag(), first.etag());

    let old = server.get(&format!("{versions}/2")).await;
    assert_eq!((old.text(), old.etag()), ("{\"n\": 2}", second.etag()));
    for missing in ["0", "4", "01", "x", "99999999999999999999"] {
        let answer = server.get(&format!("{versions}/{missing}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{missing}");
    }

    let page = server.get(&format!("{versions}?limit=2")).await.value();
    assert_eq!(
        (&page["items"][0]["version"], &page["items"][1]["version"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(page["items"][0]["etag"], third.etag());
    let cursor = page["next_cursor"].as_str().unwrap();
    let last = server
        .get(&format!("{versions}?limit=2&cursor={cursor}"))
        .await
        .value();
    assert_eq!(last["items"].as_array().unwrap().len(), 1);
    assert_eq!(last["next_cursor"], json!(null));
}

#[tokio::test]
async fn deleting_a_configuration_takes_all_of_it() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let old = server.put(&app, "1").await.etag();
    let now = server.replace(&app, &old, "2").await.etag();
    let bare = server.request(&Method::DELETE, &app).send().await;
    assert_eq!(bare.problem(), "precondition-required");
    assert_eq!(bare.etag(), now);
    assert_eq!(
        server.delete(&app, &old).await.problem(),
        "precondition-failed"
    );
    assert_eq!(
        server.delete(&app, &now).await.status,
        StatusCode::NO_CONTENT
    );
    for path in [
        app.clone(),
        format!("{app}/versions"),
        format!("{app}/versions/1"),
        format!("{app}/schema"),
    ] {
        assert_eq!(
            server.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        server.delete(&app, &now).await.status,
        StatusCode::NOT_FOUND
    );

    // The same number again, for another content: what was known of the first one does not count.
    let made = server.put(&app, "3").await;
    assert_eq!(made.value()["version"], 1);
    let stale = server.replace(&app, &old, "4").await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn listings_are_paged_and_their_parameters_checked() {
    let server = Server::start().await;
    let configs = server.project("p").await;
    for name in ["c", "a", "b.1", "b"] {
        server.put(&format!("{configs}/{name}"), "1").await;
    }
    let mut names = Vec::new();
    let mut path = format!("{configs}?limit=3");
    loop {
        let page = server.get(&path).await.value();
        let items = page["items"].as_array().unwrap().iter();
        names.extend(items.map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{configs}?limit=3&cursor={cursor}");
    }
    assert_eq!(names, ["a", "b", "b.1", "c"]);

    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=", "cursor"),
        ("page=2", "page"),
    ] {
        let wrong = server.get(&format!("{configs}?{query}")).await;
        assert_eq!(wrong.problem(), "invalid-query", "{query}");
        assert_eq!(wrong.value()["parameter"], parameter);
    }
    assert_eq!(
        server
            .get("/api/v1/projects/nobody/configs")
            .await
            .problem(),
        "no-such-resource"
    );
}

#[tokio::test]
async fn names_that_nothing_can_have_are_told_from_names_that_nothing_has() {
    let server = Server::start().await;
    let configs = server.project("p").await;
    for name in [
        "A",
        "a--b",
        ".env",
        "a%20b",
        "%2e%2e",
        "a%2fb",
        "%ff",
        "%00",
        &"a".repeat(64),
    ] {
        for path in [
            format!("/api/v1/projects/{name}"),
            format!("{configs}/{name}"),
        ] {
            let answer = server.get(&path).await;
            assert_eq!(answer.problem(), "invalid-name", "{path}");
        }
    }
    assert_eq!(
        server.get("/api/v1/projects/none").await.problem(),
        "no-such-resource"
    );
    assert_eq!(
        server
            .put("/api/v1/projects/none/configs/a", "1")
            .await
            .problem(),
        "no-such-resource"
    );
    assert_eq!(
        server.get(&format!("{configs}/none")).await.problem(),
        "no-such-resource"
    );
    assert_eq!(server.get("/api/v1/projects/").await.problem(), "not-found");
}
