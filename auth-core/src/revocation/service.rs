use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::table::{Full, Table};
use super::{Cursor, Marks, Revocation, RevocationStore, RevocationsBuilder, TokenLife};
use crate::audit::{AuditSink, Context, Event, EventKind};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::store::{StoreError, StoreErrorKind};
use crate::time::{Clock, Timestamp};

/// How often the store is asked for what others revoked.
const POLL: Duration = Duration::from_secs(5);
/// How soon it is asked again when it did not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How old what is known may be.
const MAX_AGE: Duration = Duration::from_secs(30);
const PURGE_EVERY: Duration = Duration::from_secs(60);
const PURGE_LIMIT: u32 = 1000;
/// Of the last successful read: there was none.
const NEVER: i64 = i64::MIN;

/// Ends access tokens before they expire. See the [module docs](super) for an example. A clone shares everything.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

struct Inner {
    table: RwLock<Table>,
    store: Option<Arc<dyn RevocationStore>>,
    /// How far the store was read. Held while it is being read.
    cursor: Mutex<Cursor>,
    /// What is revoked here, and could not be told to others.
    untold: std::sync::Mutex<HashSet<Revocation>>,
    /// When the last successful read began, in milliseconds.
    synced_at: AtomicI64,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
    life: TokenLife,
    capacity: usize,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// It was revoked: `401` with `invalid_token`.
    Revoked,
    /// Nobody knows, since the store has not answered for 30 seconds: `503`, and the client keeps its token.
    Unavailable,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked => "the token was revoked",
            Self::Unavailable => "whether the token was revoked is not known",
        })
    }
}

impl Error for Refused {}

/// What an instance knows. For metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How many revocations are known, those that are over and not yet swept included.
    pub revocations: usize,
    /// How many there is room for.
    pub capacity: usize,
    /// How long ago all was known; none if that never was. Zero without a store.
    pub age: Option<Duration>,
}

impl Revocations {
    /// Starts with room for 1,000,000 revocations. `life` is for how long the tokens are accepted that are revoked here: a
    /// [`TokenLife`], or what it is taken from, such as the `TokenIssuer` or the `Verifier` of `jwt`.
    pub fn builder(life: impl Into<TokenLife>) -> RevocationsBuilder {
        RevocationsBuilder::new(life.into())
    }

    pub(super) fn new(
        builder: RevocationsBuilder,
        store: Option<Arc<dyn RevocationStore>>,
    ) -> Self {
        let inner = Inner {
            table: RwLock::new(Table::new(builder.capacity.get())),
            store,
            cursor: Mutex::default(),
            untold: std::sync::Mutex::default(),
            synced_at: AtomicI64::new(NEVER),
            clock: builder.clock,
            audit: builder.audit,
            life: builder.life,
            capacity: builder.capacity.get(),
        };
        let inner = Arc::new(inner);
        Self { inner }
    }

    /// Whether a token is still good. To be asked for every request, also when the token itself was verified before: it
    /// costs a look into a table and no waiting.
    ///
    /// # Errors
    ///
    /// When it was revoked, or when that is not known.
    pub fn check(&self, marks: &Marks, now: Timestamp) -> Result<(), Refused> {
        let table = self.inner.table.read();
        if table
            .unwrap_or_else(PoisonError::into_inner)
            .is_revoked(marks, now)
        {
            return Err(Refused::Revoked);
        }
        match self.inner.age(now) {
            Some(age) if age <= MAX_AGE => Ok(()),
            _ => Err(Refused::Unavailable),
        }
    }

