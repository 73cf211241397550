//! Buckets in Redis, for many instances.

use std::fmt;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{RedisError, Script};
use tokio::time::timeout;

use super::{Admission, Charge, Limit, Policy, Scope, Settlement, ThrottleStore, Verdict};
use crate::store::{Answer, StoreError, StoreErrorKind};
use crate::time::Timestamp;

const CHARGE: &str = concat!(
    include_str!("redis/common.lua"),
    include_str!("redis/charge.lua")
);
const SETTLE: &str = concat!(
    include_str!("redis/common.lua"),
    include_str!("redis/settle.lua")
);

/// Keeps buckets in Redis: each charge is one script, which is one round trip.
///
/// All keys have one hash tag, `{gate}`, so that a cluster runs the script where they are: an address is charged together with
/// names of any tenant. One node is enough for that, since the hash that follows a charge takes far longer. Redis forgets keys
/// by itself, and a Redis that evicts under pressure (`maxmemory-policy` other than `noeviction`) forgets limits.
#[derive(Clone)]
pub struct RedisStore {
    connection: ConnectionManager,
    prefix: String,
    deadline: Duration,
    charge: Script,
    settle: Script,
}

impl RedisStore {
    /// A store with keys that start with `auth:throttle:` and a deadline of 250 ms.
    #[must_use]
    pub fn new(connection: ConnectionManager) -> Self {
        Self {
            connection,
            prefix: String::from("auth:throttle:"),
            deadline: Duration::from_millis(250),
            charge: Script::new(CHARGE),
            settle: Script::new(SETTLE),
        }
    }

    /// Sets what keys start with, for services that share a Redis.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self { prefix, ..self }
    }

    /// Sets how long Redis may take before it counts as out of reach.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn run(
        &self,
        script: &Script,
        charge: &Charge,
        now: Timestamp,
        arguments: impl FnOnce(&mut redis::ScriptInvocation<'_>),
    ) -> Result<Vec<i64>, StoreError> {
        let policy = charge.policy();
        let mut call = script.prepare_invoke();
        call.arg(now.as_millis())
            .arg(i64::from(charge.guess()))
            .arg(format!("{:016x}", charge.member()))
            .arg(policy.free_tries_ref())
            .arg(millis(Policy::FIRST_PAUSE))
            .arg(millis(Policy::LONGEST_PAUSE))
            .arg(millis(Policy::FORGIVEN_AFTER))
            .arg(millis(Policy::memory(1)))
            .arg(millis(Policy::memory(u32::MAX)));
        for (scope, key) in charge.slots() {
            call.key(format!(
                "{}{{gate}}:{}:{}",
                self.prefix,
                scope.as_str(),
                hex(key)
            ));
            let limit = policy.limit(*scope);
            call.arg(scope.as_str())
                .arg(limit.map_or(0, Limit::max))
                .arg(limit.map_or(0, |limit| millis(limit.per())));
        }
        arguments(&mut call);
        let mut connection = self.connection.clone();
        match timeout(self.deadline, call.invoke_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(error)),
            Err(late) => Err(StoreError::new(StoreErrorKind::Unavailable, late)),
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl ThrottleStore for RedisStore {
    fn charge<'a>(&'a self, charge: &'a Charge, now: Timestamp) -> Answer<'a, Verdict> {
        Box::pin(async move {
            let answer = self.run(&self.charge, charge, now, |call| {
                call.arg(i64::from(charge.challenged()))
                    .arg(charge.policy().challenge_after_ref());
            });
            verdict(&answer.await?, charge).ok_or_else(|| StoreErrorKind::Corrupt.into())
        })
    }

    fn settle<'a>(
        &'a self,
        charge: &'a Charge,
        admission: &'a Admission,
        settlement: Settlement,
        now: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let answer = self.run(&self.settle, charge, now, |call| {
                call.arg(i64::from(settlement == Settlement::Succeeded))
                    .arg(i64::from(admission.trusted))
                    .arg(admission.at.as_millis());
            });
            answer.await.map(drop)
        })
    }

    fn purge(&self, _now: Timestamp, _limit: u32) -> Answer<'_, u64> {
        Box::pin(async { Ok(0) })
    }
}

/// What the script says: 0, trusted, count, total and when; 1, the number of the slot and milliseconds; or 2.
fn verdict(answer: &[i64], charge: &Charge) -> Option<Verdict> {
    match *answer {
        [0, trusted, count, total, at] => Some(Verdict::Admitted(Admission {
            trusted: trusted == 1,
            count: u32::try_from(count).ok()?,
            total: u32::try_from(total).ok()?,
            at: Timestamp::from_millis(at)?,
        })),
        [1, slot, wait] => Some(Verdict::Limited {
            scope: scope(charge, slot)?,
            retry_after: Duration::from_millis(u64::try_from(wait).ok()?),
        }),
        [2] => Some(Verdict::ChallengeRequired),
        _ => None,
    }
}

/// The scope of a slot that Lua counts from one.
fn scope(charge: &Charge, slot: i64) -> Option<Scope> {
    let index = usize::try_from(slot).ok()?.checked_sub(1)?;
    charge.slots().get(index).map(|(scope, _)| *scope)
}

fn failed(error: RedisError) -> StoreError {
    let kind = match error.kind() {
        redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

fn millis(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
