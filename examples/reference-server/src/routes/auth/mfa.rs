//! `/api/v1/auth/mfa`: a second factor, and what stands in for it.

use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use portcullis_auth_core::audit;
use portcullis_auth_core::password::Account;
use portcullis_auth_core::refresh::RevokeReason;
use portcullis_auth_core::throttle::DEVICE_COOKIE;
use portcullis_auth_core::totp::{ENROLMENT_LIFETIME, Owner, RecoveryCode};
use portcullis_secrets::SecretString;
use portcullis_security_layers::auth::Authenticated;
use serde::Serialize;

use super::login::answer;
use crate::accounts::Proof;
use crate::problem::Problem;
use crate::routes::App;
use crate::routes::extract::Json;
use crate::routes::fields::Fields;
use crate::routes::reply;
use crate::routes::who::{Context, SignedIn, cookie};

#[derive(Serialize)]
struct Enrolled<'a> {
    factor_id: String,
    secret: &'a str,
    otpauth_uri: &'a str,
    expires_in: u64,
}

#[derive(Serialize)]
struct RecoveryCodes<'a> {
    recovery_codes: Vec<&'a str>,
}

pub(in crate::routes) fn owner(account: &Account) -> Owner {
    Owner::new(&account.tenant, &account.subject)
}

pub(in crate::routes) async fn enrol(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
) -> Result<Response, Problem> {
    let user = app.accounts.enabled_user(&who.account).await?;
    let totp = &app.accounts.totp;
    let enrolment = totp
        .enrol(&owner(&who.account), &user.email, who.at, &context)
        .await?;
    let secret = enrolment.secret().to_base32();
    let enrolled = Enrolled {
        factor_id: enrolment.id().to_string(),
        secret: secret.expose_secret(),
        otpauth_uri: enrolment.uri().expose_secret(),
        expires_in: ENROLMENT_LIFETIME.as_secs(),
    };
    reply::answer(StatusCode::CREATED, &enrolled)
}

/// Activates a factor for somebody who has signed in, or signs somebody in whose password was right.
pub(in crate::routes) async fn verify(
    State(app): State<App>,
    Context(context): Context,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    // Not everybody who comes here has an access token yet.
    let signed_in = match parts.extensions.get::<Authenticated>() {
        Some(_) => Some(SignedIn::from_request_parts(&mut parts, &()).await?),
        None => None,
    };
    let Json(body) = Json::from_request(Request::from_parts(parts, body), &()).await?;
    let known = &["code", "recovery_code", "mfa_token", "cookie"];
    let mut fields = Fields::of(&body, known);
    let code = fields.optional_text("code");
    let recovery_code = fields.optional_text("recovery_code");
    let token = fields.optional_text("mfa_token");
    let as_cookie = fields.optional_flag("cookie").unwrap_or_default();
    let proof = match (code, recovery_code) {
        (Some(code), None) => Some(Proof::Code(code)),
        (None, Some(code)) if token.is_some() => Some(Proof::RecoveryCode(code)),
        _ => {
            fields.wrong("code", "one code is expected");
            None
        }
    };
    fields.check()?;
    let Some(proof) = proof else {
        return Err(Problem::failed("a missing code was not noticed"));
    };
    match (token, signed_in, proof) {
        (Some(token), _, proof) => {
            let device = cookie(&headers, DEVICE_COOKIE);
            let accounts = &app.accounts;
            let signed_in = accounts.sign_in_further(token, proof, device, &context);
            answer(&app, &signed_in.await?, as_cookie)
        }
        (None, Some(who), Proof::Code(code)) => {
            activate(&app, &who, code, &context).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(Problem::challenged(Problem::invalid_code())),
    }
}

async fn activate(
    app: &App,
    who: &SignedIn,
    code: &str,
    context: &audit::Context,
) -> Result<(), Problem> {
    let (accounts, owner) = (&app.accounts, owner(&who.account));
    let factors = accounts.factors.factors(&owner).await?;
    let pending = factors.iter().find(|factor| factor.activated_at.is_none());
    let pending = pending.ok_or_else(|| Problem::missing("no second factor is being set up"))?;
    accounts
        .totp
        .activate(&owner, pending.id, code, context)
        .await?;
    // Of the others, somebody who had only the password may have begun one.
    let reason = RevokeReason::CredentialChange;
    accounts
        .end_sessions(&who.account, Some(who.session), reason, context)
        .await?;
    Ok(())
}

pub(in crate::routes) async fn remove(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
) -> Result<Response, Problem> {
    let (accounts, owner) = (&app.accounts, owner(&who.account));
    let factors = accounts.factors.factors(&owner).await?;
    if factors.is_empty() {
        return Err(Problem::missing("there is no second factor").into());
    }
    for factor in factors {
        accounts
            .totp
            .remove(&owner, factor.id, who.at, &context)
            .await?;
    }
    // The codes go along: they must not stand in for a factor of another time.
    accounts.totp.forget(&owner).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(in crate::routes) async fn make_recovery_codes(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
) -> Result<Response, Problem> {
    let (totp, owner) = (&app.accounts.totp, owner(&who.account));
    let factors = app.accounts.factors.factors(&owner).await?;
    if !factors.iter().any(|factor| factor.activated_at.is_some()) {
        return Err(
            Problem::missing("there is no second factor for which they could stand in").into(),
        );
    }
    let codes = totp.regenerate_recovery_codes(&owner, who.at, &context);
    let codes: Vec<_> = codes.await?.iter().map(RecoveryCode::to_text).collect();
    let recovery_codes = codes.iter().map(SecretString::expose_secret).collect();
    reply::answer(StatusCode::OK, &RecoveryCodes { recovery_codes })
}
