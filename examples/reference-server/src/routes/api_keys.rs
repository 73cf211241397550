//! `/api/v1/api-keys`: credentials of programs, each of somebody who makes and revokes it.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use portcullis_auth_core::api_key::{
    ApiKey, CreateError, CreateErrorKind, CreatedKey, KeyFormat, KeyId, Network, NewApiKey, Overlap,
};
use portcullis_auth_core::audit;
use portcullis_auth_core::password::Account;
use portcullis_auth_core::roles::{Permission, Scopes};
use portcullis_auth_core::store::StoreError;
use portcullis_auth_core::time::Timestamp;
use portcullis_layer_core::refusal::Refusal;
use serde::Serialize;

use super::App;
use super::extract::Json;
use super::fields::Fields;
use super::reply::{self, timestamp};
use super::who::{Context, SignedIn, Who};
use crate::problem::Problem;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key without its secret.
#[derive(Debug, Serialize)]
pub(super) struct KeyView {
    id: String,
    /// As it begins: what people recognise it by.
    display: String,
    name: String,
    scopes: Vec<String>,
    networks: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    replaces: Option<String>,
    replaced_by: Option<String>,
    live: bool,
}

impl KeyView {
    pub(super) fn new(key: &ApiKey, format: &KeyFormat, now: Timestamp) -> Self {
        let time = |at: Option<Timestamp>| at.map(|at| timestamp(at.as_millis()));
        let id = |id: Option<KeyId>| id.map(|id| id.as_str().to_owned());
        Self {
            id: key.id.as_str().to_owned(),
            display: format.display(key.id),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(ToOwned::to_owned).collect(),
            networks: key.networks.iter().map(ToString::to_string).collect(),
            created_at: timestamp(key.created_at.as_millis()),
            expires_at: time(key.expires_at),
            revoked_at: time(key.revoked_at),
            last_used_at: time(key.last_used_at),
            replaces: id(key.replaces),
            replaced_by: id(key.replaced_by),
            live: key.is_live(now),
        }
    }
}

#[derive(Serialize)]
struct NewKeyView<'a> {
    #[serde(flatten)]
    view: KeyView,
    key: &'a str,
}

#[derive(Debug, Serialize)]
struct Keys {
    items: Vec<KeyView>,
}

/// The keys of an account, the newest first.
pub(super) async fn of(app: &App, account: &Account) -> Result<Vec<KeyView>, Problem> {
    let keys = &app.accounts.api_keys;
    let found = keys.list(&account.tenant, Some(&account.subject)).await?;
    let (format, now) = (keys.format(), app.accounts.now());
    let views = found.iter().map(|key| KeyView::new(key, format, now));
    Ok(views.collect())
}

pub(super) async fn list(State(app): State<App>, who: Who) -> Result<Response, Problem> {
    let items = of(&app, &who.account).await?;
    reply::answer(StatusCode::OK, &Keys { items })
}

