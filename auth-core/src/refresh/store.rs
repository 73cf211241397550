use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::{Family, Outcome, RevokeReason, Rotate, State};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::store::Answer;
use crate::time::Timestamp;

/// Where families are kept.
///
/// Each method is one atomic step: of any number of parallel calls, in one process or many, each finds what those before it
/// left behind. In particular exactly one of all that present a token rotates it, and once a revocation has been answered
/// nothing of what it ended is ever rotated again. There is no "read, then write back", on purpose.
///
#[cfg_attr(
    feature = "testing",
    doc = "[`store_conformance!`](crate::store_conformance) tells whether a store keeps to this."
)]
pub trait RefreshStore: fmt::Debug + Send + Sync + 'static {
    /// The epoch of a subject: a number that rises when all its sessions are ended, and never falls while one of them lives.
    /// It may rise without need; a login that is under way then has to be tried again.
    fn epoch<'a>(&'a self, tenant: &'a TenantId, subject: &'a SubjectId) -> Answer<'a, u64>;

    /// Keeps a new family, unless the epoch of its subject is another than that of `state` by now. If the subject has more
    /// than `max_sessions` live ones then, the least recently refreshed others are [evicted](RevokeReason::Evicted).
    fn create<'a>(
        &'a self,
        family: &'a Family,
        state: &'a State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Answer<'a, Created>;

    /// What is known of a family and never changes; none if there is no such family.
    fn find(&self, id: SessionId) -> Answer<'_, Option<Arc<Family>>>;

    /// Does what [`Rotate::step`] does. None if there is no such family any more.
    fn rotate<'a>(&'a self, request: &'a Rotate, now: Timestamp) -> Answer<'a, Option<Rotation>>;

    /// Ends a family. False if there is none any more, or it was ended before.
    fn revoke<'a>(
        &'a self,
        family: &'a Family,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, bool>;

    /// Ends all families of a subject and raises its epoch, so that logins that began before come to nothing. `except` lives
    /// on, in the new epoch. Returns which live ones were ended.
    fn revoke_subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, SubjectRevoked>;

    /// The live families of a subject, the most recently refreshed first.
    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        now: Timestamp,
    ) -> Answer<'a, Vec<(Arc<Family>, State)>>;

    /// Deletes up to `limit` families whose end is [`RefreshPolicy::RETENTION`](super::RefreshPolicy::RETENTION) ago, and
    /// returns how many there were. A store that forgets by itself does nothing.
    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64>;

    /// Of how many live families each key is, in the order of the keys' ids.
    fn count_by_key(&self, now: Timestamp) -> Answer<'_, Vec<(u8, u64)>>;
}

/// What became of a new family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is kept, and these have ended for it.
    Kept {
        /// The sessions that made room.
        evicted: Vec<SessionId>,
    },
    /// All sessions of the subject were ended since its epoch was read: it is not kept.
    EpochMoved,
}

/// What became of a presented token, and of its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The decision.
    pub outcome: Outcome,
    /// The family's state after it.
    pub state: State,
}

impl Rotation {
    /// Whether the family has ended because somebody has a copy of its tokens, with this token or one before.
    #[must_use]
    pub fn is_reuse(&self) -> bool {
        let reason = self.state.revoked.map(|revoked| revoked.reason);
        reason == Some(RevokeReason::Reuse) && !matches!(self.outcome, Outcome::ClientMismatch)
    }
}

/// What became of a subject's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectRevoked {
    /// The subject's new epoch.
    pub epoch: u64,
    /// The sessions that were live and have ended.
    pub ended: Vec<SessionId>,
}
