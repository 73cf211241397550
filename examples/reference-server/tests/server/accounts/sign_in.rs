use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{GOOD, LOGIN, REGISTER, access_token, ask, claims, post, register, viewer};
use crate::support::{ADMIN, Answer, PASSWORD, Server};

#[tokio::test]
async fn who_registers_signs_in_and_is_known() {
    let server = Server::start().await;
    let id = register(&server, "Ann@example.com").await;
    // The address is the same however it is written.
    let tokens = server.login("ann@EXAMPLE.com", GOOD).await;
    let members: BTreeSet<_> = tokens
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        members,
        BTreeSet::from([
            "access_token",
            "expires_in",
            "refresh_expires_in",
            "refresh_token",
            "session_id",
            "token_type"
        ])
    );
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 600);
    assert_eq!(tokens["refresh_expires_in"], 14 * 24 * 60 * 60);

    let token = access_token(&tokens);
    let said = claims(&token);
    assert_eq!(said["sub"], id.as_str());
    assert_eq!(said["sid"], tokens["session_id"]);
    assert_eq!(
        (&said["tenant"], &said["roles"]),
        (&json!("default"), &json!(["viewer"]))
    );
    assert_eq!(said["iss"], "http://issuer.test");

    let me = ask(&server, Method::GET, "/api/v1/me", &token)
        .await
        .value();
    assert_eq!(me["id"], id.as_str());
    assert_eq!(me["email"], "Ann@example.com");
    assert_eq!(me["roles"], json!(["viewer"]));
    assert_eq!(me["session_id"], tokens["session_id"]);
    assert_eq!(
        (&me["mfa"], &me["disabled"]),
        (&json!(false), &json!(false))
    );
    let permissions = me["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("projects:read")));
    assert!(!permissions.contains(&json!("projects:write")));
}

#[tokio::test]
async fn a_known_address_is_answered_like_an_unknown_one_and_keeps_its_password() {
    let server = Server::start().await;
    let first = register(&server, "ann@example.com").await;
    let again = json!({ "email": "ANN@example.com", "password": "another yellow tram ticket" });
    let second = post(&server, REGISTER, &again).await;
    assert_eq!(second.status, StatusCode::CREATED);
    let made_up = second.value();
    assert_ne!(made_up["user_id"], first.as_str());
    assert_eq!(made_up.as_object().unwrap().len(), 1);
    assert_eq!(made_up["user_id"].as_str().unwrap().len(), first.len());
    let answer = post(&server, LOGIN, &again).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    server.login("ann@example.com", GOOD).await;
}

#[tokio::test]
async fn every_wrong_login_gets_the_same_answer() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let mut answers = Vec::new();
    for (email, password) in [
        ("ann@example.com", "wrong yellow tram ticket"),
        ("bob@example.com", GOOD),
        ("no address", GOOD),
        ("ann@example.com", ""),
        ("ann@example.com", &"x".repeat(2000)),
    ] {
        let body = json!({ "email": email, "password": password });
        let answer = post(&server, LOGIN, &body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        assert_eq!(answer.problem(), "invalid-credentials");
        assert!(
            answer
                .header("www-authenticate")
                .starts_with("Bearer realm=")
        );
        answers.push(without_identity(&answer));
    }
    // Of the right password in another tenant, too.
    let elsewhere = json!({ "email": "ann@example.com", "password": GOOD, "tenant": "acme" });
    answers.push(without_identity(&post(&server, LOGIN, &elsewhere).await));
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:?}"
    );
}

