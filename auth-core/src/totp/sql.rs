//! The store over SQL. Both databases understand the same statements; they differ in how a transaction begins, in how it holds
//! the rows that it has read, and in the names of types.

/// A challenge as a row: owner (tenant, subject), client, epoch, end, tries, when it was passed.
pub(super) type ChallengeRow = (String, String, String, i64, i64, i64, Option<i64>);

/// A factor as a row: id, key, secret, when it was made and activated, last step, drift.
pub(super) type FactorRow = (Vec<u8>, i64, Vec<u8>, i64, Option<i64>, i64, i64);

pub(super) mod rows {
    use std::error::Error;

    use super::{ChallengeRow, FactorRow};
    use crate::time::Timestamp;
    use crate::totp::{Challenge, Factor, FactorId, Hash, Owner, Sealed, Tries};

    /// What is there cannot be what was written.
    pub(in crate::totp) fn corrupt(error: impl Into<Box<dyn Error + Send + Sync>>) -> sqlx::Error {
        sqlx::Error::Decode(error.into())
    }

    fn moment(millis: i64) -> Result<Timestamp, sqlx::Error> {
        Timestamp::from_millis(millis).ok_or_else(|| corrupt("a time is out of range"))
    }

    pub(in crate::totp) fn small(count: i64) -> Result<u32, sqlx::Error> {
        u32::try_from(count).map_err(corrupt)
    }

    pub(in crate::totp) fn challenge(
        hash: &Hash,
        row: &ChallengeRow,
    ) -> Result<Challenge, sqlx::Error> {
        let (tenant, subject, client, epoch, expires_at, tries, used_at) = row;
        let tenant = tenant.parse().map_err(corrupt)?;
        let subject = subject.parse().map_err(corrupt)?;
        Ok(Challenge {
            hash: *hash,
            owner: Owner::new(&tenant, &subject),
            client: client.parse().map_err(corrupt)?,
            epoch: u64::try_from(*epoch).map_err(corrupt)?,
            expires_at: moment(*expires_at)?,
            tries: small(*tries)?,
            used_at: used_at.map(moment).transpose()?,
        })
    }

    pub(in crate::totp) fn factor(row: FactorRow) -> Result<Factor, sqlx::Error> {
        let (id, key_id, sealed, created_at, activated_at, last_step, drift) = row;
        let id = id
            .try_into()
            .map_err(|_| corrupt("an id has not 16 bytes"))?;
        Ok(Factor {
            id: FactorId::from_bytes(id),
            sealed: Sealed {
                key_id: u8::try_from(key_id).map_err(corrupt)?,
                bytes: sealed,
            },
            created_at: moment(created_at)?,
            activated_at: activated_at.map(moment).transpose()?,
            last_step,
            drift: i8::try_from(drift).map_err(corrupt)?,
        })
    }

    pub(in crate::totp) fn tries(row: (i64, i64, i64)) -> Result<Tries, sqlx::Error> {
        let (count, since, in_a_row) = row;
        Ok(Tries {
            count: small(count)?,
            since: moment(since)?,
            in_a_row: small(in_a_row)?,
        })
    }
}

