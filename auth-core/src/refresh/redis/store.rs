//! What the store does: with a script each where something changes.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::fields::{self, Answered};
use super::{RedisStore, failed, millis};
use crate::id::{SessionId, SubjectId, TenantId};
use crate::refresh::{
    Created, Family, Outcome, RefreshPolicy, RefreshStore, RevokeReason, Rotate, Rotation, State,
    SubjectRevoked,
};
use crate::store::{Answer, StoreError};
use crate::time::Timestamp;

/// For how long an epoch is kept after it was last of use: longer than any session lasts.
const EPOCH_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How many families a step of a count looks at.
const SCAN: usize = 1000;

impl RedisStore {
    async fn create_family(
        &self,
        family: &Family,
        state: &State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        let kept = family.expires_at.plus(RefreshPolicy::RETENTION).since(now);
        let kept = millis(kept);
        let key = self.family_key(family.id);
        // First what tokens are found by: nobody has one before the state is there as well.
        let mut commands = redis::pipe();
        let commands = commands.atomic();
        commands
            .hset_multiple(&key, &fields::family(family))
            .ignore();
        commands.pexpire(&key, kept).ignore();
        self.pipeline::<()>(commands).await?;

        let keys = self.keys(&family.tenant, &family.subject);
        let mut create = self.scripts.create.key(keys.family(family.id));
        create
            .key(&keys.epoch)
            .key(&keys.families)
            .arg(now.as_millis())
            .arg(kept)
            .arg(millis(EPOCH_KEPT))
            .arg(max_sessions.get() - 1)
            .arg(family.id.to_string())
            .arg(state.epoch);
        for (field, value) in fields::state(family, state) {
            create.arg(field).arg(value);
        }
        let evicted: Option<Vec<String>> = self.change(&create).await?;
        let Some(evicted) = evicted else {
            self.pipeline::<()>(redis::pipe().del(&key).ignore())
                .await?;
            return Ok(Created::EpochMoved);
        };
        let evicted = evicted
            .iter()
            .map(|id| fields::id(id))
            .collect::<Result<_, _>>()?;
        Ok(Created::Kept { evicted })
    }

    async fn rotate_family(
        &self,
        request: &Rotate,
        now: Timestamp,
    ) -> Result<Option<Rotation>, StoreError> {
        let family = request.token().family();
        let policy = request.policy();
        if request.is_mismatch() {
            return self.mismatch(family).await;
        }
        let keys = self.keys(&family.tenant, &family.subject);
        // No age is below zero: without a window none is within it.
        let window = policy.replay_window().map_or(-1, millis);
        let mut rotate = self.scripts.rotate.key(keys.family(family.id));
        rotate
            .key(&keys.epoch)
            .key(&keys.families)
            .arg(now.as_millis())
            .arg(request.token().generation())
            .arg(policy.idle_end(family, now).as_millis())
            .arg(window)
            .arg(policy.max_grace_uses.get())
            .arg(millis(policy.coalesce_within))
            .arg(u8::from(policy.fast_forward))
            .arg(family.id.to_string());
        let answer: Option<Answered> = self.run(&rotate).await?;
        let rotation = answer.map(|answer| fields::rotation(&answer)).transpose()?;
        let outcome = rotation.as_ref().map(|rotation| rotation.outcome);
        // A theft is told of in any case: who tries again finds a session that has ended, and nobody would learn why.
        if outcome.is_some_and(|outcome| outcome.is_change() && outcome != Outcome::Reuse) {
            self.replicated().await?;
        }
        Ok(rotation)
    }

    /// Nothing changes, so it takes no script.
    async fn mismatch(&self, family: &Family) -> Result<Option<Rotation>, StoreError> {
        let keys = self.keys(&family.tenant, &family.subject);
        let mut commands = redis::pipe();
        commands
            .cmd("HMGET")
            .arg(keys.family(family.id))
            .arg(fields::STATE);
        let (state,): (Vec<Option<String>>,) = self.pipeline(&commands).await?;
        let Some(state) = fields::stored(&state)? else {
            return Ok(None);
        };
        let outcome = Outcome::ClientMismatch;
        Ok(Some(Rotation { outcome, state }))
    }

