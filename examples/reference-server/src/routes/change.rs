//! How a change happens: look at the present state, decide, and write only if that is still the state.
//!
//! Nothing is locked in between, so that checking a large document holds up nobody. Who loses the
//! race looks again: with `If-Match` the second look ends in 412, and without a condition that the
//! new state breaks, the write goes through.

use std::sync::Arc;

use portcullis_layer_core::refusal::Refusal;

use super::App;
use crate::domain::document::Document;
use crate::domain::etag::Preconditions;
use crate::domain::name::Name;
use crate::domain::project::ProjectName;
use crate::domain::schema::{Rejected, Schema};
use crate::problem::Problem;
use crate::store::{Head, Revision};

/// How many looks a change gets. Each lost race means that somebody else's write succeeded.
const ATTEMPTS: usize = 8;

/// What a change made of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    New,
    Other,
}

/// Makes `document` the next version of the configuration.
pub(super) async fn write_document(
    app: &App,
    project: &ProjectName,
    name: &Name,
    conditions: &Preconditions,
    document: Document,
) -> Result<(Made, Revision), Problem> {
    let document = Arc::new(document);
    for _ in 0..ATTEMPTS {
        let seen = head(app, project, name).await?;
        let current = seen.etag();
        conditions
            .write(current.as_ref())
            .map_err(|stop| Problem::stopped(stop, current.as_ref()))?;
        if let Some(schema) = seen.schema() {
            check_stored(schema.to_owned(), Arc::clone(&document)).await?;
        }
        let written = app
            .store
            .write_document(project, name, &seen, &document, super::reply::now())
            .await?;
        if let Some(revision) = written {
            let made = if current.is_some() {
                Made::Other
            } else {
                Made::New
            };
            return Ok((made, revision));
        }
    }
    Err(Problem::contended().into())
}

/// Sets the schema, which the present document, if there is one, has to pass.
pub(super) async fn write_schema(
    app: &App,
    project: &ProjectName,
    name: &Name,
    conditions: &Preconditions,
    schema: Document,
) -> Result<Made, Problem> {
    let text = Arc::new(schema);
    let compiled = {
        let text = Arc::clone(&text);
        super::aside(move || Schema::compile(&text)).await?
    };
    let compiled =
        Arc::new(compiled.map_err(|error| Problem::invalid_schema().member("errors", [error]))?);
    for _ in 0..ATTEMPTS {
        let seen = head(app, project, name).await?;
        let current = seen.schema_etag();
        conditions
            .write(current.as_ref())
            .map_err(|stop| Problem::stopped(stop, current.as_ref()))?;
        // Should this already be a later document than the one seen, the write below fails.
        if let Some((_, document)) = app.store.document(project, name, None).await? {
            let schema = Arc::clone(&compiled);
            super::aside(move || match Document::parse(document.as_bytes()) {
                Ok(document) => schema.check(&document).map_err(rejected),
                Err(fault) => Err(unreadable(&fault.detail)),
            })
            .await??;
        }
        let now = super::reply::now();
        if app
            .store
            .write_schema(project, name, &seen, &text, now)
            .await?
        {
            return Ok(if current.is_some() {
                Made::Other
            } else {
                Made::New
            });
        }
    }
    Err(Problem::contended().into())
}

/// Deletes the document with its versions and its schema.
pub(super) async fn delete_config(
    app: &App,
    project: &ProjectName,
    name: &Name,
    conditions: &Preconditions,
) -> Result<(), Problem> {
    for _ in 0..ATTEMPTS {
        let seen = head(app, project, name).await?;
        let current = seen.etag().ok_or_else(no_config)?;
        conditions
            .write(Some(&current))
            .map_err(|stop| Problem::stopped(stop, Some(&current)))?;
        if app.store.delete_config(&seen).await? {
            return Ok(());
        }
    }
    Err(Problem::contended().into())
}

/// Takes the schema away.
pub(super) async fn delete_schema(
    app: &App,
    project: &ProjectName,
    name: &Name,
    conditions: &Preconditions,
) -> Result<(), Problem> {
    for _ in 0..ATTEMPTS {
        let seen = head(app, project, name).await?;
        let current = seen.schema_etag().ok_or_else(no_schema)?;
        conditions
            .write(Some(&current))
            .map_err(|stop| Problem::stopped(stop, Some(&current)))?;
        if app.store.delete_schema(&seen).await? {
            return Ok(());
        }
    }
    Err(Problem::contended().into())
}

pub(super) async fn head(app: &App, project: &ProjectName, name: &Name) -> Result<Head, Problem> {
    let head = app.store.head(project, name).await?;
    Ok(head.ok_or_else(no_project)?)
}

pub(super) fn no_project() -> Refusal {
    Problem::missing("there is no such project")
}

pub(super) fn no_config() -> Refusal {
    Problem::missing("there is no such configuration")
}

pub(super) fn no_schema() -> Refusal {
    Problem::missing("the configuration has no schema")
}

async fn check_stored(schema: String, document: Arc<Document>) -> Result<(), Problem> {
    super::aside(move || {
        let schema =
            Document::parse(schema.as_bytes()).map_err(|fault| unreadable(&fault.detail))?;
        let schema = Schema::compile(&schema).map_err(|violation| unreadable(&violation.detail))?;
        schema.check(&document).map_err(rejected)
    })
    .await?
}

fn rejected(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Violations(errors) => Problem::schema_violation().member("errors", errors).into(),
        Rejected::TooCostly => Problem::schema_too_costly().into(),
    }
}

/// What is stored does not pass the rules that it passed when it came in.
pub(super) fn unreadable(detail: &str) -> Problem {
    Problem::failed(format_args!("what is stored breaks a rule: {detail}"))
}
