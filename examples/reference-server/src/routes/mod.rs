//! The HTTP side of the configuration service.
//!
//! [`router`] is the whole API, with its own answers for unknown paths and methods; everything around it
//! (limits, headers, metrics) is the stack's. Who may do what stands beside each handler.

mod admin;
mod api_keys;
mod auth;
mod change;
mod configs;
mod discovery;
mod docs;
mod extract;
mod fields;
mod me;
mod pages;
mod projects;
mod reply;
mod schemas;
#[cfg(test)]
mod tests;
mod through;
mod versions;
mod who;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, any_service, delete, get, patch, post, put};
use http::StatusCode;
use portcullis_auth_core::audit::AuditSink;
use portcullis_auth_core::roles::{Requirement, Roles};
use portcullis_auth_core::totp::REAUTHENTICATION;
use portcullis_layer_core::endpoint::EndpointService;
use portcullis_observability_layers::health::Health;
use portcullis_security_layers::auth::RequireLayer;
use portcullis_security_layers::token_endpoints::TokenEndpoints;

use crate::accounts::{Accounts, Guard, REFRESH, REVOKE};
use crate::problem::{self, Problem};
use crate::stack::Error;
use crate::store::Store;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    /// What clients do with their sessions, and the cookie that keeps one.
    pub(crate) endpoints: TokenEndpoints,
    pub(crate) health: Health,
}

/// Who gets to a handler.
struct Doors {
    guard: Guard,
    optional: Guard,
    roles: Roles,
    audit: Arc<dyn AuditSink>,
}

impl Doors {
    // Around handlers and not around paths: that a path has no such method is no secret.
    fn require(&self, requirement: Requirement, methods: MethodRouter<App>) -> MethodRouter<App> {
        methods.route_layer(RequireLayer::new(requirement).audit(Arc::clone(&self.audit)))
    }

    /// Everybody who has signed in. Who comes with an API key is told so first of all, rather than what else is missing.
    fn signed_in(&self, methods: MethodRouter<App>) -> MethodRouter<App> {
        methods
            .route_layer(from_fn(who::signed_in))
            .route_layer(self.guard.clone())
    }

    /// Whoever has the permission.
    fn with(
        &self,
        permission: &str,
        methods: MethodRouter<App>,
    ) -> Result<MethodRouter<App>, Error> {
        let methods = self.require(self.roles.require(permission)?, methods);
        Ok(methods.route_layer(self.guard.clone()))
    }

    /// Whoever has the permission, and has signed in.
    fn in_person(
        &self,
        permission: &str,
        methods: MethodRouter<App>,
    ) -> Result<MethodRouter<App>, Error> {
        let methods = self.require(self.roles.require(permission)?, methods);
        Ok(self.signed_in(methods))
    }

    /// Whoever has shown who they are within the last ten minutes, and not merely gone on with a session.
    fn recently(&self, methods: MethodRouter<App>) -> MethodRouter<App> {
        let recent = Requirement::default().max_age(REAUTHENTICATION);
        self.signed_in(self.require(recent, methods))
    }

    /// Everybody who has an account.
    fn known(&self, methods: MethodRouter<App>) -> MethodRouter<App> {
        methods.route_layer(self.guard.clone())
    }
}

/// The configuration service, under the paths by which metrics and logs know it.
fn service(doors: &Doors) -> Result<Router<App>, Error> {
    let project = "/api/v1/projects/{project}";
    let config = "/api/v1/projects/{project}/configs/{config}";
    let below = |path: &str| format!("{config}{path}");
    Ok(Router::new()
        .route(
            "/api/v1/projects",
            doors
                .with("projects:read", get(projects::list))?
                .merge(doors.with("projects:write", post(projects::create))?),
        )
        .route(
            project,
            doors
                .with("projects:read", get(projects::read))?
                .merge(doors.with("projects:delete", delete(projects::delete))?),
        )
        .route(
            "/api/v1/projects/{project}/configs",
            doors.with("configs:read", get(configs::list))?,
        )
        .route(
            config,
            doors
                .with("configs:read", get(configs::read))?
                .merge(doors.with("configs:write", put(configs::write))?)
                .merge(doors.with("configs:delete", delete(configs::delete))?),
        )
        .route(
            &below("/schema"),
            doors
                .with("configs:read", get(schemas::read))?
                .merge(doors.with("configs:write", put(schemas::write))?)
                .merge(doors.with("configs:delete", delete(schemas::delete))?),
        )
        .route(
            &below("/versions"),
            doors
                .with("configs:read", get(versions::list))?
                .merge(doors.with("configs:write", post(versions::append))?),
        )
        .route(
            &below("/versions/{version}"),
            doors.with("configs:read", get(versions::read))?,
        )
        .route(
            &below("/versions/{version}/restore"),
            doors.with("configs:write", post(versions::restore))?,
        ))
}

