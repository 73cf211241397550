//! What the SQL stores share: tables and statements that both databases read alike, and rows as what they stand for.

use std::error::Error;

use sqlx::query::Query;
use sqlx::{ColumnIndex, Database, Decode, Encode, IntoArguments, Row, Type};

use super::{Challenge, Factor, FactorId, Hash, Owner, Sealed, Tries};
use crate::time::Timestamp;

/// `bytes` is the type of binary columns.
macro_rules! schema {
    ($bytes:literal) => {
        concat!(
            "\
CREATE TABLE IF NOT EXISTS auth_totp_factor (
    id ",
            $bytes,
            " PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    key_id BIGINT NOT NULL,
    sealed ",
            $bytes,
            " NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    last_step BIGINT NOT NULL,
    drift BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_totp_factor_owner ON auth_totp_factor (tenant, subject);
CREATE INDEX IF NOT EXISTS auth_totp_factor_pending ON auth_totp_factor (created_at)
    WHERE activated_at IS NULL;
CREATE TABLE IF NOT EXISTS auth_totp_owner (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    since BIGINT NOT NULL DEFAULT 0,
    in_a_row BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, subject)
);
CREATE TABLE IF NOT EXISTS auth_totp_challenge (
    hash ",
            $bytes,
            " PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX IF NOT EXISTS auth_totp_challenge_expires_at ON auth_totp_challenge (expires_at);
CREATE INDEX IF NOT EXISTS auth_totp_challenge_owner ON auth_totp_challenge (tenant, subject);
CREATE TABLE IF NOT EXISTS auth_recovery_code (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    hash ",
            $bytes,
            " NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (tenant, subject, hash)
);
"
        )
    };
}
pub(super) use schema;

/// Makes the row that all who change something of an owner hold first.
pub(super) const HOLD_OWNER: &str = "INSERT INTO auth_totp_owner (tenant, subject) VALUES ($1, $2)
    ON CONFLICT (tenant, subject) DO UPDATE SET tenant = excluded.tenant
    RETURNING tries, since, in_a_row";

pub(super) const THAW: &str = "UPDATE auth_totp_owner SET tries = 0, since = 0, in_a_row = 0
    WHERE tenant = $1 AND subject = $2";

pub(super) const TAKE_BACK: &str = "UPDATE auth_totp_owner SET in_a_row = 0,
        tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END
    WHERE tenant = $1 AND subject = $2";

pub(super) const COUNT_TRIES: &str =
    "UPDATE auth_totp_owner SET tries = $3, since = $4, in_a_row = $5
    WHERE tenant = $1 AND subject = $2";

pub(super) const FACTORS: &str =
    "SELECT id, key_id, sealed, created_at, activated_at, last_step, drift
    FROM auth_totp_factor WHERE tenant = $1 AND subject = $2 ORDER BY id";

pub(super) const ACTIVE: &str = "SELECT COUNT(*) AS number FROM auth_totp_factor
    WHERE tenant = $1 AND subject = $2 AND activated_at IS NOT NULL";

pub(super) const DROP_PENDING: &str = "DELETE FROM auth_totp_factor
    WHERE tenant = $1 AND subject = $2 AND activated_at IS NULL";

pub(super) const ENROL: &str = "INSERT INTO auth_totp_factor (tenant, subject, id, key_id, sealed,
        created_at, activated_at, last_step, drift)
    VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)";

pub(super) const ACTIVATE: &str =
    "UPDATE auth_totp_factor SET activated_at = $4, last_step = $5, drift = $6
    WHERE tenant = $1 AND subject = $2 AND id = $3 AND activated_at IS NULL AND created_at > $7";

pub(super) const REMOVE: &str = "DELETE FROM auth_totp_factor
    WHERE tenant = $1 AND subject = $2 AND id = $3";

/// Whoever comes second waits here for the first, and finds the step taken.
pub(super) const TAKE_STEP: &str = "UPDATE auth_totp_factor SET last_step = $4, drift = $5,
        key_id = COALESCE($6, key_id), sealed = COALESCE($7, sealed)
    WHERE tenant = $1 AND subject = $2 AND id = $3 AND activated_at IS NOT NULL AND last_step < $4";

pub(super) const OPEN: &str = "INSERT INTO auth_totp_challenge (tenant, subject, hash, client,
        epoch, expires_at, tries, used_at)
    VALUES ($1, $2, $3, $4, $5, $6, 0, NULL)";

/// Without what holds the row, where something has to.
macro_rules! find_challenge {
    ($hold:literal) => {
        concat!(
            "SELECT tenant, subject, client, epoch, expires_at, tries, used_at
    FROM auth_totp_challenge WHERE hash = $1",
            $hold
        )
    };
}
pub(super) use find_challenge;

pub(super) const COUNT_TRY: &str = "UPDATE auth_totp_challenge SET tries = $1 WHERE hash = $2";

pub(super) const USE_CHALLENGE: &str = "UPDATE auth_totp_challenge SET used_at = $1
    WHERE hash = $2 AND used_at IS NULL AND expires_at > $1";

