//! The audit trail: rows that are added, read, and deleted when they are old.

use portcullis_auth_core::audit::{Actor, Event};
use portcullis_auth_core::id::{ClientId, SubjectId, TenantId};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use super::{Result, Store};
use crate::domain::page::Page;

/// One event, as it is told to an administrator.
#[derive(Clone, Debug)]
pub(crate) struct AuditRecord {
    pub(crate) id: String,
    pub(crate) at: i64,
    pub(crate) event: String,
    pub(crate) outcome: String,
    pub(crate) severity: String,
    pub(crate) actor_kind: Option<String>,
    pub(crate) actor_id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) count: Option<i64>,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl FromRow<'_, SqliteRow> for AuditRecord {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            event: row.try_get("event")?,
            outcome: row.try_get("outcome")?,
            severity: row.try_get("severity")?,
            actor_kind: row.try_get("actor_kind")?,
            actor_id: row.try_get("actor_id")?,
            subject: row.try_get("subject")?,
            session_id: row.try_get("session_id")?,
            client_id: row.try_get("client_id")?,
            key_id: row.try_get("key_id")?,
            reason: row.try_get("reason")?,
            method: row.try_get("method")?,
            count: row.try_get("count")?,
            ip: row.try_get("ip")?,
            user_agent: row.try_get("user_agent")?,
            request_id: row.try_get("request_id")?,
        })
    }
}

/// Which events are wanted; none of either wants all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    pub(crate) subject: Option<String>,
    pub(crate) event: Option<String>,
}

impl Store {
    /// Adds events, all or none. One that is there already stays as it is, so that a failed write can be repeated.
    pub(crate) async fn add_events(&self, events: &[Event]) -> Result<()> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for event in events {
            let context = event.context_ref();
            sqlx::query(
                "INSERT INTO audit (id, at, event, outcome, severity, tenant, actor_kind, actor_id, subject, session_id,
                     client_id, key_id, reason, method, count, ip, user_agent, request_id)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(event.id().hyphenated().to_string())
            .bind(event.at().as_millis())
            .bind(event.kind().as_str())
            .bind(event.outcome_ref().as_str())
            .bind(event.severity_ref().as_str())
            .bind(event.tenant_ref().map(TenantId::as_str))
            .bind(event.actor_ref().map(Actor::kind))
            .bind(event.actor_ref().and_then(Actor::id))
            .bind(event.subject_ref())
            .bind(event.session_ref().map(|session| session.to_string()))
            .bind(event.client_ref().map(ClientId::as_str))
            .bind(event.key_id_ref())
            .bind(event.reason_ref())
            .bind(event.method_ref())
            .bind(event.count_ref().map(|count| i64::try_from(count).unwrap_or(i64::MAX)))
            .bind(context.ip_ref().map(|ip| ip.to_string()))
            .bind(context.user_agent_ref())
            .bind(context.request_id_ref())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What happened in a tenant, the newest first, one more than the page holds.
    pub(crate) async fn events(
        &self,
        tenant: &TenantId,
        filter: &AuditFilter,
        page: &Page<String>,
    ) -> Result<Vec<AuditRecord>> {
        let rows = sqlx::query_as(
            "SELECT * FROM audit WHERE tenant = $1 AND id < $2
             AND subject IS NOT DISTINCT FROM COALESCE($3, subject) AND event = COALESCE($4, event)
             ORDER BY id DESC LIMIT $5",
        )
        .bind(tenant.as_str())
        // Greater than any id.
        .bind(page.after.as_deref().unwrap_or("g"))
        .bind(&filter.subject)
        .bind(&filter.event)
        .bind(page.fetch())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// What is known of an account, the newest first.
    pub(crate) async fn events_of(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        limit: u32,
    ) -> Result<Vec<AuditRecord>> {
        let rows = sqlx::query_as(
            "SELECT * FROM audit WHERE tenant = $1 AND subject = $2 ORDER BY id DESC LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(subject.as_str())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Deletes up to `limit` events from before `before`, and says how many.
    pub(crate) async fn purge_events(&self, before: i64, limit: u32) -> Result<u64> {
        let done = sqlx::query(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 LIMIT $2)",
        )
        .bind(before)
        .bind(limit)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
