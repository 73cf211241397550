//! `POST /api/v1/auth/logout` and `/logout-all`

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::SET_COOKIE;
use http::{HeaderName, HeaderValue, StatusCode};
use portcullis_auth_core::audit::EventKind;
use portcullis_auth_core::refresh::RevokeReason;

use crate::problem::Problem;
use crate::routes::App;
use crate::routes::who::{Context, SignedIn};

/// What a browser keeps of a session goes with it.
pub(in crate::routes) fn gone(app: &App) -> Response {
    let clear = HeaderName::from_static("clear-site-data");
    let all = HeaderValue::from_static("\"cache\",\"cookies\",\"storage\"");
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(clear, all);
    if let Some(cookie) = app.endpoints.clear_cookie() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

pub(in crate::routes) async fn logout(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
) -> Result<Response, Problem> {
    let reason = RevokeReason::Logout;
    let accounts = &app.accounts;
    // Had it ended before, an access token of it was left, which ends now.
    accounts
        .end_session(&who.account, who.session, reason, &context)
        .await?;
    Ok(gone(&app))
}

pub(in crate::routes) async fn logout_all(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
) -> Result<Response, Problem> {
    let accounts = &app.accounts;
    accounts
        .end_sessions(&who.account, None, RevokeReason::Logout, &context)
        .await?;
    accounts.tell(EventKind::SessionLogout, &who.account, &context, |event| {
        event.session(who.session).reason("all")
    });
    Ok(gone(&app))
}
