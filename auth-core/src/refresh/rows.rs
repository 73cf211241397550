//! What the SQL stores share: statements that both databases read alike, and rows as families.

use std::sync::Arc;
use std::time::Duration;

use sqlx::query::Query;
use sqlx::{ColumnIndex, Database, Decode, Encode, Row, Type};

use super::{Family, Nonce, Revoked, State};
use crate::id::SessionId;
use crate::time::Timestamp;

/// A service that starts can wait longer than one that is asked: the count reads the whole table.
pub(super) const COUNT_DEADLINE: Duration = Duration::from_secs(60);

/// `bytes` is the type of binary columns.
macro_rules! schema {
    ($bytes:literal) => {
        concat!(
            "
CREATE TABLE IF NOT EXISTS auth_refresh_subject (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject)
);
CREATE TABLE IF NOT EXISTS auth_refresh_family (
    id ",
            $bytes,
            " NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT NOT NULL,
    kid BIGINT NOT NULL,
    nonce ",
            $bytes,
            " NOT NULL,
    created_at BIGINT NOT NULL,
    abs_expires_at BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    amr TEXT NOT NULL,
    acr TEXT,
    auth_time BIGINT NOT NULL,
    dpop_jkt TEXT,
    user_agent TEXT,
    ip TEXT,
    gen BIGINT NOT NULL,
    rotated_at BIGINT,
    idle_expires_at BIGINT NOT NULL,
    subject_epoch BIGINT NOT NULL,
    grace_uses BIGINT NOT NULL,
    revoked_at BIGINT,
    revoke_reason TEXT
);
CREATE INDEX IF NOT EXISTS auth_refresh_family_subject ON auth_refresh_family (tenant, subject)
    WHERE revoked_at IS NULL;
CREATE INDEX IF NOT EXISTS auth_refresh_family_end ON auth_refresh_family (abs_expires_at);
"
        )
    };
}
pub(super) use schema;

/// By name, as a prepared statement of a running instance has to survive that a later version adds one.
macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, tenant, subject, client_id, kid, nonce, created_at, abs_expires_at, scopes, amr, acr, auth_time, dpop_jkt,
    user_agent, ip, gen, rotated_at, idle_expires_at, subject_epoch, grace_uses, revoked_at, revoke_reason ",
            $after
        )
    };
}

pub(super) const EPOCH: &str =
    "SELECT epoch FROM auth_refresh_subject WHERE tenant = $1 AND subject = $2";

/// So that there is a row to be locked.
pub(super) const KNOW_SUBJECT: &str = "INSERT INTO auth_refresh_subject (tenant, subject, epoch) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";

pub(super) const RAISE_EPOCH: &str = "INSERT INTO auth_refresh_subject (tenant, subject, epoch) VALUES ($1, $2, 1)
    ON CONFLICT (tenant, subject) DO UPDATE SET epoch = auth_refresh_subject.epoch + 1 RETURNING epoch";

pub(super) const INSERT: &str = columns!(
    "INSERT INTO auth_refresh_family (",
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)"
);

pub(super) const FIND: &str = columns!("SELECT", "FROM auth_refresh_family WHERE id = $1");

pub(super) const UPDATE: &str =
    "UPDATE auth_refresh_family SET gen = $2, rotated_at = $3, idle_expires_at = $4,
    grace_uses = $5, revoked_at = $6, revoke_reason = $7 WHERE id = $1";

pub(super) const LIST: &str = columns!(
    "SELECT",
    "FROM auth_refresh_family AS family
    WHERE tenant = $1 AND subject = $2 AND revoked_at IS NULL AND abs_expires_at > $3 AND idle_expires_at > $3
    AND subject_epoch >= COALESCE((SELECT epoch FROM auth_refresh_subject AS known
        WHERE known.tenant = family.tenant AND known.subject = family.subject), 0)
    ORDER BY COALESCE(rotated_at, created_at) DESC, id DESC"
);

pub(super) const REVOKE: &str = "UPDATE auth_refresh_family SET revoked_at = $2, revoke_reason = $3 WHERE id = $1 AND revoked_at IS NULL";

/// Of the excepted one, which there need not be.
pub(super) const KEEP: &str = "UPDATE auth_refresh_family SET subject_epoch = $4
    WHERE id = $1 AND tenant = $2 AND subject = $3 AND revoked_at IS NULL";

pub(super) const REVOKE_SUBJECT: &str = columns!(
    "UPDATE auth_refresh_family SET revoked_at = $3, revoke_reason = $4
    WHERE tenant = $1 AND subject = $2 AND revoked_at IS NULL AND id <> $5 RETURNING",
    ""
);

pub(super) const FORGET: &str =
    "DELETE FROM auth_refresh_family WHERE tenant = $1 AND subject = $2";

pub(super) const COUNT: &str = "SELECT kid, COUNT(*) AS families FROM auth_refresh_family
    WHERE revoked_at IS NULL AND abs_expires_at > $1 AND idle_expires_at > $1 GROUP BY kid ORDER BY kid";

#[cfg(feature = "postgres")]
pub(super) const FIND_FOR_UPDATE: &str = columns!(
    "SELECT",
    "FROM auth_refresh_family WHERE id = $1 FOR UPDATE"
);