    async fn find_all(&self, ids: &[SessionId]) -> Result<Vec<Option<Arc<Family>>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = redis::pipe();
        for id in ids {
            commands.hgetall(self.family_key(*id));
        }
        let found: Vec<BTreeMap<String, Vec<u8>>> = self.pipeline(&commands).await?;
        let read = |(id, found)| fields::read(id, found).map(|family| family.map(Arc::new));
        ids.iter().copied().zip(found).map(read).collect()
    }

    async fn list_families(
        &self,
        tenant: &TenantId,
        subject: &SubjectId,
        now: Timestamp,
    ) -> Result<Vec<(Arc<Family>, State)>, StoreError> {
        let keys = self.keys(tenant, subject);
        let mut list = self.scripts.list.key(&keys.epoch);
        list.key(&keys.families).arg(now.as_millis());
        let live: Vec<Answered> = self.run(&list).await?;
        let live = live
            .iter()
            .map(fields::listed)
            .collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<_> = live.iter().map(|(id, _)| *id).collect();
        let families = self.find_all(&ids).await?;
        let mut live: Vec<_> = families
            .into_iter()
            .zip(live)
            .filter_map(|(family, (_, state))| Some((family?, state)))
            .collect();
        live.sort_by_key(|(family, state)| {
            std::cmp::Reverse((state.refreshed_at(family), family.id))
        });
        Ok(live)
    }

    /// Looks at every family there is: for a start, not for every day.
    async fn count(&self, now: Timestamp) -> Result<Vec<(u8, u64)>, StoreError> {
        let pattern = format!("{}{{*}}:rt:*", fields::escape_pattern(&self.prefix));
        let mut counts = BTreeMap::<u8, u64>::new();
        let mut connection = self.connection.clone();
        let mut cursor = 0;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(SCAN);
            let (next, keys): (u64, Vec<String>) =
                scan.query_async(&mut connection).await.map_err(failed)?;
            let mut commands = redis::pipe();
            for key in &keys {
                commands.cmd("HMGET").arg(key).arg(fields::COUNTED);
            }
            if !keys.is_empty() {
                let rows: Vec<Vec<Option<String>>> = self.pipeline(&commands).await?;
                for row in &rows {
                    if let Some(key) = fields::counted(row, now)? {
                        *counts.entry(key).or_default() += 1;
                    }
                }
            }
            cursor = next;
            if cursor == 0 {
                return Ok(counts.into_iter().collect());
            }
        }
    }
}

impl RefreshStore for RedisStore {
    fn epoch<'a>(&'a self, tenant: &'a TenantId, subject: &'a SubjectId) -> Answer<'a, u64> {
        Box::pin(async move {
            let keys = self.keys(tenant, subject);
            let mut commands = redis::pipe();
            let (epoch,): (Option<u64>,) = self.pipeline(commands.get(keys.epoch)).await?;
            Ok(epoch.unwrap_or(0))
        })
    }

    fn create<'a>(
        &'a self,
        family: &'a Family,
        state: &'a State,
        max_sessions: NonZeroU32,
        now: Timestamp,
    ) -> Answer<'a, Created> {
        Box::pin(self.create_family(family, state, max_sessions, now))
    }

    fn find(&self, id: SessionId) -> Answer<'_, Option<Arc<Family>>> {
        Box::pin(async move { Ok(self.find_all(&[id]).await?.pop().flatten()) })
    }

    fn rotate<'a>(&'a self, request: &'a Rotate, now: Timestamp) -> Answer<'a, Option<Rotation>> {
        Box::pin(self.rotate_family(request, now))
    }

    fn revoke<'a>(
        &'a self,
        family: &'a Family,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, bool> {
        Box::pin(async move {
            let keys = self.keys(&family.tenant, &family.subject);
            let mut revoke = self.scripts.revoke.key(keys.family(family.id));
            revoke
                .key(&keys.families)
                .arg(now.as_millis())
                .arg(reason.as_str())
                .arg(family.id.to_string());
            self.change(&revoke).await
        })
    }

    fn revoke_subject<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Answer<'a, SubjectRevoked> {
        Box::pin(async move {
            let keys = self.keys(tenant, subject);
            let mut revoke = self.scripts.revoke_subject.key(&keys.epoch);
            revoke
                .key(&keys.families)
                .arg(now.as_millis())
                .arg(reason.as_str())
                .arg(except.map_or(String::new(), |id| id.to_string()))
                .arg(millis(EPOCH_KEPT));
            let answer: Vec<String> = self.change(&revoke).await?;
            fields::subject_revoked(&answer)
        })
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        now: Timestamp,
    ) -> Answer<'a, Vec<(Arc<Family>, State)>> {
        Box::pin(self.list_families(tenant, subject, now))
    }

    /// Redis forgets by itself.
    fn purge(&self, _now: Timestamp, _limit: u32) -> Answer<'_, u64> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn count_by_key(&self, now: Timestamp) -> Answer<'_, Vec<(u8, u64)>> {
        Box::pin(self.count(now))
    }
}