    /// Ends all access tokens of a session, here at once and in other instances as soon as they hear of it.
    ///
    /// # Errors
    ///
    /// When others have not heard of it, since the store does not answer, or when there is no room. Here it has ended even
    /// so, if there was room, and [`follow`](Self::follow) tells the others when the store answers again.
    pub async fn revoke_session(
        &self,
        session: SessionId,
        context: &Context,
    ) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let revocation = Revocation::session(session, self.inner.life.last_end(now));
        let event = event("session", context, now).session(session);
        self.revoke(revocation, event, now).await
    }

    /// Ends all access tokens of a subject that were issued in an epoch before `epoch`: after a change of the password, when
    /// rights shrink, when the subject is disabled.
    ///
    /// # Errors
    ///
    /// As [`revoke_session`](Self::revoke_session).
    pub async fn revoke_subject(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        epoch: u64,
        context: &Context,
    ) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let until = self.inner.life.last_end(now);
        let revocation = Revocation::subject(tenant, subject, epoch, until);
        let event = event("subject", context, now)
            .tenant(tenant)
            .subject(subject);
        self.revoke(revocation, event, now).await
    }

    /// Ends one token, which would expire at `expires_at`.
    ///
    /// # Errors
    ///
    /// As [`revoke_session`](Self::revoke_session).
    pub async fn revoke_token(
        &self,
        issuer: &str,
        id: &str,
        expires_at: Timestamp,
        context: &Context,
    ) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let until = expires_at.plus(self.inner.life.leeway);
        let revocation = Revocation::token(issuer, id, until);
        self.revoke(revocation, event("token", context, now).key_id(id), now)
            .await
    }

    /// Ends all access tokens of a session of another issuer.
    ///
    /// # Errors
    ///
    /// As [`revoke_session`](Self::revoke_session).
    pub async fn revoke_foreign_session(
        &self,
        issuer: &str,
        session: &str,
        context: &Context,
    ) -> Result<(), StoreError> {
        let now = self.inner.clock.now();
        let until = self.inner.life.last_end(now);
        let revocation = Revocation::foreign_session(issuer, session, until);
        let event = event("foreign_session", context, now).key_id(session);
        self.revoke(revocation, event, now).await
    }

    async fn revoke(
        &self,
        revocation: Revocation,
        event: Event,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Here first, since that cannot wait, and must not depend on a store that does not answer.
        let here = self.inner.add([revocation], now);
        if let Some(store) = &self.inner.store {
            let telling = Telling {
                inner: &self.inner,
                revocation,
                done: false,
            };
            store.add(&revocation, now).await?;
            telling.done();
        }
        here?;
        self.inner.audit.record(&event);
        Ok(())
    }

    /// Until when a revocation made at `now` has to be remembered: for those that the caller adds to the store, within a
    /// transaction of its own.
    #[must_use]
    pub fn remembered_until(&self, now: Timestamp) -> Timestamp {
        self.inner.life.last_end(now)
    }

    /// Reads what others have revoked since the last time. [`follow`](Self::follow) does it again and again; call it once
    /// before a service starts to accept requests, so that it does not start with refusing them.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or there is no room for what it has.
    pub async fn sync(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        let Some(store) = &inner.store else {
            return Ok(());
        };
        let mut cursor = inner.cursor.lock().await;
        let now = inner.clock.now();
        loop {
            let changes = match store.changes(*cursor, now).await {
                Ok(changes) => changes,
                Err(error) => {
                    // It may come back from a copy in which what was read has another place.
                    *cursor = Cursor::default();
                    return Err(error);
                }
            };
            inner.add(changes.revocations, now)?;
            *cursor = changes.cursor;
            if !changes.more {
                break;
            }
        }
        inner.synced_at.store(now.as_millis(), Ordering::Release);
        Ok(())
    }

    /// Goes on reading what others revoke, for as long as it is polled: to be spawned once in every instance.
    ///
    /// Every 5 seconds, and at once when the store tells of changes. While the store does not answer, what is known is good
    /// for 30 seconds; when it does again, it is told what was revoked here meanwhile. What is over is deleted from the
    /// store, once a minute.
    pub async fn follow(self) {
        let Some(store) = self.inner.store.clone() else {
            return;
        };
        let mut failing = false;
        let mut purged_at = Timestamp::MIN;
        loop {
            let wait = match self.sync().await {
                Ok(()) => {
                    if failing {
                        tracing::info!("revocations of other instances are known again");
                    }
                    failing = false;
                    POLL
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "revocations of other instances cannot be read");
                    }
                    failing = true;
                    RETRY
                }
            };
            let now = self.inner.clock.now();
            if !failing {
                self.inner.tell(&*store, now).await;
            }
            if !failing && now.since(purged_at) >= PURGE_EVERY {
                match store.purge(now, PURGE_LIMIT).await {
                    // There may be more: at the next look, so that as much can go as comes.
                    Ok(purged) if purged >= PURGE_LIMIT.into() => {}
                    Ok(_) => purged_at = now,
                    Err(error) => {
                        purged_at = now;
                        tracing::debug!(%error, "revocations that are over were not deleted");
                    }
                }
            }
            if failing {
                sleep(wait).await;
            } else {
                // Told or not, it is time to ask.
                let _told = timeout(wait, store.changed()).await;
            }
        }
    }

    /// What this instance knows.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let table = self
            .inner
            .table
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Status {
            revocations: table.len(),
            capacity: table.capacity(),
            age: self.inner.age(now),
        }
    }
}

impl Inner {
    fn add(
        &self,
        revocations: impl IntoIterator<Item = Revocation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for revocation in revocations {
            table
                .add(&revocation, now)
                .map_err(|Full| StoreErrorKind::Full)?;
        }
        Ok(())
    }

    fn untold(&self) -> MutexGuard<'_, HashSet<Revocation>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells others what they could not be told before.
    async fn tell(&self, store: &dyn RevocationStore, now: Timestamp) {
        loop {
            let next = self.untold().iter().next().copied();
            let Some(revocation) = next else { return };
            if now < revocation.until
                && let Err(error) = store.add(&revocation, now).await
            {
                tracing::warn!(%error, "a revocation could not be told to other instances");
                return;
            }
            self.untold().remove(&revocation);
        }
    }

    fn age(&self, now: Timestamp) -> Option<Duration> {
        if self.store.is_none() {
            return Some(Duration::ZERO);
        }
        match self.synced_at.load(Ordering::Acquire) {
            NEVER => None,
            at => Some(now.since(Timestamp::from_millis(at)?)),
        }
    }
}

/// A revocation on its way to the store. It is kept for later when it does not arrive, be it that the store does not answer or
/// that whoever asked is gone.
struct Telling<'a> {
    inner: &'a Inner,
    revocation: Revocation,
    done: bool,
}

impl Telling<'_> {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let mut untold = self.inner.untold();
        if !self.done && untold.len() < self.inner.capacity {
            untold.insert(self.revocation);
        }
    }
}

fn event(reason: &'static str, context: &Context, now: Timestamp) -> Event {
    let event = Event::new(EventKind::TokenRevoked, now);
    event.reason(reason).context(context)
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self
            .inner
            .table
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Revocations")
            .field("revocations", &table.len())
            .field("store", &self.inner.store)
            .finish_non_exhaustive()
    }
}
