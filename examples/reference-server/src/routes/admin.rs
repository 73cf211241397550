//! `/api/v1/admin`: the accounts and the audit trail of the administrator's own tenant.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri};
use portcullis_auth_core::audit::EventKind;
use portcullis_auth_core::id::SubjectId;
use portcullis_auth_core::password::Account;
use portcullis_auth_core::refresh::RevokeReason;
use portcullis_layer_core::refusal::Refusal;
use serde::Serialize;

use super::App;
use super::auth::mfa::owner;
use super::extract::Json;
use super::fields::Fields;
use super::me::AccountView;
use super::reply::{self, Listing, timestamp};
use super::who::{Context, Who};
use crate::accounts::rights;
use crate::domain::page::{self, Page};
use crate::problem::Problem;
use crate::store::{AuditFilter, AuditRecord, Changed, User, UserChange};

pub(super) async fn users(State(app): State<App>, who: Who, uri: Uri) -> Result<Response, Problem> {
    let page = Page::parse(uri.query().unwrap_or_default(), page::id)?;
    let mut users = app.store.users(&who.account.tenant, &page).await?;
    let next_cursor = page.cut(&mut users, |user| user.account.subject.to_string());
    let items: Vec<_> = users.iter().map(AccountView::from).collect();
    reply::answer(StatusCode::OK, &Listing { items, next_cursor })
}

pub(super) async fn change(
    State(app): State<App>,
    who: Who,
    Context(context): Context,
    user: Result<Path<String>, PathRejection>,
    Json(body): Json,
) -> Result<Response, Problem> {
    let mut fields = Fields::of(&body, &["roles", "disabled"]);
    let roles = fields.optional_texts("roles");
    let known = |role: &&str| rights::ROLES.contains(role);
    if roles.as_ref().is_some_and(|roles| !roles.iter().all(known)) {
        fields.wrong("roles", "`viewer`, `editor` and `admin` are known here");
    }
    let disabled = fields.optional_flag("disabled");
    fields.check()?;
    let account = named(&who, user)?;
    let roles = roles.map(|roles| {
        let mut roles: Vec<_> = roles.into_iter().map(ToOwned::to_owned).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    });
    if let Some(roles) = &roles {
        let given = app.accounts.roles.access(roles);
        let own = who.principal.access_ref();
        // A key has less than its owner, and must not make somebody else an administrator.
        if given
            .permissions()
            .any(|permission| own.is_none_or(|own| !own.may(permission)))
        {
            return Err(Problem::beyond_own_rights().into());
        }
    }
    let change = UserChange { roles, disabled };
    let accounts = &app.accounts;
    // What was signed with the rights of before is good for nothing then.
    let shrinks = |before: &User, after: &User| {
        let rights = accounts.roles.access(&after.roles);
        let had = accounts.roles.access(&before.roles);
        (before.is_enabled() && !after.is_enabled())
            || had.permissions().any(|permission| !rights.may(permission))
    };
    let ending = accounts.ending(None, RevokeReason::Administrator);
    let changed = app.store.change_user(&account, &change, shrinks, &ending);
    let (states, ended) = match changed.await? {
        Changed::Yes { states, ended } => (states, ended),
        Changed::LastAdmin => return Err(Problem::last_admin().into()),
        Changed::NotFound => return Err(no_user().into()),
    };
    let (before, after) = *states;
    if let Some(ended) = ended {
        accounts
            .have_ended(&account, &ending, &ended, &context)
            .await;
    }
    // Keys have the rights of their owner, whatever these are now.
    accounts
        .api_keys
        .forget_owner(&account.tenant, &account.subject);
    if before.roles != after.roles {
        let now = rights::highest(&after.roles);
        accounts.tell(EventKind::PermissionsChanged, &account, &context, |event| {
            event.actor(who.actor()).reason(now)
        });
    }
    if before.is_enabled() != after.is_enabled() {
        let (kind, reason) = if before.is_enabled() {
            (EventKind::UserArchived, "disabled")
        } else {
            (EventKind::UserUpdated, "enabled")
        };
        accounts.tell(kind, &account, &context, |event| {
            event.actor(who.actor()).reason(reason)
        });
    }
    reply::answer(StatusCode::OK, &AccountView::from(&after))
}

