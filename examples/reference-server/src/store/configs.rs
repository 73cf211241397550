//! Configurations: one row of present state each, and a row per version.
//!
//! A write names the [`Head`] that it was decided on and happens only if that is still the state:
//! of any number of writers that saw the same head, one wins, and the others are told so.

use super::{Result, Store};
use crate::domain::document::Document;
use crate::domain::etag::{Digest, ETag};
use crate::domain::name::Name;
use crate::domain::page::Page;
use crate::domain::project::ProjectName;

/// The present state of a configuration, without its document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The database's number for it; `None` as long as there is neither a document nor a schema.
    id: Option<i64>,
    version: i64,
    digest: Option<String>,
    schema: Option<String>,
    schema_digest: Option<String>,
}

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revision {
    pub(crate) version: u64,
    pub(crate) etag: ETag,
    pub(crate) bytes: u64,
    pub(crate) created_at: i64,
}

/// One configuration in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) name: String,
    /// `None`: there is a schema, and no document yet.
    pub(crate) revision: Option<(u64, ETag)>,
    pub(crate) has_schema: bool,
    pub(crate) updated_at: i64,
}

impl Head {
    /// The tag of the present document.
    pub(crate) fn etag(&self) -> Option<ETag> {
        let digest = Digest::stored(self.digest.clone()?);
        Some(ETag::of_version(unsigned(self.version), &digest))
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn schema_etag(&self) -> Option<ETag> {
        let digest = Digest::stored(self.schema_digest.clone()?);
        Some(ETag::of_content(&digest))
    }
}

impl Store {
    /// `None` when there is no such project.
    pub(crate) async fn head(&self, project: &ProjectName, name: &Name) -> Result<Option<Head>> {
        type Row = (
            Option<i64>,
            Option<i64>,
            Option<String>,
            Option<String>,
            Option<String>,
        );
        let row: Option<Row> = sqlx::query_as(
            "SELECT c.id, c.version, c.digest, c.schema, c.schema_digest
             FROM projects p LEFT JOIN configs c ON c.project_id = p.id AND c.name = $2
             WHERE p.name = $1 AND p.tenant = $3",
        )
        .bind(project.as_str())
        .bind(name.as_str())
        .bind(project.tenant())
        .fetch_optional(&self.pool)
        .await?;
        Ok(
            row.map(|(id, version, digest, schema, schema_digest)| Head {
                id,
                version: version.unwrap_or_default(),
                digest,
                schema,
                schema_digest,
            }),
        )
    }

