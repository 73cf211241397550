//! What real people have: everything by which an account can be opened, used rightly and wrongly.

use http::Method;
use serde_json::{Value, json};

use super::kinds::{Canary, random};
use crate::accounts::second_factor;
use crate::support::{Answer, Server};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

fn password() -> String {
    [(); 4].map(|()| random(LETTERS, 8)).join(" ")
}

async fn post(server: &Server, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let call = server.nobody(&Method::POST, path);
    let call = match token {
        Some(token) => call.token(token),
        None => call,
    };
    call.json(&body.to_string()).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Makes an account and does all with it that there is to do; returns what nobody may read anywhere afterwards.
pub(super) async fn live(server: &Server) -> Vec<Canary> {
    let mut canaries = Vec::new();
    let mut secret = |kind, secret: &str| {
        canaries.push(Canary {
            kind,
            text: secret.to_owned(),
            secrets: vec![secret.to_owned()],
            is_recognised: false,
        });
    };
    let email = format!("{}@example.com", random(LETTERS, 12));
    let (right, wrong, new) = (password(), password(), password());
    secret("a real password", &right);
    secret("a wrong password", &wrong);
    secret("a new password", &new);

    let account = json!({ "email": email, "password": right });
    post(server, "/api/v1/auth/register", None, &account).await;
    let guess = json!({ "email": email, "password": wrong });
    assert_eq!(
        post(server, "/api/v1/auth/login", None, &guess)
            .await
            .status,
        401
    );
    let login = post(server, "/api/v1/auth/login", None, &account).await;
    let device = login.header("set-cookie");
    secret("a device cookie", device.split([';', '=']).nth(1).unwrap());
    let tokens = login.value();
    let access = text(&tokens["access_token"]);
    secret("a real access token", &access);
    secret("the signature of one", access.rsplit('.').next().unwrap());

    let refresh = text(&tokens["refresh_token"]);
    secret("a real refresh token", &refresh);
    for field in ["refresh_token", "token"] {
        let body = json!({ field: format!("{refresh}x") });
        post(server, "/api/v1/auth/refresh", None, &body).await;
    }
    let next = json!({ "refresh_token": refresh });
    let next = post(server, "/api/v1/auth/refresh", None, &next)
        .await
        .value();
    secret("its successor", &text(&next["refresh_token"]));

    let body = json!({ "name": "x", "scopes": ["projects:read"] });
    let key = post(server, "/api/v1/api-keys", Some(&access), &body)
        .await
        .value();
    let key = text(&key["key"]);
    secret("a real api key", &key);
    let in_url = format!("/api/v1/me?api_key={key}");
    assert_eq!(
        server.nobody(&Method::GET, &in_url).send().await.status,
        400
    );
    let good = server
        .nobody(&Method::GET, "/api/v1/me")
        .header("x-api-key", &key);
    assert_eq!(good.send().await.status, 200);
    let typo = format!("{key}x");
    let bad = server
        .nobody(&Method::GET, "/api/v1/me")
        .header("x-api-key", &typo);
    assert_eq!(bad.send().await.status, 401);

    let nothing = json!({});
    let totp = server
        .nobody(&Method::POST, "/api/v1/auth/mfa/totp")
        .token(&access);
    let factor = text(&totp.send().await.value()["secret"]);
    secret("the secret of a second factor", &factor);
    let code = json!({ "code": second_factor::code(&factor, 0) });
    let verify = "/api/v1/auth/mfa/totp/verify";
    let activated = post(server, verify, Some(&access), &code).await;
    assert_eq!(activated.status, 204, "{activated:?}");
    let codes = "/api/v1/auth/mfa/recovery-codes";
    let codes = post(server, codes, Some(&access), &nothing).await.value();
    for code in codes["recovery_codes"].as_array().unwrap() {
        secret("a recovery code", code.as_str().unwrap());
    }
    let change = json!({ "current_password": wrong, "new_password": new });
    post(server, "/api/v1/auth/password", Some(&access), &change).await;
    let change = json!({ "current_password": right, "new_password": new });
    let changed = post(server, "/api/v1/auth/password", Some(&access), &change).await;
    assert_eq!(changed.status, 204, "{changed:?}");
    canaries
}
