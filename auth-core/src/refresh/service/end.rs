//! How sessions end. Their access tokens end first: if the store then does not answer, or its answer is lost, a session may live
//! on that nobody can use, but nothing lives on of one that has ended. Whoever tries again finds everything as they left it.

use std::time::Duration;

use super::{RefreshError, RefreshRequest, RefreshService};
use crate::audit::Context;
use crate::id::{SessionId, SubjectId, TenantId};
use crate::refresh::{Family, RevokeReason};
use crate::revocation::{Marks, Refused};
use crate::store::StoreError;

/// How soon it is not told anew that a session's access tokens have ended: less than the leeway with which that is remembered.
const TOLD: Duration = Duration::from_secs(10);

impl RefreshService {
    /// Ends the session of a token that its client gives back (RFC 7009). Any token of the session will do, however old.
    ///
    /// Returns the session of the token, also if that had ended before. `None` is no error: the token was unknown, forged, or
    /// another client's, and the answer to the client is 200 all the same.
    ///
    /// # Errors
    ///
    /// When a store does not answer. To be tried again.
    pub async fn revoke(
        &self,
        request: &RefreshRequest<'_>,
        context: &Context,
    ) -> Result<Option<SessionId>, RefreshError> {
        let Ok(token) = self.authenticate(request.token).await? else {
            return Ok(None);
        };
        let family = token.family();
        // Its own client may give back a token without showing the key that it is bound to (RFC 9449 has no such rule).
        let is_of = |tenant| tenant == &family.tenant;
        if request.client != &family.client || !request.tenant.is_none_or(is_of) {
            self.events.mismatch(family, self.clock.now(), context);
            return Ok(None);
        }
        self.end_family(family, RevokeReason::Token, context)
            .await?;
        Ok(Some(family.id))
    }

    /// Ends one session of `subject`, with its access tokens if there are [revocations](super::RefreshServiceBuilder::revocations).
    /// False if it has none of this id, or it had ended before.
    ///
    /// # Errors
    ///
    /// When a store does not answer. To be tried again: the session may have ended or not.
    pub async fn end(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        session: SessionId,
        reason: RevokeReason,
        context: &Context,
    ) -> Result<bool, StoreError> {
        let Some(family) = self.store.find(session).await? else {
            return Ok(false);
        };
        // Ids are no secret: whoever knows one must not be able to end the session of somebody else.
        if family.tenant != *tenant || family.subject != *subject {
            return Ok(false);
        }
        self.end_family(&family, reason, context).await
    }

    /// Ends all sessions of `subject` but `except`, with their access tokens, and refuses all logins that are under way. Returns
    /// which were ended.
    ///
    /// # Errors
    ///
    /// When a store does not answer. To be tried again: the sessions may have ended or not.
    pub async fn end_all(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        except: Option<SessionId>,
        reason: RevokeReason,
        context: &Context,
    ) -> Result<Vec<SessionId>, StoreError> {
        let now = self.clock.now();
        let mut told = Ok(());
        if self.revocations.is_some() {
            for (family, _) in self.store.list(tenant, subject, now).await? {
                if Some(family.id) != except {
                    told = told.and(self.forget(family.id, context).await);
                }
            }
        }
        let revoked = self
            .store
            .revoke_subject(tenant, subject, except, reason, now);
        let revoked = revoked.await?;
        // Those that began meanwhile.
        for session in &revoked.ended {
            told = told.and(self.forget(*session, context).await);
        }
        if let Some(revocations) = &self.revocations
            && except.is_none()
        {
            // Also what is left of sessions that had ended before.
            let ended = revocations.revoke_subject(tenant, subject, revoked.epoch, context);
            told = told.and(ended.await);
        }
        let ended = revoked.ended;
        self.events
            .ended_all(tenant, subject, reason, ended.len(), now, context);
        told.map(|()| ended)
    }

    async fn end_family(
        &self,
        family: &Family,
        reason: RevokeReason,
        context: &Context,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let told = self.forget(family.id, context).await;
        let ended = self.store.revoke(family, reason, now).await?;
        if ended {
            self.events.ended(family, reason, now, context);
        }
        told.map(|()| ended)
    }

    /// Ends the access tokens of sessions that have ended, whether others can be told at once or not.
    pub(super) async fn forget_all(&self, sessions: &[SessionId], context: &Context) {
        for session in sessions {
            if let Err(error) = self.forget(*session, context).await {
                tracing::error!(%error, session_id = %session, "the access tokens of a session that ended may live on elsewhere");
            }
        }
    }

    /// Ends the access tokens of a session.
    async fn forget(&self, session: SessionId, context: &Context) -> Result<(), StoreError> {
        let Some(revocations) = &self.revocations else {
            return Ok(());
        };
        let marks = Marks::default().session(session);
        // Or a client that gives a token back again and again would fill the list that all instances read. What was told
        // earlier is not enough: where the store did not answer then, the session went on, and has newer tokens.
        let covered = revocations.remembered_until(self.clock.now()).minus(TOLD);
        if revocations.check(&marks, covered) == Err(Refused::Revoked) {
            return Ok(());
        }
        revocations.revoke_session(session, context).await
    }
}
