//! What the SQL stores share: the table, and a row as the key that it stands for.

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{ApiKey, Environment, KeyDigest, StoredApiKey};
use crate::time::Timestamp;

/// `bytes` is the type of binary columns.
macro_rules! schema {
    ($bytes:literal) => {
        concat!(
            "\
CREATE TABLE IF NOT EXISTS auth_api_keys (
    id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT,
    replaces TEXT,
    replaced_by TEXT,
    pepper BIGINT NOT NULL,
    digest ",
            $bytes,
            " NOT NULL
);
CREATE INDEX IF NOT EXISTS auth_api_keys_owner ON auth_api_keys (tenant, owner);
"
        )
    };
}
pub(super) use schema;

/// Reads a row that has all columns.
pub(super) fn read<R: Row>(row: &R) -> Result<StoredApiKey, sqlx::Error>
where
    for<'c> &'c str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let text = |column| row.try_get::<String, _>(column);
    let optional = |column| row.try_get::<Option<String>, _>(column);
    let moment = |column| match row.try_get::<Option<i64>, _>(column)? {
        Some(millis) => parsed(Timestamp::from_millis(millis)).map(Some),
        None => Ok(None),
    };
    let environment = match &*text("environment")? {
        "live" => Environment::Live,
        "test" => Environment::Test,
        _ => return Err(corrupt()),
    };
    let networks = text("networks")?;
    let networks = networks.split_whitespace().map(str::parse);
    let replacement = |column| match optional(column)? {
        Some(id) => parsed(id.parse().ok()).map(Some),
        None => Ok(None),
    };
    let pepper = row.try_get::<i64, _>("pepper")?;
    let mac = row.try_get::<Vec<u8>, _>("digest")?;
    Ok(StoredApiKey {
        digest: KeyDigest::from_parts(
            parsed(u8::try_from(pepper).ok())?,
            parsed(mac.try_into().ok())?,
        ),
        key: ApiKey {
            id: parsed(text("id")?.parse().ok())?,
            environment,
            tenant: parsed(text("tenant")?.parse().ok())?,
            owner: parsed(text("owner")?.parse().ok())?,
            name: text("name")?,
            scopes: parsed(text("scopes")?.parse().ok())?,
            networks: parsed(networks.collect::<Result<_, _>>().ok())?,
            created_by: parsed(text("created_by")?.parse().ok())?,
            created_at: parsed(moment("created_at")?)?,
            expires_at: moment("expires_at")?,
            revoked_at: moment("revoked_at")?,
            last_used_at: moment("last_used_at")?,
            replaces: replacement("replaces")?,
            replaced_by: replacement("replaced_by")?,
        },
    })
}

fn parsed<T>(value: Option<T>) -> Result<T, sqlx::Error> {
    value.ok_or_else(corrupt)
}

fn corrupt() -> sqlx::Error {
    sqlx::Error::Decode("an api key has a value that nobody wrote".into())
}

/// With a space between each two.
pub(super) fn networks(key: &ApiKey) -> String {
    let texts = key.networks.iter().map(ToString::to_string);
    texts.collect::<Vec<_>>().join(" ")
}
