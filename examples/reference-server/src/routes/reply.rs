//! Answers that are not problems.

use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::domain::etag::{Digest, ETag, Preconditions, Read, Stop};
use crate::domain::name::Name;
use crate::domain::project::ProjectName;
use crate::problem::Problem;
use crate::store::Revision;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A page of a listing; `next_cursor` is `null` on the last one.
#[derive(Debug, Serialize)]
pub(super) struct Listing<T> {
    pub(super) items: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

/// The version that a write made.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    project: &'a str,
    name: &'a str,
    #[serde(flatten)]
    version: VersionView,
}

impl<'a> Written<'a> {
    pub(super) fn of(project: &'a ProjectName, name: &'a Name, revision: &Revision) -> Self {
        Self {
            project: project.as_str(),
            name: name.as_str(),
            version: revision.into(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct VersionView {
    version: u64,
    etag: String,
    bytes: u64,
    created_at: String,
}

impl From<&Revision> for VersionView {
    fn from(revision: &Revision) -> Self {
        Self {
            version: revision.version,
            etag: revision.etag.to_string(),
            bytes: revision.bytes,
            created_at: timestamp(revision.created_at),
        }
    }
}

/// Milliseconds since 1970, now.
pub(super) fn now() -> i64 {
    let nanoseconds = OffsetDateTime::now_utc().unix_timestamp_nanos();
    i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX)
}

/// RFC 3339, in UTC, with milliseconds that are always there: so they sort as texts.
pub(super) fn timestamp(milliseconds: i64) -> String {
    let form =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .ok()
        .and_then(|time| time.format(form).ok())
        .unwrap_or_default()
}

/// An answer to GET: the text if the request wants this state of it, nothing if it has it already.
pub(super) fn text(
    conditions: &Preconditions,
    etag: &ETag,
    text: String,
) -> Result<Response, Problem> {
    let response = match conditions.read(etag) {
        Read::Send => with_header(text.into_response(), CONTENT_TYPE, JSON),
        Read::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Read::Failed => return Err(Problem::stopped(Stop::Failed, Some(etag)).into()),
    };
    Ok(with_header(response, ETAG, etag.header_value()))
}

/// The same for what is made for the answer: its tag is its content's.
pub(super) fn json(
    conditions: &Preconditions,
    value: &impl Serialize,
) -> Result<Response, Problem> {
    let (body, etag) = encode(value)?;
    text(conditions, &etag, body)
}

/// An answer that nobody keeps, and so without a tag.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_string(value).map_err(Problem::failed)?;
    let response = (status, body).into_response();
    Ok(with_header(response, CONTENT_TYPE, JSON))
}

/// Says where what was made is.
pub(super) fn located(response: Response, location: &str) -> Response {
    at(response, LOCATION, location)
}

/// The tag that [`json`] gives a value.
pub(super) fn etag(value: &impl Serialize) -> Result<ETag, Problem> {
    Ok(encode(value)?.1)
}

/// 201 and where it is, with the tag it has there.
pub(super) fn created(
    location: &str,
    etag: &ETag,
    value: &impl Serialize,
) -> Result<Response, Problem> {
    let mut response = stored(etag, value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(at(response, LOCATION, location))
}

/// 200 that tells about what was stored, with the tag that it now has.
pub(super) fn stored(etag: &ETag, value: &impl Serialize) -> Result<Response, Problem> {
    let (body, _) = encode(value)?;
    let response = with_header(body.into_response(), CONTENT_TYPE, JSON);
    Ok(with_header(response, ETAG, etag.header_value()))
}

/// Names the version that an answer holds.
pub(super) fn content_location(response: Response, location: &str) -> Response {
    at(response, CONTENT_LOCATION, location)
}

pub(super) fn config_path(project: &ProjectName, name: &Name) -> String {
    format!("/api/v1/projects/{project}/configs/{name}")
}

pub(super) fn version_path(project: &ProjectName, name: &Name, version: u64) -> String {
    format!("/api/v1/projects/{project}/configs/{name}/versions/{version}")
}

fn encode(value: &impl Serialize) -> Result<(String, ETag), Problem> {
    let body = serde_json::to_string(value).map_err(Problem::failed)?;
    let etag = ETag::of_content(&Digest::of(body.as_bytes()));
    Ok((body, etag))
}

fn at(response: Response, header: HeaderName, location: &str) -> Response {
    let location =
        HeaderValue::from_str(location).expect("names and numbers are valid in a header");
    with_header(response, header, location)
}

fn with_header(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn a_moment_is_written_with_milliseconds_whatever_they_are() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (1_790_000_000_120, "2026-09-21T14:13:20.120Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(milliseconds), text);
        }
    }
}
