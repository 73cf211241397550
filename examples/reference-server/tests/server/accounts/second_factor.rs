use http::{Method, StatusCode};
use portcullis_auth_core::time::{Clock as _, SystemClock};
use portcullis_auth_core::totp::TotpSecret;
use portcullis_secrets::SecretBytes;
use serde_json::{Value, json};

use super::{GOOD, LOGIN, access_token, ask, post, register};
use crate::support::{Answer, Server};

const TOTP: &str = "/api/v1/auth/mfa/totp";
const VERIFY: &str = "/api/v1/auth/mfa/totp/verify";
const RECOVERY: &str = "/api/v1/auth/mfa/recovery-codes";

/// What an authenticator would show, as many half minutes from now.
pub(crate) fn code(secret: &str, steps: u32) -> String {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for char in secret.trim_end_matches('=').bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
            .iter()
            .position(|known| *known == char);
        buffer = (buffer << 5) | u32::try_from(value.unwrap()).unwrap();
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).unwrap());
        }
    }
    let secret = TotpSecret::from_bytes(SecretBytes::from(&bytes[..])).unwrap();
    let at = SystemClock
        .now()
        .plus(std::time::Duration::from_secs(30) * steps);
    secret.code_at(at).expose_digits().to_owned()
}

/// An account with a second factor: its access token and the secret.
pub(super) async fn with_factor(server: &Server) -> (String, String) {
    register(server, "ann@example.com").await;
    let token = access_token(&server.login("ann@example.com", GOOD).await);
    let enrolled = ask(server, Method::POST, TOTP, &token).await;
    assert_eq!(enrolled.status, StatusCode::CREATED);
    let enrolled = enrolled.value();
    let secret = enrolled["secret"].as_str().unwrap().to_owned();
    let uri = enrolled["otpauth_uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/Portcullis:") && uri.contains(&secret),
        "{uri}"
    );
    // Until the first code, signing in is as before.
    assert!(server.login("ann@example.com", GOOD).await["access_token"].is_string());
    let shown = verify(server, Some(&token), json!({ "code": code(&secret, 0) })).await;
    assert_eq!(shown.status, StatusCode::NO_CONTENT, "{shown:?}");
    (token, secret)
}

pub(super) async fn verify(server: &Server, token: Option<&str>, body: Value) -> Answer {
    let call = server.nobody(&Method::POST, VERIFY);
    let call = match token {
        Some(token) => call.token(token),
        None => call,
    };
    call.json(&body.to_string()).await
}

pub(super) async fn login(server: &Server, totp: Option<&str>) -> Answer {
    let mut body = json!({ "email": "ann@example.com", "password": GOOD });
    if let Some(code) = totp {
        body["totp"] = code.into();
    }
    post(server, LOGIN, &body).await
}

#[tokio::test]
async fn signing_in_takes_both_factors_in_one_step_or_two() {
    let server = Server::start().await;
    let (token, secret) = with_factor(&server).await;
    let me = ask(&server, Method::GET, "/api/v1/me", &token)
        .await
        .value();
    assert_eq!(me["mfa"], true);

    let pending = login(&server, None).await;
    assert_eq!(pending.status, StatusCode::OK);
    let pending = pending.value();
    assert_eq!(pending.as_object().unwrap().len(), 2, "{pending}");
    assert_eq!(pending["expires_in"], 300);
    let mfa_token = pending["mfa_token"].as_str().unwrap();
    // It is good for nothing else.
    assert_eq!(
        ask(&server, Method::GET, "/api/v1/me", mfa_token)
            .await
            .problem(),
        "invalid-token"
    );

    // The code that activated the factor was used.
    let spent = json!({ "mfa_token": mfa_token, "code": code(&secret, 0) });
    assert_eq!(verify(&server, None, spent).await.problem(), "invalid-code");
    let next = json!({ "mfa_token": mfa_token, "code": code(&secret, 1) });
    let signed_in = verify(&server, None, next.clone()).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
    let said = super::claims(&access_token(&signed_in.value()));
    assert_eq!(said["amr"], json!(["pwd", "otp"]));
    assert_eq!(verify(&server, None, next).await.problem(), "invalid-code");

    // In one step, a wrong code is a wrong login like any other.
    let wrong = login(&server, Some("000000")).await;
    assert_eq!(wrong.problem(), "invalid-credentials");
}

#[tokio::test]
async fn a_code_in_the_login_signs_in_at_once() {
    let server = Server::start().await;
    let (_, secret) = with_factor(&server).await;
    let signed_in = login(&server, Some(&code(&secret, 1))).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
    assert!(signed_in.value()["access_token"].is_string());
}

