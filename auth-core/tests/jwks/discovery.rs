//! Where the keys are, by the issuer's own document.

use portcullis_auth_core::jwks::{Endpoint, FetchErrorKind, Jwks, discover};
use portcullis_auth_core::jwt::KeySource;
use serde_json::json;

use crate::support::{Answer, ISSUER, Ours, PLACE, Server, advance, key, seconds, set};

const OPENID: &str = "https://id.example/.well-known/openid-configuration";
const OAUTH: &str = "https://id.example/.well-known/oauth-authorization-server";
const MOVED: &str = "https://keys.example/jwks";

fn document(issuer: &str, place: &str) -> Answer {
    Answer::Serve(json!({"issuer": issuer, "jwks_uri": place, "scopes_supported": []}).to_string())
}

fn start(server: &Server) -> Ours {
    let issuer = Endpoint::https(ISSUER).unwrap();
    Ours::start(Jwks::discover(&issuer, server.clone()))
}

#[tokio::test(start_paused = true)]
async fn keys_are_where_the_issuer_says() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    server.set(OPENID, document(ISSUER, PLACE));
    let ours = start(&server);
    assert!(ours.keys.loaded().await);
    assert_eq!(server.asked(), [OPENID, PLACE]);
    // Once it is known, only the keys are read.
    advance(seconds(480)).await;
    assert_eq!(server.asked(), [PLACE]);
}

#[tokio::test(start_paused = true)]
async fn without_openid_connect_it_is_the_place_of_oauth() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    server.set(OAUTH, document(ISSUER, PLACE));
    let ours = start(&server);
    assert!(ours.keys.loaded().await);
    assert_eq!(server.asked(), [OPENID, OAUTH, PLACE]);

    // But not for a document that is there and is not right, nor for a server that is down.
    for answer in [
        document("https://other.example", PLACE),
        Answer::Serve("{}".into()),
        Answer::Fail(FetchErrorKind::Status(500)),
        Answer::Fail(FetchErrorKind::Redirect),
        Answer::Hang,
    ] {
        server.set(OPENID, answer);
        let issuer = Endpoint::https(ISSUER).unwrap();
        assert!(discover(&server, &issuer).await.is_err());
        assert_eq!(server.asked(), [OPENID]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_error_the_place_is_asked_for_again() {
    let (old, new) = (key(), key());
    let server = Server::new(Answer::Serve(set(&[&old])));
    server.set(OPENID, document(ISSUER, PLACE));
    let ours = start(&server);
    assert!(ours.keys.loaded().await);
    server.set(PLACE, Answer::Fail(FetchErrorKind::Status(410)));
    server.set(OPENID, document(ISSUER, MOVED));
    server.set(MOVED, Answer::Serve(set(&[&new])));
    server.asked();
    advance(seconds(480)).await;
    assert_eq!(server.asked(), [PLACE]);
    assert!(ours.finds(&old));
    advance(seconds(2)).await;
    assert_eq!(server.asked(), [OPENID, MOVED]);
    assert!(ours.finds(&new));
}

// AUTH case 30
#[tokio::test(start_paused = true)]
async fn a_document_of_another_issuer_is_refused_and_told_of() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    server.set(OPENID, document("https://id.example/", PLACE));
    let ours = start(&server);
    assert!(!ours.keys.loaded().await);
    assert_eq!(server.asked(), [OPENID]);
    assert_eq!(
        ours.told(),
        [
            ("discovery_issuer_mismatch", None),
            ("jwks_refresh_failed", Some("issuer_mismatch")),
        ]
    );
    assert_eq!(ours.keys.status(ours.now()).keys, 0);
    assert_eq!(ours.keys.version(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_without_tls_is_not_asked() {
    let server = Server::new(Answer::Serve(set(&[&key()])));
    server.set(OPENID, document(ISSUER, "http://id.example/jwks.json"));
    let ours = start(&server);
    assert!(!ours.keys.loaded().await);
    assert_eq!(server.asked(), [OPENID]);
    assert_eq!(ours.told(), [("jwks_refresh_failed", Some("insecure_uri"))]);
}
