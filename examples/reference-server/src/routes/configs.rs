//! `/api/v1/projects/{project}/configs[/{config}]`

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;

use super::App;
use super::change::{self, Made, no_config, no_project};
use super::extract::{If, InProject, Json, OfConfig, PageByName};
use super::reply::{self, Listing, Written, config_path, timestamp, version_path};
use crate::problem::Problem;
use crate::store::Summary;

#[derive(Debug, Serialize)]
struct View {
    name: String,
    /// `null`, like the tag: there is a schema, and no document yet.
    version: Option<u64>,
    etag: Option<String>,
    has_schema: bool,
    updated_at: String,
}

impl From<Summary> for View {
    fn from(summary: Summary) -> Self {
        let (version, etag) = summary.revision.unzip();
        Self {
            name: summary.name,
            version,
            etag: etag.map(|etag| etag.to_string()),
            has_schema: summary.has_schema,
            updated_at: timestamp(summary.updated_at),
        }
    }
}

pub(super) async fn list(
    State(app): State<App>,
    InProject(project): InProject,
    PageByName(page): PageByName,
    If(conditions): If,
) -> Result<Response, Problem> {
    app.store.project(&project).await?.ok_or_else(no_project)?;
    let mut configs = app.store.configs(&project, &page).await?;
    let next_cursor = page.cut(&mut configs, |config| config.name.clone());
    let items: Vec<View> = configs.into_iter().map(View::from).collect();
    reply::json(&conditions, &Listing { items, next_cursor })
}

pub(super) async fn read(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
) -> Result<Response, Problem> {
    let found = app.store.document(&project, &name, None).await?;
    let (revision, text) = found.ok_or_else(no_config)?;
    let response = reply::text(&conditions, &revision.etag, text)?;
    let location = version_path(&project, &name, revision.version);
    Ok(reply::content_location(response, &location))
}

pub(super) async fn write(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
    Json(document): Json,
) -> Result<Response, Problem> {
    let (made, revision) =
        change::write_document(&app, &project, &name, &conditions, document).await?;
    let written = Written::of(&project, &name, &revision);
    match made {
        Made::New => reply::created(&config_path(&project, &name), &revision.etag, &written),
        Made::Other => reply::stored(&revision.etag, &written),
    }
}

pub(super) async fn delete(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
) -> Result<Response, Problem> {
    change::delete_config(&app, &project, &name, &conditions).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
