use std::sync::Arc;

use http::{Method, StatusCode};

use crate::support::Server;

#[tokio::test]
async fn a_read_with_a_known_tag_is_not_modified() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let etag = server.put(&app, "{\"a\": 1}").await.etag();
    let read = |header: &'static str, value: String| {
        server
            .request(&Method::GET, &app)
            .header(header, &value)
            .send()
    };
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let answer = read("if-none-match", known).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
        assert_eq!((answer.etag(), answer.body.len()), (etag.clone(), 0));
    }
    assert_eq!(
        read("if-none-match", "\"x\"".to_owned()).await.status,
        StatusCode::OK
    );
    assert_eq!(read("if-match", etag.clone()).await.status, StatusCode::OK);
    assert_eq!(
        read("if-match", "\"x\"".to_owned()).await.status,
        StatusCode::PRECONDITION_FAILED
    );
    let broken = read("if-none-match", "x".to_owned()).await;
    assert_eq!(broken.problem(), "invalid-precondition");
    assert_eq!(broken.value()["header"], "if-none-match");

    // Every other resource that is read has a tag as well.
    for path in [
        "/api/v1/projects",
        "/api/v1/projects/p",
        "/api/v1/projects/p/configs",
        "/openapi.json",
        &format!("{app}/versions"),
        &format!("{app}/versions/1"),
    ] {
        let etag = server.get(path).await.etag();
        let call = server
            .request(&Method::GET, path)
            .header("if-none-match", &etag);
        assert_eq!(call.send().await.status, StatusCode::NOT_MODIFIED, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    server.put(&app, "[1]").await;
    let (get, head) = (
        server.get(&app).await,
        server.request(&Method::HEAD, &app).send().await,
    );
    assert_eq!(
        (head.status, head.etag(), head.body.len()),
        (get.status, get.etag(), 0)
    );
    assert_eq!(head.header("content-length"), "3");
    let missing = server
        .request(&Method::HEAD, "/api/v1/projects/none")
        .send()
        .await;
    assert_eq!(
        (missing.status, missing.body.len()),
        (StatusCode::NOT_FOUND, 0)
    );
}

#[tokio::test]
async fn what_exists_is_replaced_only_by_who_saw_it() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let put = |header: &'static str, value: String, body: &'static str| {
        server
            .request(&Method::PUT, &app)
            .header(header, &value)
            .json(body)
    };
    assert_eq!(
        put("if-match", "*".to_owned(), "0").await.status,
        StatusCode::PRECONDITION_FAILED
    );
    let made = put("if-none-match", "*".to_owned(), "1").await;
    assert_eq!(
        (made.status, made.header("location")),
        (StatusCode::CREATED, app.as_str())
    );
    let again = put("if-none-match", "*".to_owned(), "2").await;
    assert_eq!(
        (again.status, again.etag()),
        (StatusCode::PRECONDITION_FAILED, made.etag())
    );
    let bare = server.put(&app, "2").await;
    assert_eq!(
        (bare.status, bare.etag()),
        (StatusCode::PRECONDITION_REQUIRED, made.etag())
    );

    let second = put("if-match", made.etag(), "2").await;
    assert_eq!(
        (second.status, second.value()["version"].as_u64()),
        (StatusCode::OK, Some(2))
    );
    for stale in [
        made.etag(),
        format!("W/{}", second.etag()),
        "\"x\"".to_owned(),
    ] {
        let lost = put("if-match", stale, "3").await;
        assert_eq!(
            (lost.status, lost.etag()),
            (StatusCode::PRECONDITION_FAILED, second.etag())
        );
    }
    assert_eq!(
        put("if-match", "2-x".to_owned(), "3").await.problem(),
        "invalid-precondition"
    );
    assert_eq!(server.get(&app).await.text(), "2");
    // Any state, said with intent.
    assert_eq!(
        put("if-match", "*".to_owned(), "3").await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_writers_exactly_one_wins_per_tag() {
    let directory = crate::support::Directory::new();
    let server = Arc::new(Server::with(&[&directory.with_admin()]).await);
    let app = format!("{}/app", server.project("p").await);
    let mut etag: Option<String> = None;
    for round in 0..5 {
        let writers: Vec<_> = (0..12)
            .map(|writer| {
                let (server, app, etag) = (Arc::clone(&server), app.clone(), etag.clone());
                tokio::spawn(async move {
                    let body = format!("{{\"round\":{round},\"writer\":{writer}}}");
                    let call = server.request(&Method::PUT, &app);
                    let call = match &etag {
                        Some(etag) => call.header("if-match", etag),
                        None => call.header("if-none-match", "*"),
                    };
                    (call.json(&body).await, body)
                })
            })
            .collect();
        let mut winner = None;
        for writer in writers {
            let (answer, body) = writer.await.unwrap();
            if answer.status.is_success() {
                assert!(winner.is_none(), "two writers won");
                winner = Some((answer.etag(), body));
            } else {
                assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{answer:?}");
            }
        }
        let (won, body) = winner.unwrap();
        let now = server.get(&app).await;
        assert_eq!((now.etag(), now.text()), (won.clone(), body.as_str()));
        etag = Some(won);
    }
    let versions = server.get(&format!("{app}/versions")).await.value();
    assert_eq!(versions["items"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_take_any_state_all_get_through() {
    let server = Arc::new(Server::start().await);
    let app = format!("{}/app", server.project("p").await);
    server.put(&app, "0").await;
    let writers: Vec<_> = (1..=6)
        .map(|writer| {
            let (server, app) = (Arc::clone(&server), app.clone());
            tokio::spawn(async move { server.replace(&app, "*", &writer.to_string()).await.status })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), StatusCode::OK);
    }
    assert!(
        server
            .get(&app)
            .await
            .header("content-location")
            .ends_with("/versions/7")
    );
}
