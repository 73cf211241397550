//! `/api/v1/projects/{project}/configs/{config}/versions[/{version}[/restore]]`

use axum::extract::State;
use axum::response::Response;
use portcullis_layer_core::refusal::Refusal;

use super::App;
use super::change::{self, no_config};
use super::extract::{AtVersion, If, Json, OfConfig, PageByVersion};
use super::reply::{self, Listing, VersionView, Written, version_path};
use crate::domain::document::Document;
use crate::domain::etag::Preconditions;
use crate::domain::name::Name;
use crate::domain::project::ProjectName;
use crate::problem::Problem;

pub(super) async fn list(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    PageByVersion(page): PageByVersion,
    If(conditions): If,
) -> Result<Response, Problem> {
    let head = change::head(&app, &project, &name).await?;
    head.etag().ok_or_else(no_config)?;
    let mut versions = app.store.versions(&project, &name, &page).await?;
    let next_cursor = page.cut(&mut versions, |revision| revision.version.to_string());
    let items: Vec<VersionView> = versions.iter().map(VersionView::from).collect();
    reply::json(&conditions, &Listing { items, next_cursor })
}

/// PUT of the configuration by another name: the answer names the version that was made.
pub(super) async fn append(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
    Json(document): Json,
) -> Result<Response, Problem> {
    add(&app, &project, &name, &conditions, document).await
}

pub(super) async fn read(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    AtVersion(version): AtVersion,
    If(conditions): If,
) -> Result<Response, Problem> {
    let found = app.store.document(&project, &name, Some(version)).await?;
    let (revision, text) = found.ok_or_else(no_version)?;
    reply::text(&conditions, &revision.etag, text)
}

/// Makes an old version the newest: a version of its own, checked against today's schema.
pub(super) async fn restore(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    AtVersion(version): AtVersion,
    If(conditions): If,
) -> Result<Response, Problem> {
    let found = app.store.document(&project, &name, Some(version)).await?;
    let (_, text) = found.ok_or_else(no_version)?;
    let document = super::aside(move || Document::parse(text.as_bytes())).await?;
    let document = document.map_err(|fault| change::unreadable(&fault.detail))?;
    add(&app, &project, &name, &conditions, document).await
}

async fn add(
    app: &App,
    project: &ProjectName,
    name: &Name,
    conditions: &Preconditions,
    document: Document,
) -> Result<Response, Problem> {
    let (_, revision) = change::write_document(app, project, name, conditions, document).await?;
    let location = version_path(project, name, revision.version);
    let written = Written::of(project, name, &revision);
    reply::created(&location, &revision.etag, &written)
}

fn no_version() -> Refusal {
    Problem::missing("there is no such version")
}
