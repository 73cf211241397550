//! The store of both databases, written once. They differ in how a transaction begins, in how it holds the rows that it has
//! read, and in the names of types.

/// Writes `$store` over `$pool`, whose transactions begin with `$begin` and hold what they read with `$hold`. The module has to
/// have a `SCHEMA`.
macro_rules! sql_store {
    ($(#[$docs:meta])* $store:ident, $pool:ty, $begin:expr, $hold:literal) => {
        use $crate::id::ClientId;
        use $crate::sql::{pool_store, transact};
        use $crate::store::Answer;
        use $crate::time::Timestamp;
        use $crate::totp::{
            Acceptance, Accepted, Attempted, Challenge, ENROLMENT_LIFETIME, Factor, FactorId, Hash,
            MAX_FACTORS, Owner, Proof, Redeemed, TotpStore, rows,
        };

        pool_store!($(#[$docs])* $store, $pool, SCHEMA);

        impl TotpStore for $store {
            fn enrol<'a>(&'a self, owner: &'a Owner, factor: &'a Factor) -> Answer<'a, bool> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    rows::of(rows::HOLD_OWNER, owner)
                        .execute(&mut *transaction)
                        .await?;
                    let active = rows::of(rows::ACTIVE, owner)
                        .try_map(|row| rows::number(&row))
                        .fetch_one(&mut *transaction)
                        .await?;
                    if active as usize >= MAX_FACTORS {
                        transaction.rollback().await?;
                        return Ok(false);
                    }
                    rows::of(rows::DROP_PENDING, owner)
                        .execute(&mut *transaction)
                        .await?;
                    rows::of(rows::ENROL, owner)
                        .bind(&factor.id.as_bytes()[..])
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
                    rows::of(rows::FACTORS, owner)
                        .try_map(|row| rows::factor(&row))
                        .fetch_all(&self.pool)
                        .await
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
                    let activated = rows::of(rows::ACTIVATE, owner)
                        .bind(&factor.as_bytes()[..])
                        .bind(now.as_millis())
                        .bind(step)
                        .bind(i64::from(drift))
                        .bind(now.minus(ENROLMENT_LIFETIME).as_millis())
                        .execute(&self.pool)
                        .await?;
                    Ok(activated.rows_affected() == 1)
                }))
            }

            fn remove<'a>(&'a self, owner: &'a Owner, factor: FactorId) -> Answer<'a, bool> {
                Box::pin(transact(self.deadline, move || async move {
                    let removed = rows::of(rows::REMOVE, owner)
                        .bind(&factor.as_bytes()[..])
                        .execute(&self.pool)
                        .await?;
                    Ok(removed.rows_affected() == 1)
                }))
            }

            fn open<'a>(&'a self, challenge: &'a Challenge) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    rows::of(rows::OPEN, &challenge.owner)
                        .bind(&challenge.hash[..])
                        .bind(challenge.client.as_str())
                        .bind(rows::epoch(challenge.epoch)?)
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
                    let found = sqlx::query(rows::find_challenge!($hold))
                        .bind(&hash[..])
                        .try_map(|row| rows::challenge(hash, &row))
                        .fetch_optional(&mut *transaction)
                        .await?;
                    let Some(mut challenge) = found else {
                        transaction.rollback().await?;
                        return Ok(Attempted::Invalid);
                    };
                    let mut tries = rows::of(rows::HOLD_OWNER, &challenge.owner)
                        .try_map(|row| rows::tries(&row))
                        .fetch_one(&mut *transaction)
                        .await?;
                    let before = challenge.tries;
                    let decided = challenge.decide(&mut tries, client, proof, now);
                    if challenge.tries == before {
                        transaction.rollback().await?;
                        return Ok(decided.told(challenge, tries, Vec::new()));
                    }
                    sqlx::query(rows::COUNT_TRY)
                        .bind(i64::from(challenge.tries))
                        .bind(&hash[..])
                        .execute(&mut *transaction)
                        .await?;
                    rows::of(rows::COUNT_TRIES, &challenge.owner)
                        .bind(i64::from(tries.count))
                        .bind(tries.since.as_millis())
                        .bind(i64::from(tries.in_a_row))
                        .execute(&mut *transaction)
                        .await?;
                    let mut factors = rows::of(rows::FACTORS, &challenge.owner)
                        .try_map(|row| rows::factor(&row))
                        .fetch_all(&mut *transaction)
                        .await?;
                    transaction.commit().await?;
                    factors.retain(|factor| factor.activated_at.is_some());
                    Ok(decided.told(challenge, tries, factors))
                }))
            }

            fn accept<'a>(
                &'a self,
                acceptance: &'a Acceptance,
                now: Timestamp,
            ) -> Answer<'a, Accepted> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    let used = sqlx::query(rows::USE_CHALLENGE)
                        .bind(now.as_millis())
                        .bind(&acceptance.challenge[..])
                        .execute(&mut *transaction)
                        .await?;
                    if used.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Accepted::ChallengeOver);
                    }
                    rows::of(rows::TAKE_BACK, &acceptance.owner)
                        .execute(&mut *transaction)
                        .await?;
                    let resealed = acceptance.resealed.as_ref();
                    let accepted = rows::of(rows::TAKE_STEP, &acceptance.owner)
                        .bind(&acceptance.factor.as_bytes()[..])
                        .bind(acceptance.step)
                        .bind(i64::from(acceptance.drift))
                        .bind(resealed.map(|sealed| i64::from(sealed.key_id)))
                        .bind(resealed.map(|sealed| &sealed.bytes[..]))
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
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    let used = sqlx::query(rows::USE_CHALLENGE)
                        .bind(now.as_millis())
                        .bind(&challenge[..])
                        .execute(&mut *transaction)
                        .await?;
                    if used.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Redeemed::ChallengeOver);
                    }
                    rows::of(rows::THAW, owner)
                        .execute(&mut *transaction)
                        .await?;
                    let redeemed = rows::of(rows::USE_CODE, owner)
                        .bind(&code[..])
                        .bind(now.as_millis())
                        .execute(&mut *transaction)
                        .await?;
                    if redeemed.rows_affected() != 1 {
                        transaction.rollback().await?;
                        return Ok(Redeemed::Unknown);
                    }
                    let left = rows::of(rows::CODES_LEFT, owner)
                        .try_map(|row| rows::number(&row))
                        .fetch_one(&mut *transaction)
                        .await?;
                    transaction.commit().await?;
                    Ok(Redeemed::Yes(left))
                }))
            }

            fn replace_recovery_codes<'a>(
                &'a self,
                owner: &'a Owner,
                codes: &'a [Hash],
            ) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    // Two that make new codes at once must not both leave theirs.
                    rows::of(rows::HOLD_OWNER, owner)
                        .execute(&mut *transaction)
                        .await?;
                    rows::of(rows::DROP_CODES, owner)
                        .execute(&mut *transaction)
                        .await?;
                    for code in codes {
                        rows::of(rows::KEEP_CODE, owner)
                            .bind(&code[..])
                            .execute(&mut *transaction)
                            .await?;
                    }
                    transaction.commit().await
                }))
            }

            fn recovery_codes_left<'a>(&'a self, owner: &'a Owner) -> Answer<'a, u32> {
                Box::pin(transact(self.deadline, move || async move {
                    rows::of(rows::CODES_LEFT, owner)
                        .try_map(|row| rows::number(&row))
                        .fetch_one(&self.pool)
                        .await
                }))
            }

            fn thaw<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    let thaw = rows::of(rows::THAW, owner);
                    thaw.execute(&self.pool).await.map(drop)
                }))
            }

            fn forget<'a>(&'a self, owner: &'a Owner) -> Answer<'a, ()> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut transaction = self.pool.begin_with($begin).await?;
                    for statement in rows::FORGET {
                        rows::of(statement, owner)
                            .execute(&mut *transaction)
                            .await?;
                    }
                    transaction.commit().await
                }))
            }

            fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
                Box::pin(transact(self.deadline, move || async move {
                    let mut purged = 0;
                    for (statement, until) in [
                        (rows::PURGE_CHALLENGES, now),
                        (rows::PURGE_FACTORS, now.minus(ENROLMENT_LIFETIME)),
                    ] {
                        let purge = sqlx::query(statement)
                            .bind(until.as_millis())
                            .bind(i64::from(limit));
                        purged += purge.execute(&self.pool).await?.rows_affected();
                    }
                    Ok(purged)
                }))
            }
        }
    };
}
pub(super) use sql_store;
