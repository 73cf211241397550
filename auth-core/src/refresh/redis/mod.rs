//! Families in Redis: for any number of instances.
//!
//! A family is two hashes: what never changes, and the state beside its subject's epoch and the set of its subject's families.
//! The keys of the latter have the same tag in braces, so that they share a slot and one script changes them in one step:
//!
//! ```text
//! portcullis:rt:SESSION            the family
//! portcullis:{SUBJECT}:rt:SESSION  its state
//! portcullis:{SUBJECT}:rt          the subject's families
//! portcullis:{SUBJECT}:epoch       the subject's epoch
//! ```
//!
//! `SUBJECT` is a hash. All but the epoch expire an hour after the session does; Redis measures that time itself, so the clocks
//! of the instances need not agree with its own.
//!
//! Redis has to keep what it was given: with another `maxmemory-policy` than `noeviction` it ends sessions when memory runs
//! short. It answers before replicas have a write, so a failover can take back a rotation, and the token that came of it is
//! [ahead](super::Outcome::Ahead) then: [`RedisStore::replicas`] and [`RefreshSettings::fast_forward`] are the two ways out.
//!
//! [`RefreshSettings::fast_forward`]: super::RefreshSettings::fast_forward

mod fields;
mod store;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{Pipeline, RedisError, Script, ScriptInvocation};
use sha2::{Digest as _, Sha256};

use crate::id::{SessionId, SubjectId, TenantId};
use crate::store::{StoreError, StoreErrorKind};

/// Keeps families in Redis. See the [module docs](self).
#[derive(Clone)]
pub struct RedisStore {
    connection: ConnectionManager,
    prefix: Arc<str>,
    replicas: Option<(NonZeroU32, Duration)>,
    scripts: Arc<Scripts>,
}

/// Sent once to each server: afterwards by their hashes.
struct Scripts {
    rotate: Script,
    create: Script,
    revoke: Script,
    revoke_subject: Script,
    list: Script,
}

/// The keys of a subject.
struct Keys {
    epoch: String,
    families: String,
}

impl RedisStore {
    /// A store on a connection, which also has the deadline for each answer (500 ms unless told otherwise).
    #[must_use]
    pub fn new(connection: ConnectionManager) -> Self {
        Self {
            connection,
            prefix: "portcullis:".into(),
            replicas: None,
            scripts: Arc::new(Scripts {
                rotate: Script::new(include_str!("rotate.lua")),
                create: Script::new(include_str!("create.lua")),
                revoke: Script::new(include_str!("revoke.lua")),
                revoke_subject: Script::new(include_str!("revoke_subject.lua")),
                list: Script::new(include_str!("list.lua")),
            }),
        }
    }

    /// What all keys begin with. Default: `portcullis:`. An opening brace in it is left out, as it would decide on the slot.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.replace('{', "").into();
        self
    }

    /// Answers a change when `replicas` have it, and fails if they do not within `wait`; the client keeps its token then and
    /// tries again. That a token was reused is answered in any case. Default: does not wait. 100 ms is a usual limit.
    ///
    /// What else is asked over the same connection waits as well.
    #[must_use]
    pub fn replicas(mut self, replicas: NonZeroU32, wait: Duration) -> Self {
        self.replicas = Some((replicas, wait));
        self
    }

    fn family_key(&self, id: SessionId) -> String {
        format!("{}rt:{id}", self.prefix)
    }

    fn keys(&self, tenant: &TenantId, subject: &SubjectId) -> Keys {
        let mut hash = Sha256::new();
        // The length keeps apart what is whose.
        hash.update((tenant.as_str().len() as u64).to_be_bytes());
        hash.update(tenant.as_str());
        hash.update(subject.as_str());
        let tag: String = hash.finalize()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let prefix = &self.prefix;
        Keys {
            epoch: format!("{prefix}{{{tag}}}:epoch"),
            families: format!("{prefix}{{{tag}}}:rt"),
        }
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        let answer = script.invoke_async(&mut connection).await;
        answer.map_err(failed)
    }

    /// Runs a script that changes something, and waits until replicas have it.
    async fn change<T: redis::FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let answer = self.run(script).await?;
        self.replicated().await?;
        Ok(answer)
    }

    async fn replicated(&self) -> Result<(), StoreError> {
        let Some((replicas, wait)) = self.replicas else {
            return Ok(());
        };
        let mut command = redis::cmd("WAIT");
        // Zero would be for ever.
        command.arg(replicas.get()).arg(millis(wait).max(1));
        let mut connection = self.connection.clone();
        let have: u32 = command.query_async(&mut connection).await.map_err(failed)?;
        if have < replicas.get() {
            let kind = StoreErrorKind::Unavailable;
            return Err(StoreError::new(kind, "too few replicas have the write"));
        }
        Ok(())
    }

    async fn pipeline<T: redis::FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        commands.query_async(&mut connection).await.map_err(failed)
    }
}

impl Keys {
    fn family(&self, id: SessionId) -> String {
        format!("{}:{id}", self.families)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn failed(error: RedisError) -> StoreError {
    let kind = match error.kind() {
        redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse => StoreErrorKind::Corrupt,
        _ if error.code() == Some("OOM") => StoreErrorKind::Full,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}
