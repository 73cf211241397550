//! Accounts, each of one tenant.

use portcullis_auth_core::id::{SubjectId, TenantId};
use portcullis_auth_core::password::{Account, PasswordHash, PasswordStore};
use portcullis_auth_core::refresh::sqlite::{BEGIN, SqliteStore};
use portcullis_auth_core::store::Answer;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use super::{Result, Store};
use crate::domain::email::Email;
use crate::domain::page::Page;

/// An account as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) account: Account,
    pub(crate) email: String,
    pub(crate) password: PasswordHash,
    pub(crate) roles: Vec<String>,
    pub(crate) disabled_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) last_login_at: Option<i64>,
}

/// An account to be made.
#[derive(Debug)]
pub(crate) struct NewUser<'a> {
    pub(crate) account: &'a Account,
    pub(crate) email: &'a Email,
    pub(crate) password: &'a PasswordHash,
    pub(crate) roles: &'a [&'a str],
}

/// What became of a new account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    Yes,
    /// Somebody has the address.
    Taken,
    NoTenant,
}

/// What an administrator changes; none stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserChange {
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) disabled: Option<bool>,
}

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Changed {
    /// What it was, and what it is.
    Yes(Box<(User, User)>),
    /// It would leave the tenant without an administrator who can sign in.
    LastAdmin,
    NotFound,
}

impl FromRow<'_, SqliteRow> for User {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let decode = |error| sqlx::Error::Decode(Box::new(error));
        let (tenant, id): (&str, &str) = (row.try_get("tenant")?, row.try_get("id")?);
        let (hash, roles): (&str, &str) = (row.try_get("password_hash")?, row.try_get("roles")?);
        Ok(Self {
            account: Account {
                tenant: tenant.parse().map_err(decode)?,
                subject: id.parse().map_err(decode)?,
            },
            email: row.try_get("email")?,
            password: PasswordHash::new(hash),
            roles: roles.split_ascii_whitespace().map(str::to_owned).collect(),
            disabled_at: row.try_get("disabled_at")?,
            created_at: row.try_get("created_at")?,
            last_login_at: row.try_get("last_login_at")?,
        })
    }
}

impl User {
    pub(crate) fn is_enabled(&self) -> bool {
        self.disabled_at.is_none()
    }
}

// What a tenant is never without, by its own doing.
macro_rules! other_admin {
    () => {
        "EXISTS (SELECT 1 FROM users AS other WHERE other.tenant = $1 AND other.id <> $2
            AND other.disabled_at IS NULL AND ' ' || other.roles || ' ' LIKE '% admin %')"
    };
}