/// The statements of `$store` over `$pool`, whose transactions begin with `$begin` and hold what they read with `$hold`.
macro_rules! sql_store {
    ($(#[$docs:meta])* $store:ident, $pool:ty, $begin:expr, $hold:literal) => {
        use $crate::id::ClientId;
        use $crate::sql::{pool_store, transact};
        use $crate::store::Answer;
        use $crate::time::Timestamp;
        use $crate::totp::challenge::decide;
        use $crate::totp::sql::{ChallengeRow, FactorRow, rows};
        use $crate::totp::{
            Acceptance, Accepted, Attempted, Challenge, ENROLMENT_LIFETIME, Factor, FactorId, Hash,
            MAX_FACTORS, Owner, Proof, Redeemed, TotpStore,
        };

        pool_store!($(#[$docs])* $store, $pool, SCHEMA);

        const FACTORS: &str = "SELECT id, key_id, sealed, created_at, activated_at, last_step, drift
            FROM auth_totp_factor WHERE tenant = $1 AND subject = $2 ORDER BY id";

        /// Makes the row that all who change something of an owner hold first.
        const HOLD_OWNER: &str = "INSERT INTO auth_totp_owner (tenant, subject) VALUES ($1, $2)
            ON CONFLICT (tenant, subject) DO UPDATE SET tenant = excluded.tenant
            RETURNING tries, since, in_a_row";

        const USE_CHALLENGE: &str = "UPDATE auth_totp_challenge SET used_at = $1
            WHERE hash = $2 AND used_at IS NULL AND expires_at > $1";

        impl TotpStore for $store {
            fn enrol<'a>(&'a self, owner: &'a Owner, factor: &'a Factor) -> Answer<'a, bool> {
                let (tenant, subject) = (owner.tenant().as_str(), owner.subject().as_str());
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    sqlx::query(HOLD_OWNER)
                        .bind(tenant)
                        .bind(subject)
                        .execute(&mut *transaction)
                        .await?;
                    let active: i64 = sqlx::query_scalar(
                        "SELECT COUNT(*) FROM auth_totp_factor
                         WHERE tenant = $1 AND subject = $2 AND activated_at IS NOT NULL",
                    )
                    .bind(tenant)
                    .bind(subject)
                    .fetch_one(&mut *transaction)
                    .await?;
                    if usize::try_from(active).map_err(rows::corrupt)? >= MAX_FACTORS {
                        transaction.rollback().await?;
                        return Ok(false);
                    }
                    sqlx::query(
                        "DELETE FROM auth_totp_factor
                         WHERE tenant = $1 AND subject = $2 AND activated_at IS NULL",
                    )
                    .bind(tenant)
                    .bind(subject)
                    .execute(&mut *transaction)
                    .await?;
                    sqlx::query(
                        "INSERT INTO auth_totp_factor (id, tenant, subject, key_id, sealed,
                             created_at, activated_at, last_step, drift)
                         VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)",
                    )
                    .bind(&factor.id.as_bytes()[..])
                    .bind(tenant)
                    .bind(subject)
                    .bind(i64::from(factor.sealed.key_id))
                    .bind(&factor.sealed.bytes)
                    .bind(factor.created_at.as_millis())
                    .bind(factor.last_step)
                    .bind(i64::from(factor.drift))
                    .execute(&mut *transaction)
                    .await?;
                    transaction.commit().await?;
                    Ok(true)
                }))
            }

            fn factors<'a>(&'a self, owner: &'a Owner) -> Answer<'a, Vec<Factor>> {
                Box::pin(transact(self.deadline, move || async move {
                    let found: Vec<FactorRow> = sqlx::query_as(FACTORS)
                        .bind(owner.tenant().as_str())
                        .bind(owner.subject().as_str())
                        .fetch_all(&self.pool)
                        .await?;
                    found.into_iter().map(rows::factor).collect()
                }))
            }

            fn activate<'a>(
                &'a self,
                owner: &'a Owner,
                factor: FactorId,
                step: i64,
                drift: i8,
                now: Timestamp,
            ) -> Answer<'a, bool> {
                Box::pin(transact(self.deadline, move || async move {
                    let activated = sqlx::query(
                        "UPDATE auth_totp_factor SET activated_at = $1, last_step = $2, drift = $3
                         WHERE id = $4 AND tenant = $5 AND subject = $6
                             AND activated_at IS NULL AND created_at > $7",
                    )
                    .bind(now.as_millis())
                    .bind(step)
                    .bind(i64::from(drift))
                    .bind(&factor.as_bytes()[..])
                    .bind(owner.tenant().as_str())
                    .bind(owner.subject().as_str())
                    .bind(now.minus(ENROLMENT_LIFETIME).as_millis())
                    .execute(&self.pool)
                    .await?;
                    Ok(activated.rows_affected() == 1)
                }))
            }

            fn remove<'a>(&'a self, owner: &'a Owner, factor: FactorId) -> Answer<'a, bool> {
                Box::pin(transact(self.deadline, move || async move {
                    let removed = sqlx::query(
                        "DELETE FROM auth_totp_factor
                         WHERE id = $1 AND tenant = $2 AND subject = $3",
                    )
                    .bind(&factor.as_bytes()[..])
                    .bind(owner.tenant().as_str())
                    .bind(owner.subject().as_str())
                    .execute(&self.pool)
                    .await?;
                    Ok(removed.rows_affected() == 1)
                }))
            }

            fn open<'a>(&'a self, challenge: &'a Challenge) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    let epoch = i64::try_from(challenge.epoch).map_err(rows::corrupt)?;
                    sqlx::query(
                        "INSERT INTO auth_totp_challenge (hash, tenant, subject, client, epoch,
                             expires_at, tries, used_at)
                         VALUES ($1, $2, $3, $4, $5, $6, 0, NULL)",
                    )
                    .bind(&challenge.hash[..])
                    .bind(challenge.owner.tenant().as_str())
                    .bind(challenge.owner.subject().as_str())
                    .bind(challenge.client.as_str())
                    .bind(epoch)
                    .bind(challenge.expires_at.as_millis())
                    .execute(&self.pool)
                    .await
                    .map(drop)
                }))
            }

            fn attempt<'a>(
                &'a self,
                hash: &'a Hash,
                client: &'a ClientId,
                proof: Proof,
                now: Timestamp,
            ) -> Answer<'a, Attempted> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    let found: Option<ChallengeRow> = sqlx::query_as(concat!(
                        "SELECT tenant, subject, client, epoch, expires_at, tries, used_at
                         FROM auth_totp_challenge WHERE hash = $1",
                        $hold
                    ))
                    .bind(&hash[..])
                    .fetch_optional(&mut *transaction)
                    .await?;
                    let Some(row) = found else {
                        transaction.rollback().await?;
                        return Ok(Attempted::Invalid);
                    };
                    let mut challenge = rows::challenge(hash, &row)?;
                    let (tenant, subject) = (row.0, row.1);
                    let held = sqlx::query_as(HOLD_OWNER)
                        .bind(&tenant)
                        .bind(&subject)
                        .fetch_one(&mut *transaction)
                        .await?;
                    let (before, mut tries) = (challenge.tries, rows::tries(held)?);
                    let decided = decide(&mut challenge, &mut tries, client, proof, now);
                    if challenge.tries == before {
                        transaction.rollback().await?;
                        return Ok(decided.told(challenge, tries, Vec::new()));
                    }
                    sqlx::query("UPDATE auth_totp_challenge SET tries = $1 WHERE hash = $2")
                        .bind(i64::from(challenge.tries))
                        .bind(&hash[..])
                        .execute(&mut *transaction)
                        .await?;
                    sqlx::query(
                        "UPDATE auth_totp_owner SET tries = $1, since = $2, in_a_row = $3
                         WHERE tenant = $4 AND subject = $5",
                    )
                    .bind(i64::from(tries.count))
                    .bind(tries.since.as_millis())
                    .bind(i64::from(tries.in_a_row))
                    .bind(&tenant)
                    .bind(&subject)
                    .execute(&mut *transaction)
                    .await?;
                    let factors: Vec<FactorRow> = sqlx::query_as(FACTORS)
                        .bind(&tenant)
                        .bind(&subject)
                        .fetch_all(&mut *transaction)
                        .await?;
                    transaction.commit().await?;
                    let factors: Result<Vec<_>, _> =
                        factors.into_iter().map(rows::factor).collect();
                    let mut factors = factors?;
                    factors.retain(|factor| factor.activated_at.is_some());
                    Ok(decided.told(challenge, tries, factors))
                }))
            }

            fn accept<'a>(
                &'a self,
                acceptance: &'a Acceptance,
                now: Timestamp,
            ) -> Answer<'a, Accepted> {
                let owner = &acceptance.owner;
                let (tenant, subject) = (owner.tenant().as_str(), owner.subject().as_str());
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    let used = sqlx::query(USE_CHALLENGE)
                        .bind(now.as_millis())
                        .bind(&acceptance.challenge[..])
                        .execute(&mut *transaction)
                        .await?;
                    if used.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Accepted::ChallengeOver);
                    }
                    sqlx::query(
                        "UPDATE auth_totp_owner SET in_a_row = 0,
                             tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END
                         WHERE tenant = $1 AND subject = $2",
                    )
                    .bind(tenant)
                    .bind(subject)
                    .execute(&mut *transaction)
                    .await?;
                    let resealed = acceptance.resealed.as_ref();
                    // Whoever comes second waits here for the first, and finds the step taken.
                    let accepted = sqlx::query(
                        "UPDATE auth_totp_factor SET last_step = $1, drift = $2,
                             key_id = COALESCE($3, key_id), sealed = COALESCE($4, sealed)
                         WHERE id = $5 AND tenant = $6 AND subject = $7
                             AND activated_at IS NOT NULL AND last_step < $1",
                    )
                    .bind(acceptance.step)
                    .bind(i64::from(acceptance.drift))
                    .bind(resealed.map(|sealed| i64::from(sealed.key_id)))
                    .bind(resealed.map(|sealed| &sealed.bytes[..]))
                    .bind(&acceptance.factor.as_bytes()[..])
                    .bind(tenant)
                    .bind(subject)
                    .execute(&mut *transaction)
                    .await?;
                    if accepted.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Accepted::Replayed);
                    }
                    transaction.commit().await?;
                    Ok(Accepted::Yes)
                }))
            }

            fn redeem<'a>(
                &'a self,
                challenge: &'a Hash,
                owner: &'a Owner,
                code: &'a Hash,
                now: Timestamp,
            ) -> Answer<'a, Redeemed> {
                let (tenant, subject) = (owner.tenant().as_str(), owner.subject().as_str());
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    let used = sqlx::query(USE_CHALLENGE)
                        .bind(now.as_millis())
                        .bind(&challenge[..])
                        .execute(&mut *transaction)
                        .await?;
                    if used.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Redeemed::ChallengeOver);
                    }
                    sqlx::query(
                        "UPDATE auth_totp_owner SET tries = 0, since = 0, in_a_row = 0
                         WHERE tenant = $1 AND subject = $2",
                    )
                    .bind(tenant)
                    .bind(subject)
                    .execute(&mut *transaction)
                    .await?;
                    let redeemed = sqlx::query(
                        "UPDATE auth_recovery_code SET used_at = $1
                         WHERE tenant = $2 AND subject = $3 AND hash = $4 AND used_at IS NULL",
                    )
                    .bind(now.as_millis())
                    .bind(tenant)
                    .bind(subject)
                    .bind(&code[..])
                    .execute(&mut *transaction)
                    .await?;
                    if redeemed.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Redeemed::Unknown);
                    }
                    let left = sqlx::query_scalar(LEFT)
                        .bind(tenant)
                        .bind(subject)
                        .fetch_one(&mut *transaction)
                        .await?;
                    transaction.commit().await?;
                    rows::small(left).map(Redeemed::Yes)
                }))
            }

            fn replace_recovery_codes<'a>(
                &'a self,
                owner: &'a Owner,
                codes: &'a [Hash],
            ) -> Answer<'a, ()> {
                let (tenant, subject) = (owner.tenant().as_str(), owner.subject().as_str());
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    // Two that make new codes at once must not both leave theirs.
                    sqlx::query(HOLD_OWNER)
                        .bind(tenant)
                        .bind(subject)
                        .execute(&mut *transaction)
                        .await?;
                    sqlx::query("DELETE FROM auth_recovery_code WHERE tenant = $1 AND subject = $2")
                        .bind(tenant)
                        .bind(subject)
                        .execute(&mut *transaction)
                        .await?;
                    for code in codes {
                        sqlx::query(
                            "INSERT INTO auth_recovery_code (tenant, subject, hash, used_at)
                             VALUES ($1, $2, $3, NULL)",
                        )
                        .bind(tenant)
                        .bind(subject)
                        .bind(&code[..])
                        .execute(&mut *transaction)
                        .await?;
                    }
                    transaction.commit().await
                }))
            }

            fn recovery_codes_left<'a>(&'a self, owner: &'a Owner) -> Answer<'a, u32> {
                Box::pin(transact(self.deadline, move || async move {
                    let left = sqlx::query_scalar(LEFT)
                        .bind(owner.tenant().as_str())
                        .bind(owner.subject().as_str())
                        .fetch_one(&self.pool)
                        .await?;
                    rows::small(left)
                }))
            }

            fn thaw<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    sqlx::query(
                        "UPDATE auth_totp_owner SET tries = 0, since = 0, in_a_row = 0
                         WHERE tenant = $1 AND subject = $2",
                    )
                    .bind(owner.tenant().as_str())
                    .bind(owner.subject().as_str())
                    .execute(&self.pool)
                    .await
                    .map(drop)
                }))
            }

            fn forget<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    for statement in [
                        "DELETE FROM auth_totp_challenge WHERE tenant = $1 AND subject = $2",
                        "DELETE FROM auth_totp_owner WHERE tenant = $1 AND subject = $2",
                        "DELETE FROM auth_totp_factor WHERE tenant = $1 AND subject = $2",
                        "DELETE FROM auth_recovery_code WHERE tenant = $1 AND subject = $2",
                    ] {
                        sqlx::query(statement)
                            .bind(owner.tenant().as_str())
                            .bind(owner.subject().as_str())
                            .execute(&mut *transaction)
                            .await?;
                    }
                    transaction.commit().await
                }))
            }

            fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
                Box::pin(transact(self.deadline, move || async move {
                    let challenges = sqlx::query(
                        "DELETE FROM auth_totp_challenge WHERE hash IN
                         (SELECT hash FROM auth_totp_challenge WHERE expires_at <= $1 LIMIT $2)",
                    )
                    .bind(now.as_millis())
                    .bind(i64::from(limit))
                    .execute(&self.pool)
                    .await?;
                    let factors = sqlx::query(
                        "DELETE FROM auth_totp_factor WHERE activated_at IS NULL AND id IN
                         (SELECT id FROM auth_totp_factor
                          WHERE activated_at IS NULL AND created_at <= $1 LIMIT $2)",
                    )
                    .bind(now.minus(ENROLMENT_LIFETIME).as_millis())
                    .bind(i64::from(limit))
                    .execute(&self.pool)
                    .await?;
                    Ok(challenges.rows_affected() + factors.rows_affected())
                }))
            }
        }

        const LEFT: &str = "SELECT COUNT(*) FROM auth_recovery_code
            WHERE tenant = $1 AND subject = $2 AND used_at IS NULL";
    };
}

pub(super) use sql_store;