/// An answer without what no two answers have in common.
fn without_identity(answer: &Answer) -> (u16, Vec<String>, Value) {
    let mut body = answer.value();
    body["instance"] = Value::Null;
    let names = answer.headers.keys().map(ToString::to_string);
    (answer.status.as_u16(), names.collect(), body)
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_with_pointers() {
    let server = Server::start().await;
    for path in [REGISTER, LOGIN] {
        let broken = server.nobody(&Method::POST, path).json("{\"email\":").await;
        assert_eq!(broken.problem(), "malformed-json", "{path}");
        let nothing = post(&server, path, &json!({})).await;
        assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(nothing.pointers(), ["/email", "/password"]);
        let odd = json!({ "email": 1, "password": ["x"], "tenant": "A b", "passwort": "x" });
        let odd = post(&server, path, &odd).await;
        assert_eq!(
            odd.pointers(),
            ["/email", "/password", "/passwort", "/tenant"]
        );
        assert_eq!(post(&server, path, &json!([])).await.pointers(), [""]);
    }
    for email in [
        "ann",
        "ann@localhost",
        "@example.com",
        "a b@example.com",
        "",
    ] {
        let body = json!({ "email": email, "password": GOOD });
        assert_eq!(
            post(&server, REGISTER, &body).await.pointers(),
            ["/email"],
            "{email}"
        );
    }
    for password in [
        "short",
        "correcthorse",
        "aaaaaaaaaaaaaaaaaaaa",
        "ann@example.com",
        "",
    ] {
        let body = json!({ "email": "ann@example.com", "password": password });
        let refused = post(&server, REGISTER, &body).await;
        assert_eq!(refused.problem(), "invalid-request", "{password}");
        assert!(
            refused
                .pointers()
                .iter()
                .all(|pointer| pointer == "/password")
        );
        let said = refused.value()["errors"].to_string();
        assert!(password.is_empty() || !said.contains(password), "{said}");
    }
}

#[tokio::test]
async fn registration_can_be_closed_and_never_opens_the_tenants_of_others() {
    let body =
        |tenant: &str| json!({ "email": "ann@example.com", "password": GOOD, "tenant": tenant });
    let closed = Server::with(&["--registration=closed"]).await;
    assert_eq!(
        post(&closed, REGISTER, &body("default")).await.problem(),
        "registration-closed"
    );

    let open = Server::start().await;
    assert_eq!(
        post(&open, REGISTER, &body("acme")).await.problem(),
        "registration-closed"
    );

    let all = Server::with(&["--registration=all"]).await;
    // A tenant is made by an operator, and not by whoever names it. Nor is anybody told which there are.
    let elsewhere = post(&all, REGISTER, &body("acme")).await;
    let here = post(&all, REGISTER, &body("default")).await;
    for made in [&elsewhere, &here] {
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        assert_eq!(made.value()["user_id"].as_str().unwrap().len(), 36);
    }
    let shape = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(shape(&elsewhere), shape(&here));
    assert_eq!(
        post(&all, LOGIN, &body("acme")).await.problem(),
        "invalid-credentials"
    );
    assert_eq!(
        post(&all, LOGIN, &body("default")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn guesses_are_held_back_and_the_known_device_is_not() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let right = json!({ "email": "ann@example.com", "password": GOOD });
    let signed_in = post(&server, LOGIN, &right).await;
    let device = signed_in.header("set-cookie").to_owned();
    let (device, attributes) = device.split_once(';').unwrap();
    assert!(device.starts_with("__Host-dev="));
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }

    let wrong = json!({ "email": "ann@example.com", "password": "wrong yellow tram ticket" });
    let mut held_back = None;
    for _ in 0..7 {
        let answer = post(&server, LOGIN, &wrong).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            held_back = Some(answer);
            break;
        }
    }
    let held_back = held_back.expect("nobody guesses for ever");
    assert_eq!(held_back.problem(), "too-many-attempts");
    let wait: u64 = held_back.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    // Neither would the right password help, nor is a made-up address told apart.
    assert_eq!(
        post(&server, LOGIN, &right).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );

    // The owner signs in from where they did before.
    let call = server.nobody(&Method::POST, LOGIN).header("cookie", device);
    assert_eq!(call.json(&right.to_string()).await.status, StatusCode::OK);
    // And others are no less held back for it than they were.
    let other = json!({ "email": ADMIN, "password": PASSWORD });
    assert_eq!(post(&server, LOGIN, &other).await.status, StatusCode::OK);
    let metrics = server.get("/metrics").await;
    assert!(
        metrics.text().contains("auth_attempts_held_back_total 2"),
        "{}",
        metrics.text()
    );
}

// A suite of tests that comes from one address was shut out after its twentieth wrong login.
#[tokio::test]
async fn without_limits_hundreds_of_wrong_logins_are_looked_at() {
    let server = Server::with(&["--sign-in-limit=off"]).await;
    register(&server, "ann@example.com").await;
    for attempt in 0..200 {
        // Of an account, of many that there are not, and without a password that could be right.
        let (email, password) = match attempt % 4 {
            0 => ("ann@example.com".to_owned(), "wrong yellow tram ticket"),
            _ => (format!("{attempt}@example.com"), ""),
        };
        let body = json!({ "email": email, "password": password });
        let answer = post(&server, LOGIN, &body).await;
        assert_eq!(answer.problem(), "invalid-credentials", "{attempt}");
    }
    server.login("ann@example.com", GOOD).await;
    server.terminate();
    let (_, log) = server.ended().await;
    assert!(log.iter().any(|line| line.contains("sign_in_limit is off")));
}

#[tokio::test]
async fn signing_in_has_a_rate_limit_of_its_own() {
    let server = Server::with(&["--auth-rate-limit=3/h"]).await;
    let body = json!({ "email": "ann@example.com" });
    for _ in 0..3 {
        assert_eq!(
            post(&server, LOGIN, &body).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
    let refused = post(&server, LOGIN, &body).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        refused.value()["type"]
            .as_str()
            .unwrap()
            .ends_with("quota-exceeded")
    );
    assert_eq!(server.get("/api/v1/projects").await.status, StatusCode::OK);
    // There is nothing to guess at a refresh token.
    let token = json!({ "refresh_token": "rt_made_up" });
    assert_eq!(
        post(&server, "/api/v1/auth/refresh", &token)
            .await
            .problem(),
        "invalid-grant"
    );
}

#[tokio::test]
async fn signing_out_ends_the_access_token_at_once() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let [here, there, elsewhere] = [
        access_token(&server.login("ann@example.com", GOOD).await),
        access_token(&server.login("ann@example.com", GOOD).await),
        access_token(&server.login("ann@example.com", GOOD).await),
    ];
    let me = async |token: &str| ask(&server, Method::GET, "/api/v1/me", token).await;
    assert_eq!(me(&here).await.status, StatusCode::OK);
    let out = ask(&server, Method::POST, "/api/v1/auth/logout", &here).await;
    assert_eq!((out.status, out.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(
        out.header("clear-site-data"),
        "\"cache\",\"cookies\",\"storage\""
    );
    assert_eq!(me(&here).await.problem(), "invalid-token");
    assert_eq!(me(&there).await.status, StatusCode::OK);

    let out = ask(&server, Method::POST, "/api/v1/auth/logout-all", &there).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    for token in [&there, &elsewhere] {
        assert_eq!(me(token).await.problem(), "invalid-token");
    }
    // Nobody else was signed out, and they themselves come back.
    assert_eq!(server.get("/api/v1/me").await.status, StatusCode::OK);
    let back = access_token(&server.login("ann@example.com", GOOD).await);
    assert_eq!(me(&back).await.status, StatusCode::OK);
}

#[tokio::test]
async fn sessions_outlive_the_server_and_so_does_their_end() {
    let directory = crate::support::Directory::new();
    let database = directory.with_admin();
    let server = Server::with(&[&database]).await;
    let kept = viewer(&server, "ann@example.com").await;
    let ended = access_token(&server.login("ann@example.com", GOOD).await);
    ask(&server, Method::POST, "/api/v1/auth/logout", &ended).await;
    server.terminate();
    assert!(server.ended().await.0.success());

    let server = Server::with(&[&database]).await;
    let me = async |token: &str| ask(&server, Method::GET, "/api/v1/me", token).await;
    assert_eq!(me(&kept).await.status, StatusCode::OK);
    assert_eq!(me(&ended).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_of_another_issuer_or_key_is_none_of_ours() {
    let server = Server::start().await;
    let ours = server.token().to_owned();
    let (head, signature) = ours.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let other = if payload.starts_with("eyJ") {
        "eyK"
    } else {
        "eyJ"
    };
    for forged in [
        head.to_owned(),
        format!("{head}."),
        format!("{header}.{other}{}.{signature}", &payload[3..]),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{payload}."),
    ] {
        let answer = ask(&server, Method::GET, "/api/v1/me", &forged).await;
        assert_eq!(answer.problem(), "invalid-token", "{forged}");
    }
    let call = server.nobody(&Method::GET, &format!("/api/v1/me?access_token={ours}"));
    assert_eq!(call.send().await.problem(), "credential-in-url");
    let metrics = server.get("/metrics").await;
    let text = metrics.text();
    assert!(
        text.contains("auth_jwt_validation_failures_total{reason="),
        "{text}"
    );
    assert!(text.contains("auth_jwt_tokens_issued_total 0"), "{text}");
    assert!(
        text.contains("auth_api_key_validations_total{result=\"valid\"} 0"),
        "{text}"
    );
}

#[tokio::test]
async fn a_private_key_signs_in_place_of_the_secret() {
    let directory = crate::support::Directory::new();
    let pem = directory.0.join("key.pem");
    // Of RFC 8410, section 10.3.
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
               -----END PRIVATE KEY-----\n";
    std::fs::write(&pem, key).unwrap();
    let flag = format!("--signing-key-file={}", pem.display());
    let server = Server::with(&[&flag]).await;
    let tokens = server.login(ADMIN, PASSWORD).await;
    let token = access_token(&tokens);
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
    let me = ask(&server, Method::GET, "/api/v1/me", &token).await;
    assert_eq!(me.status, StatusCode::OK);
    let keys = server
        .nobody(&Method::GET, "/.well-known/jwks.json")
        .send()
        .await;
    let keys = keys.value();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["crv"]), (1, &json!("Ed25519")));
    assert_eq!(keys[0]["kid"], header["kid"]);
    assert!(keys[0].get("d").is_none());
    // What the secret has signed is not accepted beside it.
    assert_eq!(server.get("/api/v1/me").await.problem(), "invalid-token");
}
