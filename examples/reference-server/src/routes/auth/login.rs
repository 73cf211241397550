//! `POST /api/v1/auth/login`, and the tokens that it answers with.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use portcullis_auth_core::jwt::TokenKind;
use portcullis_auth_core::throttle::{DEVICE_COOKIE, DeviceCookie};
use portcullis_auth_core::totp::CHALLENGE_LIFETIME;
use portcullis_secrets::SecretString;
use serde::Serialize;

use crate::accounts::{Session, SignIn, SignedIn};
use crate::problem::Problem;
use crate::routes::App;
use crate::routes::extract::Json;
use crate::routes::fields::Fields;
use crate::routes::reply;
use crate::routes::who::{Context, cookie};

#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    /// Left out where it is in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    token_type: &'static str,
    expires_in: u64,
    refresh_expires_in: u64,
    session_id: String,
    /// Only where it has to be: the tokens have no rights before that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    must_change_password: bool,
}

#[derive(Serialize)]
struct SecondFactor<'a> {
    mfa_token: &'a str,
    expires_in: u64,
}

pub(in crate::routes) async fn login(
    State(app): State<App>,
    Context(context): Context,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    let known = &["email", "password", "totp", "tenant", "cookie"];
    let mut fields = Fields::of(&body, known);
    let (email, password) = (fields.text("email"), fields.password("password"));
    let (code, tenant) = (fields.optional_text("totp"), fields.tenant("tenant"));
    let as_cookie = fields.optional_flag("cookie").unwrap_or_default();
    fields.check()?;
    let tenant = tenant.ok_or_else(|| Problem::failed("a wrong tenant was not noticed"))?;
    let sign_in = SignIn {
        tenant: &tenant,
        email,
        password: &password,
        code,
        device: cookie(&headers, DEVICE_COOKIE),
    };
    let signed_in = app.accounts.sign_in(&sign_in, &context).await?;
    answer(&app, &signed_in, as_cookie)
}

/// Answers with what came of signing in.
pub(in crate::routes) fn answer(
    app: &App,
    signed_in: &SignedIn,
    as_cookie: bool,
) -> Result<Response, Problem> {
    match signed_in {
        SignedIn::SecondFactor(token) => reply::answer(
            StatusCode::OK,
            &SecondFactor {
                mfa_token: token.to_text().expose_secret(),
                expires_in: CHALLENGE_LIFETIME.as_secs(),
            },
        ),
        SignedIn::Session { session, device } => {
            let mut response = tokens(app, session, as_cookie)?;
            let device = device.as_ref().map(DeviceCookie::set_cookie);
            if let Some(cookie) = device {
                response
                    .headers_mut()
                    .append(SET_COOKIE, secret_header(&cookie)?);
            }
            Ok(response)
        }
    }
}

/// The tokens of a session, the one for refreshing in the body or in a cookie.
fn tokens(app: &App, session: &Session, as_cookie: bool) -> Result<Response, Problem> {
    let now = app.accounts.now();
    let refresh_token = session.issued.refresh_token().expose_secret();
    let refresh_expires_in = seconds(session.issued.refresh_expires_at().since(now));
    let tokens = Tokens {
        access_token: session.access.token.expose_secret(),
        refresh_token: (!as_cookie).then_some(refresh_token),
        token_type: "Bearer",
        expires_in: app.accounts.issuer.lifetime(TokenKind::Access).as_secs(),
        refresh_expires_in,
        session_id: session.issued.session().to_string(),
        must_change_password: session.must_change,
    };
    let mut response = reply::answer(StatusCode::OK, &tokens)?;
    if as_cookie {
        let cookie = app.endpoints.set_cookie(&session.issued);
        let cookie = cookie.ok_or_else(|| Problem::failed("there is no cookie for sessions"))?;
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Rounded up: it began a moment ago.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn secret_header(text: &SecretString) -> Result<HeaderValue, Problem> {
    let value = HeaderValue::from_str(text.expose_secret());
    let mut value = value.map_err(|_| Problem::failed("a cookie is no header"))?;
    value.set_sensitive(true);
    Ok(value)
}