    /// The text of a version, the present one when `version` is `None`.
    pub(crate) async fn document(
        &self,
        project: &ProjectName,
        name: &Name,
        version: Option<u64>,
    ) -> Result<Option<(Revision, String)>> {
        let row: Option<(i64, String, i64, String)> = sqlx::query_as(
            "SELECT v.version, v.digest, v.created_at, v.document
             FROM projects p JOIN configs c ON c.project_id = p.id
             JOIN versions v ON v.config_id = c.id
             WHERE p.name = $1 AND c.name = $2 AND v.version = COALESCE($3, c.version)
             AND p.tenant = $4",
        )
        .bind(project.as_str())
        .bind(name.as_str())
        .bind(version.map(signed))
        .bind(project.tenant())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(version, digest, created_at, text)| {
            let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
            (
                Revision::of((version, digest, created_at)).sized(bytes),
                text,
            )
        }))
    }

    /// Makes `document` the next version after `seen`; `None` when that is not the state any more.
    pub(crate) async fn write_document(
        &self,
        project: &ProjectName,
        name: &Name,
        seen: &Head,
        document: &Document,
        now: i64,
    ) -> Result<Option<Revision>> {
        let digest = document.digest();
        let version = seen.version + 1;
        let mut transaction = self.pool.begin().await?;
        // Begins with a write, and so never holds a snapshot that another writer can outdate.
        let id: Option<(i64,)> = match seen.id {
            None => {
                sqlx::query_as(
                    "INSERT INTO configs (project_id, name, version, digest, updated_at)
                     SELECT id, $2, $3, $4, $5 FROM projects WHERE name = $1 AND tenant = $6
                     ON CONFLICT (project_id, name) DO NOTHING RETURNING id",
                )
                .bind(project.as_str())
                .bind(name.as_str())
                .bind(version)
                .bind(digest.as_str())
                .bind(now)
                .bind(project.tenant())
                .fetch_optional(&mut *transaction)
                .await?
            }
            Some(id) => {
                sqlx::query_as(
                    "UPDATE configs SET version = $1, digest = $2, updated_at = $3
                     WHERE id = $4 AND version = $5 AND digest IS NOT DISTINCT FROM $6
                     AND schema_digest IS NOT DISTINCT FROM $7 RETURNING id",
                )
                .bind(version)
                .bind(digest.as_str())
                .bind(now)
                .bind(id)
                .bind(seen.version)
                .bind(&seen.digest)
                .bind(&seen.schema_digest)
                .fetch_optional(&mut *transaction)
                .await?
            }
        };
        let Some((id,)) = id else {
            return Ok(None);
        };
        sqlx::query(
            "INSERT INTO versions (config_id, version, document, digest, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(version)
        .bind(document.text())
        .bind(digest.as_str())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let bytes = u64::try_from(document.text().len()).unwrap_or(u64::MAX);
        let row = (version, digest.as_str().to_owned(), now);
        Ok(Some(Revision::of(row).sized(bytes)))
    }

    /// Sets the schema; false when `seen` is not the state any more.
    pub(crate) async fn write_schema(
        &self,
        project: &ProjectName,
        name: &Name,
        seen: &Head,
        schema: &Document,
        now: i64,
    ) -> Result<bool> {
        let digest = schema.digest();
        let done = match seen.id {
            None => sqlx::query(
                "INSERT INTO configs (project_id, name, version, schema, schema_digest, updated_at)
                     SELECT id, $2, 0, $3, $4, $5 FROM projects WHERE name = $1 AND tenant = $6
                     ON CONFLICT (project_id, name) DO NOTHING",
            )
            .bind(project.as_str())
            .bind(name.as_str())
            .bind(schema.text())
            .bind(digest.as_str())
            .bind(now)
            .bind(project.tenant())
            .execute(&self.pool)
            .await?,
            Some(id) => {
                sqlx::query(
                    "UPDATE configs SET schema = $1, schema_digest = $2
                     WHERE id = $3 AND version = $4 AND digest IS NOT DISTINCT FROM $5
                     AND schema_digest IS NOT DISTINCT FROM $6",
                )
                .bind(schema.text())
                .bind(digest.as_str())
                .bind(id)
                .bind(seen.version)
                .bind(&seen.digest)
                .bind(&seen.schema_digest)
                .execute(&self.pool)
                .await?
            }
        };
        Ok(done.rows_affected() == 1)
    }

    /// Takes the schema away; false when `seen` is not the state any more.
    pub(crate) async fn delete_schema(&self, seen: &Head) -> Result<bool> {
        let statement = if seen.digest.is_some() {
            "UPDATE configs SET schema = NULL, schema_digest = NULL
             WHERE id = $1 AND schema_digest IS NOT DISTINCT FROM $2"
        } else {
            // Where there is only a schema, there is nothing left without it.
            "DELETE FROM configs
             WHERE id = $1 AND schema_digest IS NOT DISTINCT FROM $2 AND version = 0"
        };
        let done = sqlx::query(statement)
            .bind(seen.id)
            .bind(&seen.schema_digest)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Deletes the document with all its versions, and its schema; false when `seen` is not the
    /// state any more.
    pub(crate) async fn delete_config(&self, seen: &Head) -> Result<bool> {
        let done = sqlx::query(
            "DELETE FROM configs WHERE id = $1 AND version = $2 AND digest IS NOT DISTINCT FROM $3",
        )
        .bind(seen.id)
        .bind(seen.version)
        .bind(&seen.digest)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// In order of their names, one more than the page holds.
    pub(crate) async fn configs(
        &self,
        project: &ProjectName,
        page: &Page<Name>,
    ) -> Result<Vec<Summary>> {
        let rows: Vec<(String, i64, Option<String>, bool, i64)> = sqlx::query_as(
            "SELECT c.name, c.version, c.digest, c.schema IS NOT NULL, c.updated_at
             FROM projects p JOIN configs c ON c.project_id = p.id
             WHERE p.name = $1 AND p.tenant = $4 AND c.name > $2 ORDER BY c.name LIMIT $3",
        )
        .bind(project.as_str())
        .bind(page.after.as_ref().map_or("", Name::as_str))
        .bind(page.fetch())
        .bind(project.tenant())
        .fetch_all(&self.pool)
        .await?;
        let summary = |(name, version, digest, has_schema, updated_at)| Summary {
            name,
            revision: Option::map(digest, |digest| {
                let version = unsigned(version);
                (version, ETag::of_version(version, &Digest::stored(digest)))
            }),
            has_schema,
            updated_at,
        };
        Ok(rows.into_iter().map(summary).collect())
    }

    /// The newest first, one more than the page holds.
    pub(crate) async fn versions(
        &self,
        project: &ProjectName,
        name: &Name,
        page: &Page<u64>,
    ) -> Result<Vec<Revision>> {
        let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(
            "SELECT v.version, v.digest, v.created_at, octet_length(v.document)
             FROM projects p JOIN configs c ON c.project_id = p.id
             JOIN versions v ON v.config_id = c.id
             WHERE p.name = $1 AND c.name = $2 AND p.tenant = $5 AND v.version < $3
             ORDER BY v.version DESC LIMIT $4",
        )
        .bind(project.as_str())
        .bind(name.as_str())
        .bind(page.after.map_or(i64::MAX, signed))
        .bind(page.fetch())
        .bind(project.tenant())
        .fetch_all(&self.pool)
        .await?;
        let revision = |(version, digest, created_at, bytes)| {
            Revision::of((version, digest, created_at)).sized(unsigned(bytes))
        };
        Ok(rows.into_iter().map(revision).collect())
    }
}

impl Revision {
    fn of((version, digest, created_at): (i64, String, i64)) -> Self {
        let version = unsigned(version);
        Self {
            version,
            etag: ETag::of_version(version, &Digest::stored(digest)),
            bytes: 0,
            created_at,
        }
    }

    fn sized(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }
}

// The database counts in signed numbers; ours are never negative, and a version that is asked for
// beyond them is one that nobody has.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
