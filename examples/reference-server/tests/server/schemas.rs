use http::{Method, StatusCode};
use serde_json::json;

use crate::support::Server;

const PORTS: &str = r#"{"type":"object","required":["port"],"properties":{
    "port":{"type":"integer","maximum":65535},"a/b":{"items":{"maxLength":3}}}}"#;

#[tokio::test]
async fn a_document_that_violates_its_schema_is_refused_with_pointers() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let schema = format!("{app}/schema");
    let set = server.put(&schema, PORTS).await;
    assert_eq!(
        (set.status, set.header("location")),
        (StatusCode::CREATED, schema.as_str())
    );
    let read = server.get(&schema).await;
    assert_eq!((read.text(), read.etag()), (PORTS, set.etag()));
    // Before there is a document, the configuration is there for its schema only.
    assert_eq!(server.get(&app).await.status, StatusCode::NOT_FOUND);
    let listed = server.get("/api/v1/projects/p/configs").await.value();
    assert_eq!(listed["items"][0]["version"], json!(null));

    let wrong = server
        .put(&app, r#"{"port":70000,"a/b":["x","hunter2"]}"#)
        .await;
    assert_eq!(
        (wrong.status, wrong.problem().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "schema-violation")
    );
    assert_eq!(wrong.pointers(), ["/a~1b/1", "/port"]);
    assert!(!wrong.text().contains("hunter2") && !wrong.text().contains("70000"));
    assert_eq!(server.put(&app, "{}").await.pointers(), [""]);
    assert_eq!(server.get(&app).await.status, StatusCode::NOT_FOUND);

    let right = server.put(&app, r#"{"port":80}"#).await;
    assert_eq!(right.status, StatusCode::CREATED);
    let wrong = server
        .replace(&app, &right.etag(), r#"{"port":"80"}"#)
        .await;
    assert_eq!(wrong.pointers(), ["/port"]);
    // Appending and restoring are writes like any other.
    let append = server.request(&Method::POST, &format!("{app}/versions"));
    let append = append.header("if-match", &right.etag()).json("{}").await;
    assert_eq!(append.problem(), "schema-violation");
}

#[tokio::test]
async fn a_schema_is_set_only_if_the_present_document_passes() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let schema = format!("{app}/schema");
    let first = server.put(&app, r#"{"port":"http"}"#).await.etag();
    let refused = server.put(&schema, PORTS).await;
    assert_eq!(
        (refused.problem().as_str(), refused.pointers()),
        ("schema-violation", vec!["/port".to_owned()])
    );
    assert_eq!(server.get(&schema).await.status, StatusCode::NOT_FOUND);

    let second = server.replace(&app, &first, r#"{"port":80}"#).await.etag();
    let set = server.put(&schema, PORTS).await;
    assert_eq!(set.status, StatusCode::CREATED);
    // The old version does not pass it, and so cannot come back.
    let restore = server.request(&Method::POST, &format!("{app}/versions/1/restore"));
    assert_eq!(
        restore.header("if-match", &second).send().await.problem(),
        "schema-violation"
    );

    assert_eq!(
        server.put(&schema, "true").await.problem(),
        "precondition-required"
    );
    assert_eq!(
        server.replace(&schema, "\"x\"", "true").await.problem(),
        "precondition-failed"
    );
    let replaced = server.replace(&schema, &set.etag(), "true").await;
    assert_eq!(replaced.status, StatusCode::OK);
    let bare = server.request(&Method::DELETE, &schema).send().await;
    assert_eq!(bare.problem(), "precondition-required");
    assert_eq!(
        server.delete(&schema, &set.etag()).await.problem(),
        "precondition-failed"
    );
    assert_eq!(
        server.delete(&schema, &replaced.etag()).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        server.delete(&schema, "*").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(server.get(&app).await.etag(), second);
}

#[tokio::test]
async fn schemas_that_reach_out_or_run_away_are_refused() {
    let server = Server::start().await;
    let app = format!("{}/app", server.project("p").await);
    let schema = format!("{app}/schema");
    let outside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/schema.json", outside.local_addr().unwrap());
    let bomb: serde_json::Map<_, _> = (0..30)
        .map(|i| {
            let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
            (format!("d{i}"), json!({"anyOf": [next, next]}))
        })
        .chain([("d30".to_owned(), json!({"type": "null"}))])
        .collect();
    for (text, pointer) in [
        (json!({"$ref": url}), "/$ref"),
        (
            json!({"properties": {"x": {"$ref": "file:///etc/passwd"}}}),
            "/properties/x/$ref",
        ),
        (json!({"$schema": url}), "/$schema"),
        (json!({"pattern": "(?=x)"}), "/pattern"),
        (json!({"type": "objekt"}), "/type"),
        (json!({"$ref": "#/$defs/d0", "$defs": bomb}), ""),
        (json!([]), ""),
    ] {
        let refused = server.put(&schema, &text.to_string()).await;
        assert_eq!(refused.problem(), "invalid-schema", "{text}");
        assert_eq!(refused.pointers(), [pointer]);
    }
    let nobody_came = tokio::time::timeout(std::time::Duration::ZERO, outside.accept()).await;
    assert!(nobody_came.is_err());

    // Two ways into the same child: twice the work with every level of the document.
    let twice = r##"{"properties":{"a":{"$ref":"#"}},"patternProperties":{"^a":{"$ref":"#"}}}"##;
    assert_eq!(server.put(&schema, twice).await.status, StatusCode::CREATED);
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert_eq!(
        server.put(&app, &nested(60)).await.problem(),
        "schema-too-costly"
    );
    assert_eq!(
        server.put(&app, &nested(6)).await.status,
        StatusCode::CREATED
    );
}
