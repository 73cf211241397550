//! `/api/v1/projects/{project}/configs/{config}/schema`

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;

use super::App;
use super::change::{self, Made, no_schema};
use super::extract::{If, Json, OfConfig};
use super::reply::{self, config_path};
use crate::domain::etag::ETag;
use crate::problem::Problem;

#[derive(Debug, Serialize)]
struct Stored<'a> {
    project: &'a str,
    name: &'a str,
    etag: String,
    bytes: usize,
}

pub(super) async fn read(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
) -> Result<Response, Problem> {
    let head = change::head(&app, &project, &name).await?;
    match (head.schema_etag(), head.schema()) {
        (Some(etag), Some(text)) => reply::text(&conditions, &etag, text.to_owned()),
        _ => Err(no_schema().into()),
    }
}

pub(super) async fn write(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
    Json(schema): Json,
) -> Result<Response, Problem> {
    let etag = ETag::of_content(&schema.digest());
    let stored = Stored {
        project: project.as_str(),
        name: name.as_str(),
        etag: etag.to_string(),
        bytes: schema.text().len(),
    };
    match change::write_schema(&app, &project, &name, &conditions, schema).await? {
        Made::New => {
            let location = format!("{}/schema", config_path(&project, &name));
            reply::created(&location, &etag, &stored)
        }
        Made::Other => reply::stored(&etag, &stored),
    }
}

pub(super) async fn delete(
    State(app): State<App>,
    OfConfig(project, name): OfConfig,
    If(conditions): If,
) -> Result<Response, Problem> {
    change::delete_schema(&app, &project, &name, &conditions).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
