//! What handlers take from a request, refused with problems of ours.

use std::collections::HashMap;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::request::Parts;
use http_body_util::BodyExt as _;
use portcullis_auth_core::id::TenantId;

use crate::domain::document::Document;
use crate::domain::etag::Preconditions;
use crate::domain::name::Name;
use crate::domain::page::Page;
use crate::domain::project::ProjectName;
use crate::problem::Problem;

/// The project that the path names.
pub(crate) struct InProject(pub(crate) ProjectName);

/// The project and the configuration that the path names.
pub(crate) struct OfConfig(pub(crate) ProjectName, pub(crate) Name);

/// The version that the path names.
pub(crate) struct AtVersion(pub(crate) u64);

/// The conditions of the request.
pub(crate) struct If(pub(crate) Preconditions);

/// The page of a listing that is ordered by name.
pub(crate) struct PageByName(pub(crate) Page<Name>);

/// The page of a listing that is ordered by version.
pub(crate) struct PageByVersion(pub(crate) Page<u64>);

/// The body, as it was sent.
pub(crate) struct Json(pub(crate) Document);

async fn path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<PathNames, Problem> {
    // Fails for a segment that is not UTF-8 when decoded, which is no name either.
    let found = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
    Ok(PathNames(
        found.map_err(|_| crate::domain::name::NotAName)?.0,
    ))
}

struct PathNames(HashMap<String, String>);

impl PathNames {
    fn name(&self, parameter: &str) -> Result<Name, Problem> {
        let text = self.0.get(parameter).map_or("", String::as_str);
        Ok(Name::parse(text)?)
    }
}

/// The tenant that the request is about: its sender's own, whatever else the request says.
fn tenant(parts: &Parts) -> Result<TenantId, Problem> {
    Ok(super::who::Who::of(&parts.extensions)?.account.tenant)
}

impl<S: Send + Sync> FromRequestParts<S> for InProject {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name = path(parts, state).await?.name("project")?;
        Ok(Self(ProjectName::new(tenant(parts)?, name)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfConfig {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = path(parts, state).await?;
        let project = ProjectName::new(tenant(parts)?, path.name("project")?);
        Ok(Self(project, path.name("config")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AtVersion {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let PathNames(path) = path(parts, state).await?;
        let text = path.get("version").map_or("", String::as_str);
        version(text)
            .map(Self)
            .ok_or_else(|| Problem::missing("there is no such version").into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for If {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(Preconditions::of(&parts.headers)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageByName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(Page::parse(query, |text| Name::parse(text).ok())?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageByVersion {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(Page::parse(query, version)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // A body that is too long or too slow fails here as well; its layer then answers instead.
        let body = request.into_body().collect().await;
        let bytes = body.map_err(|_| Problem::unreadable_body())?.to_bytes();
        parse(bytes).await.map(Self)
    }
}

// Ten MiB take a while: not on a thread that other connections wait for.
async fn parse(bytes: Bytes) -> Result<Document, Problem> {
    Ok(super::aside(move || Document::parse(&bytes)).await??)
}

/// Digits without a sign or leading zeros, so that a version has one URL.
fn version(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_written_in_one_way() {
        assert_eq!(version("1"), Some(1));
        assert_eq!(version("18446744073709551615"), Some(u64::MAX));
        for other in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            "1.0",
            " 1",
            "18446744073709551616",
            "x",
        ] {
            assert_eq!(version(other), None, "{other:?}");
        }
    }
}