#[tokio::test]
async fn recovery_codes_stand_in_once_each() {
    let server = Server::start().await;
    let (token, _) = with_factor(&server).await;
    let made = ask(&server, Method::POST, RECOVERY, &token).await.value();
    let codes = made["recovery_codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    let first = codes[0].as_str().unwrap();
    let mfa_token = async || login(&server, None).await.value()["mfa_token"].clone();
    let with = |token: Value| json!({ "mfa_token": token, "recovery_code": first });
    let signed_in = verify(&server, None, with(mfa_token().await)).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
    assert_eq!(
        verify(&server, None, with(mfa_token().await))
            .await
            .problem(),
        "invalid-code"
    );
    // New ones end the old ones.
    ask(&server, Method::POST, RECOVERY, &token).await;
    let old = json!({ "mfa_token": mfa_token().await, "recovery_code": codes[1] });
    assert_eq!(verify(&server, None, old).await.problem(), "invalid-code");
}

#[tokio::test]
async fn who_had_only_the_password_has_nothing_left_once_there_is_a_second_factor() {
    let server = Server::start().await;
    register(&server, "ann@example.com").await;
    let thief = server.login("ann@example.com", GOOD).await;
    let stolen = access_token(&thief);
    // No codes can be put by for a factor that is still to come.
    let early = ask(&server, Method::POST, RECOVERY, &stolen).await;
    assert_eq!(early.problem(), "no-such-resource");

    let (token, secret) = with_factor(&server).await;
    assert_eq!(
        ask(&server, Method::GET, "/api/v1/me", &stolen)
            .await
            .problem(),
        "invalid-token"
    );
    let refresh = json!({ "refresh_token": thief["refresh_token"] });
    let refreshed = post(&server, "/api/v1/auth/refresh", &refresh).await;
    assert_eq!(refreshed.problem(), "invalid-grant");
    // Who activated it goes on, and its codes end with it.
    let made = ask(&server, Method::POST, RECOVERY, &token).await.value();
    let removed = ask(&server, Method::DELETE, TOTP, &token).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let enrolled = ask(&server, Method::POST, TOTP, &token).await.value();
    let anew = enrolled["secret"].as_str().unwrap();
    assert_ne!(anew, secret);
    let shown = verify(&server, Some(&token), json!({ "code": code(anew, 0) })).await;
    assert_eq!(shown.status, StatusCode::NO_CONTENT, "{shown:?}");
    let mfa_token = login(&server, None).await.value()["mfa_token"].clone();
    let old = json!({ "mfa_token": mfa_token, "recovery_code": made["recovery_codes"][0] });
    assert_eq!(verify(&server, None, old).await.problem(), "invalid-code");
}

// A right code was answered with another problem than a wrong one.
#[tokio::test]
async fn nobody_learns_whether_a_code_was_right_that_came_too_late() {
    let server = Server::start().await;
    let (token, secret) = with_factor(&server).await;
    let mfa_token = login(&server, None).await.value()["mfa_token"].clone();
    let out = ask(&server, Method::POST, "/api/v1/auth/logout-all", &token).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let mut answers = Vec::new();
    for code in ["000000", &code(&secret, 1)] {
        let body = json!({ "mfa_token": mfa_token, "code": code });
        let answer = verify(&server, None, body).await;
        let mut said = answer.value();
        said["instance"] = Value::Null;
        answers.push((answer.status, said));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    // Nor was it spent.
    let signed_in = login(&server, Some(&code(&secret, 1))).await;
    assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
}

#[tokio::test]
async fn a_factor_is_taken_away_by_who_has_signed_in() {
    let server = Server::start().await;
    let (token, _) = with_factor(&server).await;
    for path in [TOTP, RECOVERY] {
        let nobody = server.nobody(&Method::POST, path).send().await;
        assert_eq!(nobody.problem(), "authentication-required", "{path}");
    }
    assert_eq!(
        ask(&server, Method::DELETE, TOTP, &token).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        ask(&server, Method::DELETE, TOTP, &token).await.problem(),
        "no-such-resource"
    );
    assert!(login(&server, None).await.value()["access_token"].is_string());
}

#[tokio::test]
async fn guesses_at_codes_are_bounded() {
    let server = Server::start().await;
    with_factor(&server).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let mfa_token = login(&server, None).await.value()["mfa_token"].clone();
        for _ in 0..5 {
            let body = json!({ "mfa_token": mfa_token, "code": "000000" });
            statuses.push(verify(&server, None, body).await.status.as_u16());
        }
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 5], "{statuses:?}");
    for (body, pointer) in [
        (json!({}), "/code"),
        (json!({ "code": "1", "recovery_code": "2" }), "/code"),
        (json!({ "recovery_code": "2" }), "/code"),
        (json!({ "code": 123456 }), "/code"),
    ] {
        let wrong = verify(&server, None, body).await;
        assert!(
            wrong.pointers().iter().all(|found| found == pointer),
            "{wrong:?}"
        );
    }
    let nobody = verify(&server, None, json!({ "code": "123456" })).await;
    assert_eq!(nobody.problem(), "invalid-code");
}
