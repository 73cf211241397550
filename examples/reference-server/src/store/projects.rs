//! Projects: a name that configurations are kept under.

use portcullis_auth_core::id::TenantId;

use super::{Result, Store};
use crate::domain::name::Name;
use crate::domain::page::Page;
use crate::domain::project::ProjectName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) created_at: i64,
}

/// What became of a project that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    Yes,
    /// It still has configurations.
    NotEmpty,
    NotFound,
}

type Row = (String, String, i64);

impl From<Row> for Project {
    fn from((name, description, created_at): Row) -> Self {
        Self {
            name,
            description,
            created_at,
        }
    }
}

impl Store {
    /// `None` when the name is taken.
    pub(crate) async fn create_project(
        &self,
        name: &ProjectName,
        description: &str,
        now: i64,
    ) -> Result<Option<Project>> {
        let row: Option<Row> = sqlx::query_as(
            "INSERT INTO projects (tenant, name, description, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, name) DO NOTHING
             RETURNING name, description, created_at",
        )
        .bind(name.tenant())
        .bind(name.as_str())
        .bind(description)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Project::from))
    }

    pub(crate) async fn project(&self, name: &ProjectName) -> Result<Option<Project>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT name, description, created_at FROM projects WHERE tenant = $1 AND name = $2",
        )
        .bind(name.tenant())
        .bind(name.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Project::from))
    }

    /// Those of a tenant in order of their names, one more than the page holds.
    pub(crate) async fn projects(
        &self,
        tenant: &TenantId,
        page: &Page<Name>,
    ) -> Result<Vec<Project>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, description, created_at FROM projects
             WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(page.after.as_ref().map_or("", Name::as_str))
        .bind(page.fetch())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Project::from).collect())
    }

    pub(crate) async fn delete_project(&self, name: &ProjectName) -> Result<Deleted> {
        let done = sqlx::query(
            "DELETE FROM projects WHERE tenant = $1 AND name = $2
             AND NOT EXISTS (SELECT 1 FROM configs WHERE project_id = projects.id)",
        )
        .bind(name.tenant())
        .bind(name.as_str())
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(Deleted::Yes);
        }
        Ok(match self.project(name).await? {
            Some(_) => Deleted::NotEmpty,
            None => Deleted::NotFound,
        })
    }
}
