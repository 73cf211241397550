//! Accounts, each of one tenant.

use portcullis_auth_core::id::{SessionId, SubjectId, TenantId};
use portcullis_auth_core::password::{Account, PasswordHash};
use portcullis_auth_core::refresh::sqlite::{BEGIN, SqliteStore};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection};

use super::sessions::end_sessions;
use super::{Ending, Result, Store};
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
    /// The password is known from a breach.
    pub(crate) must_change: bool,
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
    Yes {
        /// What it was, and what it is.
        states: Box<(User, User)>,
        /// The sessions that ended with it, if it ends sessions.
        ended: Option<Vec<SessionId>>,
    },
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
            must_change: row.try_get("must_change")?,
            created_at: row.try_get("created_at")?,
            last_login_at: row.try_get("last_login_at")?,
        })
    }
}

impl User {
    pub(crate) fn is_enabled(&self) -> bool {
        self.disabled_at.is_none()
    }

    /// The roles with which they sign in. None before they have chosen another password, if they have to: what is known from a
    /// breach may be somebody else who signs in.
    pub(crate) fn roles_in_sessions(&self) -> &[String] {
        if self.must_change { &[] } else { &self.roles }
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

    /// Whoever has the address, and the epoch of their sessions. Both are of one moment: with a password from before a change
    /// nobody gets the epoch from after it, and so no session.
    pub(crate) async fn credentials(
        &self,
        tenant: &TenantId,
        email_key: &str,
    ) -> Result<Option<(User, u64)>> {
        let row = sqlx::query(
            "SELECT users.*, COALESCE((SELECT epoch FROM auth_refresh_subject AS known
                 WHERE known.tenant = users.tenant AND known.subject = users.id), 0) AS epoch
             FROM users WHERE tenant = $1 AND email_key = $2",
        )
        .bind(tenant.as_str())
        .bind(email_key)
        .fetch_optional(&self.pool)
        .await?;
        let read = |row: SqliteRow| {
            let epoch: i64 = row.try_get("epoch")?;
            let epoch = epoch
                .try_into()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok((User::from_row(&row)?, epoch))
        };
        Ok(row
            .map(read)
            .transpose()
            .map_err(|error: sqlx::Error| error)?)
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

    /// Changes rights, unless the tenant would be left without an administrator. Where it takes some away, as `shrinks` says
    /// of the states before and after it, it ends all sessions.
    pub(crate) async fn change_user(
        &self,
        account: &Account,
        change: &UserChange,
        shrinks: impl Fn(&User, &User) -> bool,
        ending: &Ending,
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
            Some(true) => before.disabled_at.or(Some(ending.now.as_millis())),
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
        let ended = if shrinks(&before, &after) {
            Some(end_sessions(&mut transaction, account, ending).await?)
        } else {
            None
        };
        transaction.commit().await?;
        let states = Box::new((before, after));
        Ok(Changed::Yes { states, ended })
    }

    /// Deletes an account and all that is kept of its sessions, unless the tenant would be left without an administrator.
    /// Returns which sessions were ended; none if it would.
    pub(crate) async fn delete_user(
        &self,
        account: &Account,
        ending: &Ending,
    ) -> Result<Option<Vec<SessionId>>> {
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
            return Ok(None);
        }
        let ended = end_sessions(&mut transaction, account, ending).await?;
        let (tenant, subject) = (&account.tenant, &account.subject);
        SqliteStore::forget_subject_within(&mut transaction, tenant, subject).await?;
        transaction.commit().await?;
        Ok(Some(ended))
    }

    /// Puts another hash of the same password in the place of `old`. False if that does not stand there any more.
    pub(crate) async fn rehash(
        &self,
        account: &Account,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool> {
        let mut connection = self.pool.acquire().await?;
        replace_hash(&mut connection, account, Some(old), new, true).await
    }

    /// Keeps in mind that a password has to be changed, if it still is the one.
    pub(crate) async fn must_change(&self, account: &Account, hash: &PasswordHash) -> Result<()> {
        sqlx::query(
            "UPDATE users SET must_change = 1
             WHERE tenant = $1 AND id = $2 AND password_hash = $3",
        )
        .bind(account.tenant.as_str())
        .bind(account.subject.as_str())
        .bind(hash.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Sets a password, in the place of `old` if there has to be that, and ends what the one before it has begun. Returns which
    /// sessions were ended; none if nothing was changed.
    pub(crate) async fn change_password(
        &self,
        account: &Account,
        old: Option<&PasswordHash>,
        new: &PasswordHash,
        ending: &Ending,
    ) -> Result<Option<Vec<SessionId>>> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        if !replace_hash(&mut transaction, account, old, new, false).await? {
            return Ok(None);
        }
        let ended = end_sessions(&mut transaction, account, ending).await?;
        transaction.commit().await?;
        Ok(Some(ended))
    }
}

async fn replace_hash(
    connection: &mut SqliteConnection,
    account: &Account,
    old: Option<&PasswordHash>,
    new: &PasswordHash,
    is_same: bool,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE users SET password_hash = $4, must_change = must_change AND $5
         WHERE tenant = $1 AND id = $2 AND password_hash = COALESCE($3, password_hash)",
    )
    .bind(account.tenant.as_str())
    .bind(account.subject.as_str())
    .bind(old.map(PasswordHash::as_str))
    .bind(new.as_str())
    .bind(is_same)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