/// Making accounts and signing in, each attempt of which costs more than other requests.
fn sign_in(doors: &Doors) -> Router<App> {
    Router::new()
        .route("/api/v1/auth/register", post(auth::register::register))
        .route("/api/v1/auth/login", post(auth::login::login))
        .route(
            "/api/v1/auth/logout",
            doors.signed_in(post(auth::logout::logout)),
        )
        .route(
            "/api/v1/auth/logout-all",
            doors.signed_in(post(auth::logout::logout_all)),
        )
        .route(
            "/api/v1/auth/password",
            doors.signed_in(post(auth::password::change)),
        )
        .route(
            "/api/v1/auth/mfa/totp",
            doors.recently(post(auth::mfa::enrol).delete(auth::mfa::remove)),
        )
        .route(
            "/api/v1/auth/mfa/totp/verify",
            post(auth::mfa::verify).route_layer(doors.optional.clone()),
        )
        .route(
            "/api/v1/auth/mfa/recovery-codes",
            doors.recently(post(auth::mfa::make_recovery_codes)),
        )
}

/// Sessions that live, and what others must know to believe their tokens.
fn sessions(doors: &Doors, endpoints: &TokenEndpoints) -> Router<App> {
    let endpoints = || any_service(EndpointService::new(endpoints.clone()));
    // These tell wrong methods themselves, and so the guard stands around all of them.
    let sessions = || {
        endpoints()
            .layer::<_, Infallible>(from_fn(who::signed_in))
            .layer(doors.guard.clone())
    };
    Router::new()
        // Whoever comes here has an access token that has expired, or none.
        .route(REFRESH, endpoints())
        .route(REVOKE, endpoints().layer(map_response(nothing_to_tell)))
        .route("/.well-known/jwks.json", endpoints())
        .route("/.well-known/openid-configuration", get(discovery::read))
        .route("/api/v1/sessions", sessions())
        .route("/api/v1/sessions/{session}", sessions())
}

/// RFC 7009 answers with 200; here, all that ends something without a word is a 204.
async fn nothing_to_tell(mut response: Response) -> Response {
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

/// What everybody sees of their own account, and administrators of others'.
fn accounts(doors: &Doors) -> Result<Router<App>, Error> {
    Ok(Router::new()
        .route(
            "/api/v1/me",
            doors
                .known(get(me::read))
                .merge(doors.signed_in(delete(me::delete))),
        )
        .route("/api/v1/me/export", doors.signed_in(get(me::export)))
        .route(
            "/api/v1/api-keys",
            doors
                .with("apikeys:read", get(api_keys::list))?
                .merge(doors.in_person("apikeys:write", post(api_keys::create))?),
        )
        .route(
            "/api/v1/api-keys/{key}",
            doors.in_person("apikeys:write", delete(api_keys::revoke))?,
        )
        .route(
            "/api/v1/api-keys/{key}/rotate",
            doors.in_person("apikeys:write", post(api_keys::rotate))?,
        )
        .route(
            "/api/v1/admin/users",
            doors.with("users:read", get(admin::users))?,
        )
        .route(
            "/api/v1/admin/users/{user}",
            doors.with("users:write", patch(admin::change))?,
        )
        .route(
            "/api/v1/admin/users/{user}/unlock",
            doors.with("users:write", post(admin::unlock))?,
        )
        .route(
            "/api/v1/admin/users/{user}/mfa",
            doors.recently(doors.require(
                doors.roles.require("users:write")?,
                delete(admin::remove_factors),
            )),
        )
        .route(
            "/api/v1/admin/audit",
            doors.with("audit:read", get(admin::audit))?,
        ))
}

/// The API and the pages, each with its own answers for what it does not know.
pub(crate) fn router(app: App) -> Result<Router, Error> {
    let doors = Doors {
        guard: app.accounts.guard(),
        optional: app.accounts.optional_guard(),
        roles: app.accounts.roles.clone(),
        audit: app.accounts.sink(),
    };
    let people = sign_in(&doors).merge(accounts(&doors)?);
    let people = people.route_layer(from_fn(through::to_the_end));
    Ok(Router::new()
        .merge(service(&doors)?)
        .merge(sessions(&doors, &app.endpoints))
        .merge(people)
        .merge(pages::router())
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn(problem::answer))
        .with_state(app))
}

/// Runs what would keep a connection's thread busy on another one.
async fn aside<T, F>(work: F) -> Result<T, Problem>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    through::joined(tokio::task::spawn_blocking(work).await)
}
