//! The store of both databases, written once. They differ in the names of types and in how a transaction begins.

macro_rules! sql_store {
    (
        $(#[$docs:meta])*
        $store:ident, $pool:ty, $connection:ty, begin: $begin:expr, schema: $schema:expr
    ) => {
        use std::time::Duration;

        use super::rows::{networks, read};
        use super::{ApiKey, ApiKeyStore, Inserted, KeyId, Replaced, StoredApiKey, Touched};
        use crate::id::{SubjectId, TenantId};
        use crate::sql::{pool_store, transact};
        use crate::store::Answer;
        use crate::time::Timestamp;

        pool_store!($(#[$docs])* $store, $pool, $schema);

        impl $store {
            async fn try_replace(
                &self,
                successor: &StoredApiKey,
                ends_at: Timestamp,
            ) -> Result<Replaced, sqlx::Error> {
                let new = &successor.key;
                let old = new.replaces.map(|old| old.as_str().to_owned());
                let mut transaction = self.pool.begin_with($begin).await?;
                // The condition is on the row itself, so that of two who wait for it one finds it changed.
                let ended = sqlx::query(
                    "UPDATE auth_api_keys SET replaced_by = $1, expires_at =
                         CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END
                     WHERE id = $3 AND tenant = $4 AND replaced_by IS NULL AND revoked_at IS NULL
                         AND (expires_at IS NULL OR expires_at > $5)",
                )
                .bind(new.id.as_str())
                .bind(ends_at.as_millis())
                .bind(&old)
                .bind(new.tenant.as_str())
                .bind(new.created_at.as_millis())
                .execute(&mut *transaction)
                .await?;
                if ended.rows_affected() == 1 {
                    if add(&mut *transaction, successor, i64::MAX).await? {
                        transaction.commit().await?;
                        return Ok(Replaced::Done);
                    }
                    transaction.rollback().await?;
                    return Ok(Replaced::IdTaken);
                }
                let old = sqlx::query("SELECT * FROM auth_api_keys WHERE id = $1 AND tenant = $2")
                    .bind(&old)
                    .bind(new.tenant.as_str())
                    .try_map(|row| read(&row))
                    .fetch_optional(&mut *transaction)
                    .await?;
                transaction.rollback().await?;
                Ok(match old {
                    None => Replaced::NotFound,
                    Some(old) if !old.key.is_live(new.created_at) => Replaced::Ended,
                    Some(_) => Replaced::AlreadyReplaced,
                })
            }
        }

        /// Whether the key was added: its id is free, and its owner has less than `max_live`.
        async fn add(
            connection: &mut $connection,
            stored: &StoredApiKey,
            max_live: i64,
        ) -> Result<bool, sqlx::Error> {
            let key = &stored.key;
            let added = sqlx::query(
                "INSERT INTO auth_api_keys (id, environment, tenant, owner, name, scopes, networks,
                     created_by, created_at, expires_at, revoked_at, last_used_at, replaces,
                     replaced_by, pepper, digest)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16
                 WHERE (SELECT count(*) FROM auth_api_keys WHERE tenant = $3 AND owner = $4
                     AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $9)) < $17
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(key.id.as_str())
            .bind(key.environment.as_str())
            .bind(key.tenant.as_str())
            .bind(key.owner.as_str())
            .bind(&key.name)
            .bind(key.scopes.as_str())
            .bind(networks(key))
            .bind(key.created_by.as_str())
            .bind(key.created_at.as_millis())
            .bind(key.expires_at.map(Timestamp::as_millis))
            .bind(key.revoked_at.map(Timestamp::as_millis))
            .bind(key.last_used_at.map(Timestamp::as_millis))
            .bind(key.replaces.map(|id| id.as_str().to_owned()))
            .bind(key.replaced_by.map(|id| id.as_str().to_owned()))
            .bind(i64::from(stored.digest.pepper()))
            .bind(&stored.digest.as_bytes()[..])
            .bind(max_live)
            .execute(connection)
            .await?;
            Ok(added.rows_affected() == 1)
        }

        impl ApiKeyStore for $store {
            fn insert<'a>(&'a self, key: &'a StoredApiKey, max_live: u32) -> Answer<'a, Inserted> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut connection = self.pool.acquire().await?;
                    if add(&mut *connection, key, max_live.into()).await? {
                        return Ok(Inserted::Done);
                    }
                    let taken = sqlx::query("SELECT 1 FROM auth_api_keys WHERE id = $1")
                        .bind(key.key.id.as_str())
                        .fetch_optional(&mut *connection)
                        .await?;
                    Ok(match taken {
                        Some(_) => Inserted::IdTaken,
                        None => Inserted::TooMany,
                    })
                }))
            }

            fn replace<'a>(
                &'a self,
                successor: &'a StoredApiKey,
                ends_at: Timestamp,
            ) -> Answer<'a, Replaced> {
                Box::pin(transact(self.deadline, move || {
                    self.try_replace(successor, ends_at)
                }))
            }

            fn find(&self, id: KeyId) -> Answer<'_, Option<StoredApiKey>> {
                Box::pin(transact(self.deadline, move || async move {
                    sqlx::query("SELECT * FROM auth_api_keys WHERE id = $1")
                        .bind(id.as_str())
                        .try_map(|row| read(&row))
                        .fetch_optional(&self.pool)
                        .await
                }))
            }

            fn list<'a>(
                &'a self,
                tenant: &'a TenantId,
                owner: Option<&'a SubjectId>,
            ) -> Answer<'a, Vec<ApiKey>> {
                Box::pin(transact(self.deadline, move || async move {
                    sqlx::query(
                        "SELECT * FROM auth_api_keys WHERE tenant = $1
                         AND ($2 IS NULL OR owner = $2) ORDER BY created_at DESC, id DESC LIMIT $3",
                    )
                    .bind(tenant.as_str())
                    .bind(owner.map(SubjectId::as_str))
                    .bind(i64::from(super::MAX_LISTED))
                    .try_map(|row| read(&row).map(|stored| stored.key))
                    .fetch_all(&self.pool)
                    .await
                }))
            }

            fn revoke<'a>(
                &'a self,
                tenant: &'a TenantId,
                id: KeyId,
                now: Timestamp,
            ) -> Answer<'a, Option<ApiKey>> {
                Box::pin(transact(self.deadline, move || async move {
                    sqlx::query(
                        "UPDATE auth_api_keys SET revoked_at = COALESCE(revoked_at, $3)
                         WHERE tenant = $1 AND id = $2 RETURNING *",
                    )
                    .bind(tenant.as_str())
                    .bind(id.as_str())
                    .bind(now.as_millis())
                    .try_map(|row| read(&row).map(|stored| stored.key))
                    .fetch_optional(&self.pool)
                    .await
                }))
            }

            fn touch(&self, id: KeyId, now: Timestamp, every: Duration) -> Answer<'_, Touched> {
                Box::pin(transact(self.deadline, move || async move {
                    let first = sqlx::query(
                        "UPDATE auth_api_keys SET last_used_at = $2
                         WHERE id = $1 AND last_used_at IS NULL",
                    )
                    .bind(id.as_str())
                    .bind(now.as_millis())
                    .execute(&self.pool)
                    .await?;
                    if first.rows_affected() == 1 {
                        return Ok(Touched::First);
                    }
                    let again = sqlx::query(
                        "UPDATE auth_api_keys SET last_used_at = $2
                         WHERE id = $1 AND last_used_at <= $3",
                    )
                    .bind(id.as_str())
                    .bind(now.as_millis())
                    .bind(now.minus(every).as_millis())
                    .execute(&self.pool)
                    .await?;
                    Ok(match again.rows_affected() {
                        0 => Touched::Unchanged,
                        _ => Touched::Again,
                    })
                }))
            }

            fn remove_owner<'a>(
                &'a self,
                tenant: &'a TenantId,
                owner: &'a SubjectId,
            ) -> Answer<'a, u64> {
                Box::pin(transact(self.deadline, move || async move {
                    let removed =
                        sqlx::query("DELETE FROM auth_api_keys WHERE tenant = $1 AND owner = $2")
                            .bind(tenant.as_str())
                            .bind(owner.as_str())
                            .execute(&self.pool)
                            .await?;
                    Ok(removed.rows_affected())
                }))
            }

            fn purge(&self, before: Timestamp, limit: u32) -> Answer<'_, u64> {
                Box::pin(transact(self.deadline, move || async move {
                    let purged = sqlx::query(
                        "DELETE FROM auth_api_keys WHERE id IN (SELECT id FROM auth_api_keys
                         WHERE revoked_at < $1 OR expires_at < $1 LIMIT $2)",
                    )
                    .bind(before.as_millis())
                    .bind(i64::from(limit))
                    .execute(&self.pool)
                    .await?;
                    Ok(purged.rows_affected())
                }))
            }
        }
    };
}

pub(super) use sql_store;
