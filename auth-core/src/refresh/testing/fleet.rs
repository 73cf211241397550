use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::id::{SessionId, SubjectId, TenantId};
use crate::refresh::{
    Created, Family, RefreshStore, RevokeReason, Rotate, Rotation, State, SubjectRevoked,
};
use crate::store::Answer;
use crate::time::Timestamp;

/// Several stores on one database, as several instances of a service have them: each call goes to the next.
///
/// What a store does within one process, such as letting callers queue, hides from a test what the database does.
#[derive(Debug)]
pub struct Fleet {
    stores: Vec<Arc<dyn RefreshStore>>,
    calls: AtomicUsize,
}

impl Fleet {
    /// Of these stores.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn new(stores: Vec<Arc<dyn RefreshStore>>) -> Self {
        assert!(!stores.is_empty(), "a fleet has a store");
        let calls = AtomicUsize::new(0);
        Self { stores, calls }
    }

    fn next(&self) -> &dyn RefreshStore {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        &*self.stores[call % self.stores.len()]
    }
}

impl RefreshStore for Fleet {
    fn epoch<'a>(&'a self, tenant: &'a TenantId, subject: &'a SubjectId) -> Answer<'a, u64> {
        self.next().epoch(tenant, subject)
    }

    fn create<'a>(
        &'a self,
        family: &'a Family,
        state: &'a State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Answer<'a, Created> {
        self.next().create(family, state, max_sessions, now)
    }

    fn find(&self, id: SessionId) -> Answer<'_, Option<Arc<Family>>> {
        self.next().find(id)
    }

    fn rotate<'a>(&'a self, request: &'a Rotate, now: Timestamp) -> Answer<'a, Option<Rotation>> {
        self.next().rotate(request, now)
    }

    fn revoke<'a>(
        &'a self,
        family: &'a Family,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, bool> {
        self.next().revoke(family, reason, now)
    }

    fn revoke_subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, SubjectRevoked> {
        self.next()
            .revoke_subject(tenant, subject, except, reason, now)
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        now: Timestamp,
    ) -> Answer<'a, Vec<(Arc<Family>, State)>> {
        self.next().list(tenant, subject, now)
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        self.next().purge(now, limit)
    }

    fn count_by_key(&self, now: Timestamp) -> Answer<'_, Vec<(u8, u64)>> {
        self.next().count_by_key(now)
    }
}
