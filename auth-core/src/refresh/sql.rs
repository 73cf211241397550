//! The store of both databases, written once. What differs is in the modules that use [`store!`]: how a transaction begins and
//! rows are locked, who waits where, and what is done without reading first.

/// Writes the store for a database. The module has to have `BEGIN`, `DEADLINE`, `READ_DEADLINE`, `EPOCH_LOCKED`, `FIND_LOCKED`,
/// `MIGRATE`, `PURGE`, `rotate_at_once`, and a method `in_turn`.
macro_rules! store {
    ($Store:ident, $Database:ident) => {
        impl $Store {
            /// Makes the tables that are not there yet.
            ///
            /// # Errors
            ///
            /// When the database does not answer, or its user may not make tables.
            pub async fn migrate(pool: &Pool<$Database>) -> Result<(), StoreError> {
                use sqlx::Executor as _;

                transact(DEADLINE, || async {
                    let mut tx = pool.begin_with(BEGIN).await?;
                    for statements in MIGRATE {
                        tx.execute(statements).await?;
                    }
                    tx.commit().await
                })
                .await
            }

            /// Makes a change when it is its turn. Waiting for that counts as well.
            async fn change<T, F>(
                &self,
                family: Option<SessionId>,
                change: impl Fn() -> F,
            ) -> Result<T, StoreError>
            where
                F: Future<Output = Result<T, sqlx::Error>>,
            {
                transact(DEADLINE, || self.in_turn(family, change())).await
            }

            async fn try_create(
                &self,
                family: &Family,
                state: &State,
                max_sessions: NonZeroU32,
                now: Timestamp,
            ) -> Result<Created, sqlx::Error> {
                let mut tx = self.pool.begin_with(BEGIN).await?;
                sqlx::query(rows::KNOW_SUBJECT)
                    .bind(family.tenant.as_str())
                    .bind(family.subject.as_str())
                    .execute(&mut *tx)
                    .await?;
                let epoch: i64 = sqlx::query_scalar(EPOCH_LOCKED)
                    .bind(family.tenant.as_str())
                    .bind(family.subject.as_str())
                    .fetch_one(&mut *tx)
                    .await?;
                if epoch != rows::epoch(state.epoch) {
                    return Ok(Created::EpochMoved);
                }
                let others = sqlx::query(rows::LIST)
                    .bind(family.tenant.as_str())
                    .bind(family.subject.as_str())
                    .bind(now.as_millis())
                    .fetch_all(&mut *tx)
                    .await?;
                let mut evicted = Vec::new();
                for row in others.iter().skip(max_sessions.get() as usize - 1) {
                    let id = rows::id(row)?;
                    if revoke(&mut tx, id, RevokeReason::Evicted, now).await? {
                        evicted.push(id);
                    }
                }
                rows::insert(family, state).execute(&mut *tx).await?;
                tx.commit().await?;
                Ok(Created::Kept { evicted })
            }

            async fn try_rotate(
                &self,
                request: &Rotate,
                now: Timestamp,
            ) -> Result<Option<Rotation>, sqlx::Error> {
                let family = request.token().family();
                let mut tx = self.pool.begin_with(BEGIN).await?;
                if let Some(rotation) = rotate_at_once(&mut tx, request, now).await? {
                    tx.commit().await?;
                    return Ok(Some(rotation));
                }
                let row = sqlx::query(FIND_LOCKED)
                    .bind(&family.id.as_bytes()[..])
                    .fetch_optional(&mut *tx)
                    .await?;
                let Some(row) = row else {
                    return Ok(None);
                };
                let (_, mut state) = rows::read(&row)?;
                let epoch: Option<i64> = sqlx::query_scalar(rows::EPOCH)
                    .bind(family.tenant.as_str())
                    .bind(family.subject.as_str())
                    .fetch_optional(&mut *tx)
                    .await?;
                let epoch = epoch.unwrap_or(0).try_into().map_err(rows::decode)?;
                let outcome = request.step(&mut state, epoch, now);
                if outcome.is_change() {
                    rows::update(family, &state).execute(&mut *tx).await?;
                    // Also when the answer is an error: a family that ends must not come back with a rollback.
                    tx.commit().await?;
                }
                Ok(Some(Rotation { outcome, state }))
            }

            /// Does what [`RefreshStore::revoke_subject`] does within a transaction of the caller, so that a new password and
            /// the end of what the old one began are one step. No event tells of it; the caller does, after the commit.
            ///
            /// The transaction has to have begun with [`BEGIN`].
            ///
            /// # Errors
            ///
            /// When the database does not answer, or holds what cannot be read.
            pub async fn revoke_subject_within(
                connection: &mut <$Database as Database>::Connection,
                tenant: &TenantId,
                subject: &SubjectId,
                except: Option<SessionId>,
                reason: RevokeReason,
                now: Timestamp,
            ) -> Result<SubjectRevoked, sqlx::Error> {
                // First of all, and kept to the end: it is the lock that `create` waits for.
                let epoch: i64 = sqlx::query_scalar(rows::RAISE_EPOCH)
                    .bind(tenant.as_str())
                    .bind(subject.as_str())
                    .fetch_one(&mut *connection)
                    .await?;
                let kept = except.map_or(Vec::new(), |id| id.as_bytes().to_vec());
                sqlx::query(rows::KEEP)
                    .bind(&kept)
                    .bind(tenant.as_str())
                    .bind(subject.as_str())
                    .bind(epoch)
                    .execute(&mut *connection)
                    .await?;
                let revoked = sqlx::query(rows::REVOKE_SUBJECT)
                    .bind(tenant.as_str())
                    .bind(subject.as_str())
                    .bind(now.as_millis())
                    .bind(reason.as_str())
                    .bind(&kept)
                    .fetch_all(&mut *connection)
                    .await?;
                let mut ended = Vec::new();
                for row in &revoked {
                    let (family, state) = rows::read(row)?;
                    if now < family.expires_at && now < state.idle_expires_at {
                        ended.push(family.id);
                    }
                }
                let epoch = epoch.try_into().map_err(rows::decode)?;
                Ok(SubjectRevoked { epoch, ended })
            }

            /// Deletes all sessions of a subject, and with them from where and with what it signed in, within a transaction of
            /// the caller: for the end of an account. Logins that are under way come to nothing. What is left is the epoch.
            ///
            /// The transaction has to have begun with [`BEGIN`].
            ///
            /// # Errors
            ///
            /// When the database does not answer.
            pub async fn forget_subject_within(
                connection: &mut <$Database as Database>::Connection,
                tenant: &TenantId,
                subject: &SubjectId,
            ) -> Result<(), sqlx::Error> {
                for statement in [rows::RAISE_EPOCH, rows::FORGET] {
                    sqlx::query(statement)
                        .bind(tenant.as_str())
                        .bind(subject.as_str())
                        .execute(&mut *connection)
                        .await?;
                }
                Ok(())
            }
        }

        async fn revoke(
            tx: &mut Transaction<'_, $Database>,
            id: SessionId,
            reason: RevokeReason,
            now: Timestamp,
        ) -> Result<bool, sqlx::Error> {
            let done = sqlx::query(rows::REVOKE)
                .bind(&id.as_bytes()[..])
                .bind(now.as_millis())
                .bind(reason.as_str())
                .execute(&mut **tx)
                .await?;
            Ok(done.rows_affected() == 1)
        }

        impl RefreshStore for $Store {
            fn epoch<'a>(
                &'a self,
                tenant: &'a TenantId,
                subject: &'a SubjectId,
            ) -> Answer<'a, u64> {
                Box::pin(transact(READ_DEADLINE, move || async move {
                    let epoch: Option<i64> = sqlx::query_scalar(rows::EPOCH)
                        .bind(tenant.as_str())
                        .bind(subject.as_str())
                        .fetch_optional(&self.pool)
                        .await?;
                    epoch.unwrap_or(0).try_into().map_err(rows::decode)
                }))
            }

            fn create<'a>(
                &'a self,
                family: &'a Family,
                state: &'a State,
                max_sessions: NonZeroU32,
                now: Timestamp,
            ) -> Answer<'a, Created> {
                let create = move || self.try_create(family, state, max_sessions, now);
                Box::pin(self.change(None, create))
            }

            fn find(&self, id: SessionId) -> Answer<'_, Option<Arc<Family>>> {
                Box::pin(transact(READ_DEADLINE, move || async move {
                    let row = sqlx::query(rows::FIND)
                        .bind(&id.as_bytes()[..])
                        .fetch_optional(&self.pool)
                        .await?;
                    let read = row.as_ref().map(rows::read).transpose()?;
                    Ok(read.map(|(family, _)| Arc::new(family)))
                }))
            }

            fn rotate<'a>(
                &'a self,
                request: &'a Rotate,
                now: Timestamp,
            ) -> Answer<'a, Option<Rotation>> {
                let id = request.token().family().id;
                Box::pin(self.change(Some(id), move || self.try_rotate(request, now)))
            }

            fn revoke<'a>(
                &'a self,
                family: &'a Family,
                reason: RevokeReason,
                now: Timestamp,
            ) -> Answer<'a, bool> {
                let revoke = move || async move {
                    let mut tx = self.pool.begin_with(BEGIN).await?;
                    let revoked = revoke(&mut tx, family.id, reason, now).await?;
                    tx.commit().await?;
                    Ok(revoked)
                };
                Box::pin(self.change(None, revoke))
            }

            fn revoke_subject<'a>(
                &'a self,
                tenant: &'a TenantId,
                subject: &'a SubjectId,
                except: Option<SessionId>,
                reason: RevokeReason,
                now: Timestamp,
            ) -> Answer<'a, SubjectRevoked> {
                let revoke = move || async move {
                    let mut tx = self.pool.begin_with(BEGIN).await?;
                    let connection = &mut *tx;
                    let revoked = Self::revoke_subject_within(
                        connection, tenant, subject, except, reason, now,
                    );
                    let revoked = revoked.await?;
                    tx.commit().await?;
                    Ok(revoked)
                };
                Box::pin(self.change(None, revoke))
            }

            fn list<'a>(
                &'a self,
                tenant: &'a TenantId,
                subject: &'a SubjectId,
                now: Timestamp,
            ) -> Answer<'a, Vec<(Arc<Family>, State)>> {
                Box::pin(transact(READ_DEADLINE, move || async move {
                    let rows = sqlx::query(rows::LIST)
                        .bind(tenant.as_str())
                        .bind(subject.as_str())
                        .bind(now.as_millis())
                        .fetch_all(&self.pool)
                        .await?;
                    let read =
                        |row| rows::read(row).map(|(family, state)| (Arc::new(family), state));
                    rows.iter().map(read).collect()
                }))
            }

            fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
                let ended = now.minus(RefreshPolicy::RETENTION).as_millis();
                let purge = move || async move {
                    let mut tx = self.pool.begin_with(BEGIN).await?;
                    let purge = sqlx::query(PURGE).bind(ended).bind(i64::from(limit));
                    let done = purge.execute(&mut *tx).await?;
                    tx.commit().await?;
                    Ok(done.rows_affected())
                };
                Box::pin(self.change(None, purge))
            }

            fn count_by_key(&self, now: Timestamp) -> Answer<'_, Vec<(u8, u64)>> {
                Box::pin(transact(rows::COUNT_DEADLINE, move || async move {
                    let counts: Vec<(i64, i64)> = sqlx::query_as(rows::COUNT)
                        .bind(now.as_millis())
                        .fetch_all(&self.pool)
                        .await?;
                    counts.into_iter().map(rows::count).collect()
                }))
            }
        }
    };
}
pub(super) use store;
