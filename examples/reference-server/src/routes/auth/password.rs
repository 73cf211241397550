//! `POST /api/v1/auth/password`

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use portcullis_auth_core::password::{Candidate, Stored};

use super::register::refused;
use crate::accounts::Accounts;
use crate::domain::email::Email;
use crate::problem::Problem;
use crate::routes::App;
use crate::routes::extract::Json;
use crate::routes::fields::Fields;
use crate::routes::who::{Context, SignedIn};

/// Only the session that asked goes on.
pub(in crate::routes) async fn change(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
    Json(body): Json,
) -> Result<Response, Problem> {
    let mut fields = Fields::of(&body, &["current_password", "new_password"]);
    let current = fields.password("current_password");
    let new = fields.password("new_password");
    fields.check()?;
    let (accounts, account) = (&app.accounts, &who.account);
    let user = accounts.enabled_user(account).await?;
    let email =
        Email::parse(&user.email).map_err(|_| Problem::failed("a stored address is none"))?;
    let words = Accounts::words(account.tenant.as_str(), &email);

    // Whoever has a stolen token must not find out the password with it.
    let guess = accounts.guess(account, who.session, &context).await?;
    let stored = Stored {
        account,
        hash: &user.password,
    };
    let candidate = Candidate {
        password: &new,
        words: &words,
    };
    let changed = accounts
        .change_password(stored, &current, candidate, who.session, &context)
        .await;
    guess.settle(changed.as_ref().map(drop)).await;
    changed.map_err(|error| refused("new_password", fields, &error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