impl Store {
    /// Makes a tenant, unless there is one of this name.
    pub(crate) async fn create_tenant(&self, tenant: &TenantId, now: i64) -> Result<()> {
        sqlx::query("INSERT INTO tenants (id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(tenant.as_str())
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn create_user(&self, user: &NewUser<'_>, now: i64) -> Result<Created> {
        let account = user.account;
        let done = sqlx::query(
            "INSERT INTO users (id, tenant, email, email_key, password_hash, roles, created_at)
             SELECT $1, id, $3, $4, $5, $6, $7 FROM tenants WHERE id = $2
             ON CONFLICT (tenant, email_key) DO NOTHING",
        )
        .bind(account.subject.as_str())
        .bind(account.tenant.as_str())
        .bind(user.email.as_str())
        .bind(user.email.key())
        .bind(user.password.as_str())
        .bind(user.roles.join(" "))
        .bind(now)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(Created::Yes);
        }
        let tenant: Option<(i64,)> = sqlx::query_as("SELECT created_at FROM tenants WHERE id = $1")
            .bind(account.tenant.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(if tenant.is_some() {
            Created::Taken
        } else {
            Created::NoTenant
        })
    }

    pub(crate) async fn user_by_email(
        &self,
        tenant: &TenantId,
        email_key: &str,
    ) -> Result<Option<User>> {
        let user = sqlx::query_as("SELECT * FROM users WHERE tenant = $1 AND email_key = $2")
            .bind(tenant.as_str())
            .bind(email_key)
            .fetch_optional(&self.pool)
            .await?;
        Ok(user)
    }

    pub(crate) async fn user(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
    ) -> Result<Option<User>> {
        let user = sqlx::query_as("SELECT * FROM users WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(subject.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(user)
    }

    /// In the order in which they were made, one more than the page holds.
    pub(crate) async fn users(
        &self,
        tenant: &TenantId,
        page: &Page<SubjectId>,
    ) -> Result<Vec<User>> {
        let users = sqlx::query_as(
            "SELECT * FROM users WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(tenant.as_str())
        .bind(page.after.as_ref().map_or("", SubjectId::as_str))
        .bind(page.fetch())
        .fetch_all(&self.pool)
        .await?;
        Ok(users)
    }

    pub(crate) async fn signed_in(&self, account: &Account, now: i64) -> Result<()> {
        sqlx::query("UPDATE users SET last_login_at = $3 WHERE tenant = $1 AND id = $2")
            .bind(account.tenant.as_str())
            .bind(account.subject.as_str())
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Changes rights, unless the tenant would be left without an administrator.
    pub(crate) async fn change_user(
        &self,
        account: &Account,
        change: &UserChange,
        now: i64,
    ) -> Result<Changed> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let before: Option<User> =
            sqlx::query_as("SELECT * FROM users WHERE tenant = $1 AND id = $2")
                .bind(account.tenant.as_str())
                .bind(account.subject.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(before) = before else {
            return Ok(Changed::NotFound);
        };
        let mut after = before.clone();
        if let Some(roles) = &change.roles {
            after.roles.clone_from(roles);
        }
        after.disabled_at = match change.disabled {
            Some(true) => before.disabled_at.or(Some(now)),
            Some(false) => None,
            None => before.disabled_at,
        };
        let leads =
            |user: &User| user.is_enabled() && user.roles.iter().any(|role| role == "admin");
        if leads(&before) && !leads(&after) {
            let (others,): (bool,) = sqlx::query_as(concat!("SELECT ", other_admin!()))
                .bind(account.tenant.as_str())
                .bind(account.subject.as_str())
                .fetch_one(&mut *transaction)
                .await?;
            if !others {
                return Ok(Changed::LastAdmin);
            }
        }
        sqlx::query("UPDATE users SET roles = $3, disabled_at = $4 WHERE tenant = $1 AND id = $2")
            .bind(account.tenant.as_str())
            .bind(account.subject.as_str())
            .bind(after.roles.join(" "))
            .bind(after.disabled_at)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Changed::Yes(Box::new((before, after))))
    }

    /// Deletes an account and all of its sessions, unless the tenant would be left without an administrator. False if it
    /// would.
    pub(crate) async fn delete_user(&self, account: &Account) -> Result<bool> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let done = sqlx::query(concat!(
            "DELETE FROM users WHERE tenant = $1 AND id = $2
             AND (disabled_at IS NOT NULL OR ' ' || roles || ' ' NOT LIKE '% admin %' OR ",
            other_admin!(),
            ")"
        ))
        .bind(account.tenant.as_str())
        .bind(account.subject.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let (tenant, subject) = (&account.tenant, &account.subject);
        SqliteStore::forget_subject_within(&mut transaction, tenant, subject).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn replace_hash(
        &self,
        account: &Account,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        ends_sessions: bool,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let done = sqlx::query(
            "UPDATE users SET password_hash = $4
             WHERE tenant = $1 AND id = $2 AND password_hash = COALESCE($3, password_hash)",
        )
        .bind(account.tenant.as_str())
        .bind(account.subject.as_str())
        .bind(old.map(PasswordHash::as_str))
        .bind(new.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if ends_sessions {
            // The table is that of the sessions' store. Within this transaction, so that no crash leaves sessions behind that a
            // forgotten or stolen password has begun.
            sqlx::query(
                "INSERT INTO auth_refresh_subject (tenant, subject, epoch) VALUES ($1, $2, 1)
                 ON CONFLICT (tenant, subject) DO UPDATE SET epoch = auth_refresh_subject.epoch + 1",
            )
            .bind(account.tenant.as_str())
            .bind(account.subject.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

impl PasswordStore for Store {
    fn rehash<'a>(
        &'a self,
        account: &'a Account,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.replace_hash(account, Some(old), new, false).await?) })
    }

    fn change<'a>(
        &'a self,
        account: &'a Account,
        old: Option<&'a PasswordHash>,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.replace_hash(account, old, new, true).await?) })
    }
}
