//! `POST /api/v1/auth/register`

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use portcullis_auth_core::audit::{EventKind, Outcome};
use portcullis_auth_core::password::{Account, Candidate, PasswordError};
use serde::Serialize;

use crate::accounts::{Accounts, new_subject, rights};
use crate::problem::Problem;
use crate::routes::App;
use crate::routes::extract::Json;
use crate::routes::fields::Fields;
use crate::routes::reply;
use crate::routes::who::Context;
use crate::settings::{DEFAULT_TENANT, Registration};
use crate::store::{Created, NewUser};

#[derive(Debug, Serialize)]
struct Registered<'a> {
    user_id: &'a str,
}

/// The same answer and the same work whether somebody has the address or not: its owner knows, and nobody else finds out.
pub(in crate::routes) async fn register(
    State(app): State<App>,
    Context(context): Context,
    Json(body): Json,
) -> Result<Response, Problem> {
    let mut fields = Fields::of(&body, &["email", "password", "tenant"]);
    let (email, password) = (fields.email("email"), fields.password("password"));
    let tenant = fields.tenant("tenant");
    let (Some(email), Some(tenant)) = (email, tenant) else {
        fields.check()?;
        return Err(Problem::failed("a missing member was not noticed"));
    };
    fields.check()?;
    let accounts = &app.accounts;
    let open = match accounts.registration {
        Registration::Open => tenant.as_str() == DEFAULT_TENANT,
        Registration::All => true,
        Registration::Closed => false,
    };
    if !open {
        return Err(Problem::registration_closed().into());
    }
    let words = Accounts::words(tenant.as_str(), &email);
    let candidate = Candidate {
        password: &password,
        words: &words,
    };
    let hash = accounts.passwords.choose(candidate).await;
    let hash = hash.map_err(|error| refused("password", fields, &error))?;
    let account = Account {
        tenant,
        subject: new_subject(),
    };
    let user = NewUser {
        account: &account,
        email: &email,
        password: &hash,
        roles: &[rights::VIEWER],
    };
    match app.store.create_user(&user, reply::now()).await? {
        Created::Yes => accounts.tell(EventKind::UserCreated, &account, &context, |event| event),
        Created::Taken => accounts.tell(EventKind::UserCreated, &account, &context, |event| {
            event.outcome(Outcome::Blocked).reason("address_taken")
        }),
        // Nor does anybody learn here which tenants there are.
        Created::NoTenant => accounts.tell(EventKind::UserCreated, &account, &context, |event| {
            event.outcome(Outcome::Blocked).reason("no_such_tenant")
        }),
    }
    let registered = Registered {
        user_id: account.subject.as_str(),
    };
    reply::answer(StatusCode::CREATED, &registered)
}

/// A password that may not be chosen is a fault of the request; everything else is ours.
pub(super) fn refused(
    member: &'static str,
    mut fields: Fields<'_>,
    error: &PasswordError,
) -> Problem {
    use portcullis_auth_core::password::PasswordErrorKind as Kind;

    match (error.rejection(), error.kind()) {
        (Some(rejection), _) => {
            for reason in rejection.reasons() {
                fields.wrong(member, &reason.to_string());
            }
        }
        (None, Kind::Length) => fields.wrong(member, &error.to_string()),
        (None, Kind::WrongCurrent) => return Problem::wrong_password().into(),
        (None, Kind::Changed) => return Problem::password_changed().into(),
        (None, _) => return Problem::unavailable_for(error.retry_after(), error),
    }
    match fields.check() {
        Err(problem) => problem,
        Ok(()) => Problem::failed(error),
    }
}
