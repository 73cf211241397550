//! `/api/v1/projects`

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::App;
use super::change::no_project;
use super::extract::{If, InProject, Json, PageByName};
use super::reply::{self, Listing, timestamp};
use super::who::Who;
use crate::domain::document::Document;
use crate::domain::etag::Stop;
use crate::domain::name::{self, Name};
use crate::domain::project::ProjectName;
use crate::domain::schema::{MAX_VIOLATIONS, Violation};
use crate::problem::Problem;
use crate::store::{Deleted, Project};

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 500;

#[derive(Debug, Serialize)]
struct View {
    name: String,
    description: String,
    created_at: String,
}

impl From<Project> for View {
    fn from(project: Project) -> Self {
        Self {
            name: project.name,
            description: project.description,
            created_at: timestamp(project.created_at),
        }
    }
}

pub(super) async fn list(
    State(app): State<App>,
    who: Who,
    PageByName(page): PageByName,
    If(conditions): If,
) -> Result<Response, Problem> {
    let mut projects = app.store.projects(&who.account.tenant, &page).await?;
    let next_cursor = page.cut(&mut projects, |project| project.name.clone());
    let items: Vec<View> = projects.into_iter().map(View::from).collect();
    reply::json(&conditions, &Listing { items, next_cursor })
}

pub(super) async fn create(
    State(app): State<App>,
    who: Who,
    Json(body): Json,
) -> Result<Response, Problem> {
    let wanted = Wanted::read(&body)
        .map_err(|errors| Problem::invalid_request().member("errors", errors))?;
    let name = ProjectName::new(who.account.tenant, wanted.name.clone());
    let created = app
        .store
        .create_project(&name, wanted.description, reply::now())
        .await?;
    let view = View::from(created.ok_or_else(Problem::project_exists)?);
    let location = format!("/api/v1/projects/{}", wanted.name);
    reply::created(&location, &reply::etag(&view)?, &view)
}

pub(super) async fn read(
    State(app): State<App>,
    InProject(name): InProject,
    If(conditions): If,
) -> Result<Response, Problem> {
    let project = app.store.project(&name).await?.ok_or_else(no_project)?;
    reply::json(&conditions, &View::from(project))
}

// A project never changes after it is made, so that a condition is welcome and not needed.
pub(super) async fn delete(
    State(app): State<App>,
    InProject(name): InProject,
    If(conditions): If,
) -> Result<Response, Problem> {
    let project = app.store.project(&name).await?.ok_or_else(no_project)?;
    let etag = reply::etag(&View::from(project))?;
    if !conditions.hold(&etag) {
        return Err(Problem::stopped(Stop::Failed, Some(&etag)).into());
    }
    match app.store.delete_project(&name).await? {
        Deleted::Yes => Ok(StatusCode::NO_CONTENT.into_response()),
        Deleted::NotEmpty => Err(Problem::project_not_empty().into()),
        Deleted::NotFound => Err(no_project().into()),
    }
}

/// The project that a request asks for.
struct Wanted<'a> {
    name: Name,
    description: &'a str,
}

impl<'a> Wanted<'a> {
    /// Tells what is wrong at once, and not only the first of it.
    fn read(body: &'a Document) -> Result<Self, Vec<Violation>> {
        let Some(members) = body.value().as_object() else {
            return Err(vec![Violation::new("", "an object is expected")]);
        };
        let mut violations = Vec::new();
        let mut name = None;
        let mut description = "";
        if !members.contains_key("name") {
            violations.push(Violation::new("", "`name` is missing"));
        }
        for (member, value) in members {
            if violations.len() == MAX_VIOLATIONS {
                break;
            }
            match (member.as_str(), value) {
                ("name", Value::String(text)) => match Name::parse(text) {
                    Ok(parsed) => name = Some(parsed),
                    Err(_) => violations.push(Violation::new("/name", name::RULE)),
                },
                ("name", _) => violations.push(Violation::new("/name", "a string is expected")),
                ("description", Value::String(text)) if text.chars().count() <= MAX_DESCRIPTION => {
                    description = text;
                }
                ("description", _) => {
                    let detail =
                        format!("a string of up to {MAX_DESCRIPTION} characters is expected");
                    violations.push(Violation::new("/description", &detail));
                }
                (other, _) => violations.push(Violation::member(other, "there is no such member")),
            }
        }
        match name {
            Some(name) if violations.is_empty() => Ok(Self { name, description }),
            _ => Err(violations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_VIOLATIONS, Wanted};
    use crate::domain::document::Document;

    fn pointers(text: &str) -> Vec<String> {
        let body = Document::parse(text.as_bytes()).unwrap();
        match Wanted::read(&body) {
            Ok(_) => Vec::new(),
            Err(violations) => violations.into_iter().map(|v| v.pointer).collect(),
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        assert!(pointers(r#"{"name":"a","description":"é"}"#).is_empty());
        let long = format!(r#"{{"name":"a","description":"{}"}}"#, "é".repeat(501));
        for (text, expected) in [
            ("[]", &[""][..]),
            ("{}", &[""]),
            (r#"{"name":"A"}"#, &["/name"]),
            (r#"{"name":null}"#, &["/name"]),
            (r#"{"name":"a","description":1}"#, &["/description"]),
            (long.as_str(), &["/description"]),
            (r#"{"id":7,"name":"","x/y":1}"#, &["/id", "/name", "/x~1y"]),
        ] {
            assert_eq!(pointers(text), expected, "{text}");
        }
    }

    // A body of 2 MB with a wrong member after the other was answered with 11 MB.
    #[test]
    fn the_answer_to_a_heap_of_faults_is_no_heap() {
        let members: Vec<_> = (0..1_000).map(|i| format!("\"{i}\":0")).collect();
        let told = pointers(&format!("{{{}}}", members.join(",")));
        assert_eq!(told.len(), MAX_VIOLATIONS);
        let long = "k".repeat(1_000_000);
        assert_eq!(pointers(&format!("{{\"name\":\"a\",\"{long}\":1}}")), [""]);
    }
}