pub(super) const DROP_CODES: &str =
    "DELETE FROM auth_recovery_code WHERE tenant = $1 AND subject = $2";

pub(super) const KEEP_CODE: &str =
    "INSERT INTO auth_recovery_code (tenant, subject, hash, used_at) VALUES ($1, $2, $3, NULL)";

pub(super) const USE_CODE: &str = "UPDATE auth_recovery_code SET used_at = $4
    WHERE tenant = $1 AND subject = $2 AND hash = $3 AND used_at IS NULL";

pub(super) const CODES_LEFT: &str = "SELECT COUNT(*) AS number FROM auth_recovery_code
    WHERE tenant = $1 AND subject = $2 AND used_at IS NULL";

/// In the order in which all take hold of rows, so that nobody waits in a circle.
pub(super) const FORGET: [&str; 4] = [
    "DELETE FROM auth_totp_challenge WHERE tenant = $1 AND subject = $2",
    "DELETE FROM auth_totp_owner WHERE tenant = $1 AND subject = $2",
    "DELETE FROM auth_totp_factor WHERE tenant = $1 AND subject = $2",
    DROP_CODES,
];

pub(super) const PURGE_CHALLENGES: &str = "DELETE FROM auth_totp_challenge WHERE hash IN
    (SELECT hash FROM auth_totp_challenge WHERE expires_at <= $1 LIMIT $2)";

pub(super) const PURGE_FACTORS: &str = "DELETE FROM auth_totp_factor
    WHERE activated_at IS NULL AND id IN (SELECT id FROM auth_totp_factor
        WHERE activated_at IS NULL AND created_at <= $1 LIMIT $2)";

/// A statement whose first arguments are tenant and subject.
pub(super) fn of<'q, DB: Database>(
    statement: &'q str,
    owner: &'q Owner,
) -> Query<'q, DB, DB::Arguments<'q>>
where
    &'q str: Encode<'q, DB> + Type<DB>,
    DB::Arguments<'q>: IntoArguments<'q, DB>,
{
    sqlx::query(statement)
        .bind(owner.tenant().as_str())
        .bind(owner.subject().as_str())
}

/// A row of [`find_challenge!`].
pub(super) fn challenge<'r, R: Row>(hash: &Hash, row: &'r R) -> Result<Challenge, sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    let text = |column| row.try_get::<String, _>(column);
    let number = |column| row.try_get::<i64, _>(column);
    let tenant = text("tenant")?.parse().map_err(corrupt)?;
    let subject = text("subject")?.parse().map_err(corrupt)?;
    let used_at = row.try_get::<Option<i64>, _>("used_at")?;
    Ok(Challenge {
        hash: *hash,
        owner: Owner::new(&tenant, &subject),
        client: text("client")?.parse().map_err(corrupt)?,
        epoch: number("epoch")?.try_into().map_err(corrupt)?,
        expires_at: moment(number("expires_at")?)?,
        tries: number("tries")?.try_into().map_err(corrupt)?,
        used_at: used_at.map(moment).transpose()?,
    })
}

/// A row of [`FACTORS`].
pub(super) fn factor<'r, R: Row>(row: &'r R) -> Result<Factor, sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let number = |column| row.try_get::<i64, _>(column);
    let id = row.try_get::<Vec<u8>, _>("id")?.try_into();
    let id = id.map_err(|_| corrupt("an id has not 16 bytes"))?;
    let activated_at = row.try_get::<Option<i64>, _>("activated_at")?;
    Ok(Factor {
        id: FactorId::from_bytes(id),
        sealed: Sealed {
            key_id: number("key_id")?.try_into().map_err(corrupt)?,
            bytes: row.try_get("sealed")?,
        },
        created_at: moment(number("created_at")?)?,
        activated_at: activated_at.map(moment).transpose()?,
        last_step: number("last_step")?,
        drift: number("drift")?.try_into().map_err(corrupt)?,
    })
}

/// A row of [`HOLD_OWNER`].
pub(super) fn tries<'r, R: Row>(row: &'r R) -> Result<Tries, sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let number = |column| row.try_get::<i64, _>(column);
    Ok(Tries {
        count: number("tries")?.try_into().map_err(corrupt)?,
        since: moment(number("since")?)?,
        in_a_row: number("in_a_row")?.try_into().map_err(corrupt)?,
    })
}

/// A row of [`ACTIVE`] or [`CODES_LEFT`].
pub(super) fn number<'r, R: Row>(row: &'r R) -> Result<u32, sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let number = row.try_get::<i64, _>("number")?;
    number.try_into().map_err(corrupt)
}

/// As the databases keep it: they know no unsigned integers.
pub(super) fn epoch(epoch: u64) -> Result<i64, sqlx::Error> {
    epoch.try_into().map_err(corrupt)
}

fn moment(millis: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_millis(millis).ok_or_else(|| corrupt("a time is out of range"))
}

/// What is there cannot be what was written.
fn corrupt(error: impl Into<Box<dyn Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