/// The arguments of [`INSERT`].
pub(super) fn insert<'q, DB: Database>(
    family: &'q Family,
    state: &'q State,
) -> Query<'q, DB, DB::Arguments<'q>>
where
    i64: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB>,
    &'q str: Encode<'q, DB> + Type<DB>,
    Option<&'q str>: Encode<'q, DB>,
    Option<String>: Encode<'q, DB>,
    String: Type<DB>,
    &'q [u8]: Encode<'q, DB> + Type<DB>,
    DB::Arguments<'q>: sqlx::IntoArguments<'q, DB>,
{
    sqlx::query(INSERT)
        .bind(&family.id.as_bytes()[..])
        .bind(family.tenant.as_str())
        .bind(family.subject.as_str())
        .bind(family.client.as_str())
        .bind(i64::from(family.key_id))
        .bind(&family.nonce.expose_secret()[..])
        .bind(family.created_at.as_millis())
        .bind(family.expires_at.as_millis())
        .bind(family.scopes.as_str())
        .bind(family.amr.as_str())
        .bind(family.acr.as_deref())
        .bind(family.auth_time.as_millis())
        .bind(family.dpop_jkt.as_deref())
        .bind(family.user_agent.as_deref())
        .bind(family.ip.map(|ip| ip.to_string()))
        .bind(i64::from(state.generation))
        .bind(state.rotated_at.map(Timestamp::as_millis))
        .bind(state.idle_expires_at.as_millis())
        .bind(epoch(state.epoch))
        .bind(i64::from(state.grace_uses))
        .bind(state.revoked.map(|revoked| revoked.at.as_millis()))
        .bind(state.revoked.map(|revoked| revoked.reason.as_str()))
}

/// The arguments of [`UPDATE`].
pub(super) fn update<'q, DB: Database>(
    family: &'q Family,
    state: &'q State,
) -> Query<'q, DB, DB::Arguments<'q>>
where
    i64: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB>,
    &'q str: Type<DB>,
    Option<&'q str>: Encode<'q, DB>,
    &'q [u8]: Encode<'q, DB> + Type<DB>,
    DB::Arguments<'q>: sqlx::IntoArguments<'q, DB>,
{
    sqlx::query(UPDATE)
        .bind(&family.id.as_bytes()[..])
        .bind(i64::from(state.generation))
        .bind(state.rotated_at.map(Timestamp::as_millis))
        .bind(state.idle_expires_at.as_millis())
        .bind(i64::from(state.grace_uses))
        .bind(state.revoked.map(|revoked| revoked.at.as_millis()))
        .bind(state.revoked.map(|revoked| revoked.reason.as_str()))
}

/// A row of `auth_refresh_family`.
pub(super) fn read<'r, R: Row>(row: &'r R) -> Result<(Family, State), sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let number = |column| row.try_get::<i64, _>(column);
    let text = |column| row.try_get::<String, _>(column);
    let option = |column| row.try_get::<Option<String>, _>(column);
    let family = Family {
        id: id(row)?,
        tenant: text("tenant")?.parse().map_err(decode)?,
        subject: text("subject")?.parse().map_err(decode)?,
        client: text("client_id")?.parse().map_err(decode)?,
        key_id: number("kid")?.try_into().map_err(decode)?,
        nonce: Nonce::from_bytes(array(row.try_get("nonce")?)?),
        created_at: moment(number("created_at")?)?,
        expires_at: moment(number("abs_expires_at")?)?,
        scopes: text("scopes")?.parse().map_err(decode)?,
        amr: text("amr")?.parse().map_err(decode)?,
        acr: option("acr")?.map(Arc::from),
        auth_time: moment(number("auth_time")?)?,
        dpop_jkt: option("dpop_jkt")?.map(Arc::from),
        user_agent: option("user_agent")?.map(Arc::from),
        ip: option("ip")?
            .map(|ip| ip.parse())
            .transpose()
            .map_err(decode)?,
    };
    let rotated_at = row.try_get::<Option<i64>, _>("rotated_at")?;
    let revoked_at = row.try_get::<Option<i64>, _>("revoked_at")?;
    let revoked = match (revoked_at, option("revoke_reason")?) {
        (Some(at), Some(reason)) => Some(Revoked {
            at: moment(at)?,
            reason: reason.parse().map_err(decode)?,
        }),
        (None, None) => None,
        _ => return Err(decode("a revocation without its time or its reason")),
    };
    let state = State {
        generation: number("gen")?.try_into().map_err(decode)?,
        rotated_at: rotated_at.map(moment).transpose()?,
        idle_expires_at: moment(number("idle_expires_at")?)?,
        epoch: number("subject_epoch")?.try_into().map_err(decode)?,
        grace_uses: number("grace_uses")?.try_into().map_err(decode)?,
        revoked,
    };
    Ok((family, state))
}

/// The id in a row of `auth_refresh_family`.
pub(super) fn id<'r, R: Row>(row: &'r R) -> Result<SessionId, sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(SessionId::from_bytes(array(row.try_get("id")?)?))
}

/// As the databases keep it: they know no unsigned integers. Counted from 0, it does not come near the end.
pub(super) fn epoch(epoch: u64) -> i64 {
    i64::try_from(epoch).unwrap_or(i64::MAX)
}

pub(super) fn decode(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

fn moment(millis: i64) -> Result<Timestamp, sqlx::Error> {
    let moment = Timestamp::from_millis(millis);
    moment.ok_or_else(|| decode("a moment that is not between the years 1970 and 9999"))
}

fn array<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], sqlx::Error> {
    let array = bytes.try_into();
    array.map_err(|_| decode("bytes of the wrong length"))
}

/// A row of [`COUNT`].
pub(super) fn count((key, families): (i64, i64)) -> Result<(u8, u64), sqlx::Error> {
    let key = key.try_into().map_err(decode)?;
    Ok((key, families.try_into().map_err(decode)?))
}
