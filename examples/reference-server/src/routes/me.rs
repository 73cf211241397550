//! `/api/v1/me`

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use portcullis_auth_core::audit::EventKind;
use portcullis_auth_core::password::{Stored, Verdict};
use portcullis_auth_core::refresh::{RevokeReason, SessionInfo};
use portcullis_auth_core::time::Timestamp;
use portcullis_auth_core::totp::Factor;
use serde::Serialize;

use super::App;
use super::admin::EventView;
use super::api_keys::{self, KeyView};
use super::auth::logout::gone;
use super::auth::mfa::owner;
use super::extract::Json;
use super::fields::Fields;
use super::reply::{self, timestamp};
use super::who::{Context, SignedIn, Who};
use crate::problem::Problem;
use crate::store::User;

/// How many events of the own account are told, the newest first.
const MAX_EVENTS: u32 = 10_000;

/// An account, as its owner and administrators see it.
#[derive(Debug, Serialize)]
pub(super) struct AccountView {
    id: String,
    tenant: String,
    email: String,
    roles: Vec<String>,
    disabled: bool,
    must_change_password: bool,
    created_at: String,
    last_login_at: Option<String>,
}

impl From<&User> for AccountView {
    fn from(user: &User) -> Self {
        Self {
            id: user.account.subject.to_string(),
            tenant: user.account.tenant.to_string(),
            email: user.email.clone(),
            roles: user.roles.clone(),
            disabled: !user.is_enabled(),
            must_change_password: user.must_change,
            created_at: timestamp(user.created_at),
            last_login_at: user.last_login_at.map(timestamp),
        }
    }
}

#[derive(Debug, Serialize)]
struct Me {
    #[serde(flatten)]
    account: AccountView,
    /// What the credential of this request may do.
    permissions: Vec<String>,
    /// Whether signing in takes a second factor.
    mfa: bool,
    /// None for an API key.
    session_id: Option<String>,
}

pub(super) async fn read(State(app): State<App>, who: Who) -> Result<Response, Problem> {
    let user = app.accounts.enabled_user(&who.account).await?;
    let owner = owner(&who.account);
    let factors = app.accounts.totp.factors(&owner).await?;
    let access = who.principal.access_ref();
    let permissions = access.map(|access| access.permissions().map(ToString::to_string).collect());
    let me = Me {
        account: AccountView::from(&user),
        permissions: permissions.unwrap_or_default(),
        mfa: !factors.is_empty(),
        session_id: who
            .principal
            .session_ref()
            .map(|session| session.to_string()),
    };
    reply::answer(StatusCode::OK, &me)
}

/// Deletes the account with its sessions, keys and factors. What it wrote for others stays: configurations, and the trail of what
/// happened, in which it is an id from now on.
pub(super) async fn delete(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
    Json(body): Json,
) -> Result<Response, Problem> {
    let mut fields = Fields::of(&body, &["password"]);
    let password = fields.password("password");
    fields.check()?;
    let (accounts, account) = (&app.accounts, &who.account);
    let user = accounts.enabled_user(account).await?;
    let guess = accounts.guess(account, who.session, &context).await?;
    let stored = Stored {
        account,
        hash: &user.password,
    };
    match accounts
        .passwords
        .verify(&password, Some(stored), &context)
        .await
    {
        Ok(Verdict::Right(_)) => guess.right().await,
        Ok(Verdict::Wrong) => {
            guess.wrong();
            return Err(Problem::wrong_password().into());
        }
        Err(error) => {
            guess.withdrawn().await;
            return Err(Problem::unavailable_for(error.retry_after(), error));
        }
    }
    let ending = accounts.ending(None, RevokeReason::CredentialChange);
    let ended = app.store.delete_user(account, &ending).await?;
    let ended = ended.ok_or_else(Problem::last_admin)?;
    accounts
        .have_ended(account, &ending, &ended, &context)
        .await;
    let (tenant, subject) = (&account.tenant, &account.subject);
    accounts.api_keys.remove_owner(tenant, subject).await?;
    accounts.totp.forget(&owner(account)).await?;
    accounts.tell(EventKind::UserDeleted, account, &context, |event| {
        event.session(who.session)
    });
    Ok(gone(&app))
}

/// All that is kept about an account.
#[derive(Debug, Serialize)]
struct Export {
    account: AccountView,
    sessions: Vec<SessionView>,
    api_keys: Vec<KeyView>,
    second_factors: Vec<FactorView>,
    recovery_codes_left: u32,
    events: Vec<EventView>,
}

#[derive(Debug, Serialize)]
struct SessionView {
    id: String,
    client_id: String,
    created_at: String,
    last_refreshed_at: String,
    expires_at: String,
    ip: Option<String>,
    user_agent: Option<String>,
    current: bool,
}

#[derive(Debug, Serialize)]
struct FactorView {
    id: String,
    created_at: String,
    activated_at: Option<String>,
}

fn time(at: Timestamp) -> String {
    timestamp(at.as_millis())
}

impl From<&SessionInfo> for SessionView {
    fn from(session: &SessionInfo) -> Self {
        Self {
            id: session.id().to_string(),
            client_id: session.client().to_string(),
            created_at: time(session.created_at()),
            last_refreshed_at: time(session.refreshed_at()),
            expires_at: time(session.expires_at()),
            ip: session.ip().map(|ip| ip.to_string()),
            user_agent: session.user_agent().map(ToOwned::to_owned),
            current: session.is_current(),
        }
    }
}

impl From<&Factor> for FactorView {
    fn from(factor: &Factor) -> Self {
        Self {
            id: factor.id.to_string(),
            created_at: time(factor.created_at),
            activated_at: factor.activated_at.map(time),
        }
    }
}

pub(super) async fn export(State(app): State<App>, who: SignedIn) -> Result<Response, Problem> {
    let (accounts, account) = (&app.accounts, &who.account);
    let (tenant, subject) = (&account.tenant, &account.subject);
    let user = accounts.enabled_user(account).await?;
    let sessions = accounts
        .refresh
        .sessions(tenant, subject, Some(who.session));
    let sessions = sessions.await?;
    let owner = owner(account);
    let factors = accounts.factors.factors(&owner).await?;
    let events = app.store.events_of(tenant, subject, MAX_EVENTS).await?;
    let export = Export {
        account: AccountView::from(&user),
        sessions: sessions.iter().map(SessionView::from).collect(),
        api_keys: api_keys::of(&app, account).await?,
        second_factors: factors.iter().map(FactorView::from).collect(),
        recovery_codes_left: accounts.totp.recovery_codes_left(&owner).await?,
        events: events.into_iter().map(EventView::from).collect(),
    };
    reply::answer(StatusCode::OK, &export)
}
