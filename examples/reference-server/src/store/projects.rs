//! Projects: a name that configurations are kept under.

use super::{Result, Store};
use crate::domain::name::Name;
use crate::domain::page::Page;

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
        name: &Name,
        description: &str,
        now: i64,
    ) -> Result<Option<Project>> {
        let row: Option<Row> = sqlx::query_as(
            "INSERT INTO projects (name, description, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO NOTHING
             RETURNING name, description, created_at",
        )
        .bind(name.as_str())
        .bind(description)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Project::from))
    }

    pub(crate) async fn project(&self, name: &Name) -> Result<Option<Project>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT name, description, created_at FROM projects WHERE name = $1")
                .bind(name.as_str())
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(Project::from))
    }

    /// In order of their names, one more than the page holds.
    pub(crate) async fn projects(&self, page: &Page<Name>) -> Result<Vec<Project>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, description, created_at FROM projects
             WHERE name > $1 ORDER BY name LIMIT $2",
        )
        .bind(page.after.as_ref().map_or("", Name::as_str))
        .bind(page.fetch())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Project::from).collect())
    }

    pub(crate) async fn delete_project(&self, name: &Name) -> Result<Deleted> {
        let done = sqlx::query(
            "DELETE FROM projects WHERE name = $1
             AND NOT EXISTS (SELECT 1 FROM configs WHERE project_id = projects.id)",
        )
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
