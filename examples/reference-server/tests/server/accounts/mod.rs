//! Accounts, each route of which is seen to accept and to refuse.

mod administration;
mod answers;
mod api_keys;
mod breaches;
mod first_admin;
mod help;
mod own_data;
mod passwords;
mod rights;
pub(crate) mod second_factor;
mod sessions;
mod sign_in;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

pub(crate) const REGISTER: &str = "/api/v1/auth/register";
pub(crate) const LOGIN: &str = "/api/v1/auth/login";

/// A password that the policy takes.
pub(crate) const GOOD: &str = "seven yellow tram tickets";

/// POST by nobody.
pub(crate) async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let call = server.nobody(&Method::POST, path);
    call.json(&body.to_string()).await
}

/// Makes an account with [`GOOD`], and returns its id.
pub(crate) async fn register(server: &Server, email: &str) -> String {
    let made = post(
        server,
        REGISTER,
        &json!({ "email": email, "password": GOOD }),
    )
    .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.value()["user_id"].as_str().unwrap().to_owned()
}

/// Makes an account, and returns an access token of it.
pub(crate) async fn viewer(server: &Server, email: &str) -> String {
    register(server, email).await;
    access_token(&server.login(email, GOOD).await)
}

pub(crate) fn access_token(tokens: &Value) -> String {
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// What an access token says.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&payload.unwrap()).unwrap()
}

/// A request of whoever has the token.
pub(crate) async fn ask(server: &Server, method: Method, path: &str, token: &str) -> Answer {
    server.nobody(&method, path).token(token).send().await
}
