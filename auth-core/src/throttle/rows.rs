//! Buckets as rows of a table.

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{Bucket, Charge, Key};
use crate::time::Timestamp;

/// A row to be written.
pub(super) struct Kept {
    pub(super) key: Key,
    pub(super) count: i64,
    pub(super) total: i64,
    pub(super) at: i64,
    pub(super) members: Vec<u8>,
    pub(super) forgotten_at: i64,
}

/// What has to be written. An empty bucket is a row that may be purged.
pub(super) fn changed(charge: &Charge, before: &[Bucket], after: &[Bucket]) -> Vec<Kept> {
    let buckets = before.iter().zip(after);
    let changed = charge
        .slots()
        .iter()
        .zip(buckets)
        .filter(|(_, (before, after))| before != after);
    changed
        .map(|((scope, key), (_, bucket))| Kept {
            key: *key,
            count: bucket.count.into(),
            total: bucket.total.into(),
            at: bucket.at.as_millis(),
            members: bucket
                .members
                .iter()
                .flat_map(|(member, attempts)| {
                    member
                        .to_be_bytes()
                        .into_iter()
                        .chain(attempts.to_be_bytes())
                })
                .collect(),
            forgotten_at: bucket.forgotten_at(*scope, charge.policy()).as_millis(),
        })
        .collect()
}

/// The bucket of a row.
pub(super) fn bucket<'r, R: Row>(row: &'r R) -> Result<Bucket, sqlx::Error>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let number = |column| row.try_get::<i64, _>(column);
    let members: Vec<u8> = row.try_get("members")?;
    let (members, []) = members.as_chunks() else {
        return Err(corrupt());
    };
    let member = |[a, b, c, d, e, f, g, h, attempts @ ..]: &[u8; 12]| {
        let name = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
        (name, u32::from_be_bytes(*attempts))
    };
    Ok(Bucket {
        count: number("count")?.try_into().map_err(|_| corrupt())?,
        total: number("total")?.try_into().map_err(|_| corrupt())?,
        at: Timestamp::from_millis(number("at")?).ok_or_else(corrupt)?,
        members: members.iter().map(member).collect(),
    })
}

fn corrupt() -> sqlx::Error {
    sqlx::Error::Decode("a throttle bucket has a value that nobody wrote".into())
}