pub(super) async fn create(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
    Json(body): Json,
) -> Result<Response, Problem> {
    let known = &["name", "scopes", "networks", "expires_in_days"];
    let mut fields = Fields::of(&body, known);
    let name = fields.text("name");
    let scopes = fields.texts("scopes");
    let roles = &app.accounts.roles;
    let is_permission = |scope: &&str| {
        let permission = scope.parse::<Permission>();
        permission.is_ok_and(|wanted| roles.permissions().any(|known| wanted.covers(known)))
    };
    let permissions = scopes.iter().all(is_permission);
    let scopes = Scopes::try_from(scopes).ok().filter(|_| permissions);
    if scopes.is_none() {
        fields.wrong("scopes", "permissions are expected, such as configs:read");
    }
    let networks = fields.optional_texts("networks").unwrap_or_default();
    let networks: Option<Vec<Network>> = networks
        .into_iter()
        .map(|network| network.parse().ok())
        .collect();
    if networks.is_none() {
        fields.wrong("networks", "networks are expected, such as 192.0.2.0/24");
    }
    let days = fields.optional_number("expires_in_days", 3650);
    fields.check()?;
    let (Some(scopes), Some(networks)) = (scopes, networks) else {
        return Err(Problem::failed("a wrong member was not noticed"));
    };
    let mut new = NewApiKey::new(name, scopes).networks(networks);
    if let Some(days) = days {
        let days = u32::try_from(days).map_err(Problem::failed)?;
        new = new.lifetime(DAY * days);
    }
    let made = app.accounts.api_keys.create(new, &who.principal, &context);
    match permitted(&app, &who, &context, made).await? {
        Ok(created) => answer(&app, &created),
        Err(error) => {
            let member = match error.kind() {
                CreateErrorKind::Name => "name",
                CreateErrorKind::Scopes => "scopes",
                _ => return Err(refused(&error)),
            };
            fields.wrong(member, &error.to_string());
            fields.check()?;
            Err(Problem::failed(error))
        }
    }
}

pub(super) async fn revoke(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
    key: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = own(&app, &who, key).await?;
    let keys = &app.accounts.api_keys;
    keys.revoke(&who.account.tenant, id, &who.principal, &context)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn rotate(
    State(app): State<App>,
    who: SignedIn,
    Context(context): Context,
    key: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = own(&app, &who, key).await?;
    let keys = &app.accounts.api_keys;
    let overlap = Overlap::default();
    let made = keys.rotate(&who.account.tenant, id, overlap, &who.principal, &context);
    let rotated = permitted(&app, &who, &context, made).await?;
    answer(&app, &rotated.map_err(|error| refused(&error))?)
}

/// Makes a key where somebody might sign in.
async fn permitted(
    app: &App,
    who: &SignedIn,
    context: &audit::Context,
    made: impl Future<Output = Result<CreatedKey, CreateError>>,
) -> Result<Result<CreatedKey, CreateError>, Problem> {
    let permit = app.accounts.may_make_key(&who.account, context).await?;
    let made = made.await;
    match &made {
        Ok(_) => permit.first_factor().await,
        Err(_) => permit.withdrawn().await,
    }
    Ok(made)
}

/// The id of a key of whoever asks: those of others are not there.
async fn own(
    app: &App,
    who: &SignedIn,
    key: Result<Path<String>, PathRejection>,
) -> Result<KeyId, Problem> {
    let id = key.ok().and_then(|Path(id)| id.parse().ok());
    let id: KeyId = id.ok_or_else(no_key)?;
    let found = app.accounts.api_keys.get(&who.account.tenant, id).await?;
    let own = found.filter(|key| key.owner == who.account.subject);
    Ok(own.map(|key| key.id).ok_or_else(no_key)?)
}

fn no_key() -> Refusal {
    Problem::missing("there is no such API key")
}

fn refused(error: &CreateError) -> Problem {
    match error.kind() {
        CreateErrorKind::BeyondCreator => Problem::beyond_own_rights().into(),
        CreateErrorKind::TooMany => Problem::too_many_api_keys().into(),
        CreateErrorKind::Ended | CreateErrorKind::AlreadyReplaced => {
            Problem::api_key_ended().into()
        }
        CreateErrorKind::NotFound => no_key().into(),
        _ => {
            let after = error.store_error().and_then(StoreError::retry_after);
            Problem::unavailable_for(after, error)
        }
    }
}

fn answer(app: &App, created: &CreatedKey) -> Result<Response, Problem> {
    let view = KeyView::new(
        &created.key,
        app.accounts.api_keys.format(),
        app.accounts.now(),
    );
    let location = format!("/api/v1/api-keys/{}", view.id);
    let key = created.secret.expose_secret();
    let response = reply::answer(StatusCode::CREATED, &NewKeyView { view, key })?;
    Ok(reply::located(response, &location))
}