/// Lets somebody try again who was held back for failures that need not be theirs.
pub(super) async fn unlock(
    State(app): State<App>,
    who: Who,
    Context(context): Context,
    user: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let account = named(&who, user)?;
    let user = app.store.user(&account.tenant, &account.subject).await?;
    let user = user.ok_or_else(no_user)?;
    let accounts = &app.accounts;
    let owner = owner(&account);
    accounts.totp.thaw(&owner, who.actor(), &context).await?;
    accounts.forgive(&user).await?;
    accounts.tell(EventKind::AuthzAdmin, &account, &context, |event| {
        event.actor(who.actor()).reason("sign_in_unlocked")
    });
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// For somebody who has lost their authenticator and all recovery codes.
pub(super) async fn remove_factors(
    State(app): State<App>,
    who: Who,
    Context(context): Context,
    user: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let account = named(&who, user)?;
    let user = app.store.user(&account.tenant, &account.subject).await?;
    let user = user.ok_or_else(no_user)?;
    let (accounts, owner) = (&app.accounts, owner(&user.account));
    if accounts.factors.factors(&owner).await?.is_empty() {
        return Err(Problem::missing("there is no second factor").into());
    }
    accounts.totp.forget(&owner).await?;
    accounts.tell(EventKind::MfaRemoved, &account, &context, |event| {
        event.actor(who.actor()).reason("administrator")
    });
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The account of the administrator's tenant that the path names.
fn named(who: &Who, user: Result<Path<String>, PathRejection>) -> Result<Account, Problem> {
    let subject: Option<SubjectId> = user.ok().and_then(|Path(id)| id.parse().ok());
    let subject = subject.ok_or_else(no_user)?;
    let tenant = who.account.tenant.clone();
    Ok(Account { tenant, subject })
}

fn no_user() -> Refusal {
    Problem::missing("there is no such account")
}

/// One event of the audit trail.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    id: String,
    at: String,
    event: String,
    outcome: String,
    severity: String,
    actor_kind: Option<String>,
    actor_id: Option<String>,
    subject: Option<String>,
    session_id: Option<String>,
    client_id: Option<String>,
    key_id: Option<String>,
    reason: Option<String>,
    method: Option<String>,
    count: Option<i64>,
    ip: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
}

impl From<AuditRecord> for EventView {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.id,
            at: timestamp(record.at),
            event: record.event,
            outcome: record.outcome,
            severity: record.severity,
            actor_kind: record.actor_kind,
            actor_id: record.actor_id,
            subject: record.subject,
            session_id: record.session_id,
            client_id: record.client_id,
            key_id: record.key_id,
            reason: record.reason,
            method: record.method,
            count: record.count,
            ip: record.ip,
            user_agent: record.user_agent,
            request_id: record.request_id,
        }
    }
}

pub(super) async fn audit(State(app): State<App>, who: Who, uri: Uri) -> Result<Response, Problem> {
    let mut filter = AuditFilter::default();
    let query = uri.query().unwrap_or_default();
    // Any text may be asked for: what nobody has is not found.
    let page = Page::parse_with(query, page::id, |name, value| match name {
        "subject" => filter.subject.replace(value.to_owned()).is_none(),
        "event" => filter.event.replace(value.to_owned()).is_none(),
        _ => false,
    })?;
    let mut events = app
        .store
        .events(&who.account.tenant, &filter, &page)
        .await?;
    let next_cursor = page.cut(&mut events, |event| event.id.clone());
    let items: Vec<_> = events.into_iter().map(EventView::from).collect();
    reply::answer(StatusCode::OK, &Listing { items, next_cursor })
}
