//! Revocations in Redis, for many instances, which are told of changes at once.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, ProtocolVersion, PushInfo, PushKind, RedisError, Script};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{BATCH, Changes, Cursor, Revocation, RevocationStore};
use crate::store::{Answer, StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// Keeps revocations in Redis: in the order in which they were made, for those who follow and for those who start, and with
/// a message on a channel, so that who follows need not wait for the next poll.
///
/// A message that gets lost is no harm: the next poll finds what it told of. Redis must not evict keys
/// (`maxmemory-policy noeviction`), or revoked tokens come back in instances that start anew; and what a failover to a
/// replica loses is known only to those who had read it.
#[derive(Clone)]
pub struct RedisStore {
    connection: ConnectionManager,
    told: Arc<Notify>,
    prefix: String,
    deadline: Duration,
    add: Script,
    changes: Script,
    purge: Script,
}

impl RedisStore {
    /// Connects, subscribes to the channel, and gives a store with keys that start with `prefix`, for example
    /// `auth:revocation`, and a deadline of one second.
    ///
    /// Each instance needs one of its own, not a clone: a change is told to one of those who wait for it. It is a connection
    /// of protocol version 3, which Redis has had since version 6.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached or refuses.
    pub async fn connect(client: Client, prefix: impl Into<String>) -> Result<Self, StoreError> {
        let deadline = Duration::from_secs(1);
        let told = Arc::new(Notify::new());
        let teller = told.clone();
        let tell = move |push: PushInfo| {
            // After a lost connection there may be changes that nobody told of.
            if matches!(push.kind, PushKind::Message | PushKind::Disconnection) {
                teller.notify_one();
            }
            Ok::<(), RedisError>(())
        };
        let info = client.get_connection_info().clone();
        let settings = info.redis_settings().clone();
        let info = info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3));
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(deadline))
            .set_response_timeout(Some(deadline))
            .set_push_sender(tell)
            .set_automatic_resubscription();
        let connecting = async {
            let client = Client::open(info)?;
            ConnectionManager::new_with_config(client, config).await
        };
        let store = Self {
            connection: within(deadline, connecting).await?,
            told,
            prefix: prefix.into(),
            deadline,
            add: Script::new(include_str!("redis/add.lua")),
            changes: Script::new(include_str!("redis/changes.lua")),
            purge: Script::new(include_str!("redis/purge.lua")),
        };
        let mut connection = store.connection.clone();
        within(deadline, connection.subscribe(store.channel())).await?;
        Ok(store)
    }

    /// Sets how long Redis may take before it counts as out of reach. Answers that take longer than a second are not waited
    /// for in any case.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// The braces put all keys where one script can reach them, also in a cluster.
    fn key(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.prefix)
    }

    fn channel(&self) -> String {
        format!("{}:changed", self.prefix)
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &redis::ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        within(self.deadline, script.invoke_async(&mut connection)).await
    }
}

async fn within<T>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, StoreError> {
    match timeout(deadline, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let kind = match error.kind() {
                redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse => {
                    StoreErrorKind::Corrupt
                }
                _ => StoreErrorKind::Unavailable,
            };
            Err(StoreError::new(kind, error))
        }
        Err(late) => Err(StoreError::new(StoreErrorKind::Unavailable, late)),
    }
}

/// What it says, and its end.
fn to_entry(revocation: &Revocation) -> [u8; 33] {
    let mut entry = [0; 33];
    let (what, end) = entry.split_at_mut(25);
    what.copy_from_slice(&revocation.to_bytes());
    end.copy_from_slice(&revocation.until().as_millis().to_be_bytes());
    entry
}

fn from_entry(entry: &[u8]) -> Option<Revocation> {
    let (what, end) = entry.split_last_chunk::<8>()?;
    Revocation::from_bytes(what, Timestamp::from_millis(i64::from_be_bytes(*end))?)
}

impl RevocationStore for RedisStore {
    fn add<'a>(&'a self, revocation: &'a Revocation, now: Timestamp) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut call = self.add.key(self.key("last"));
            call.key(self.key("by-place"))
                .key(self.key("by-end"))
                .arg(&to_entry(revocation)[..])
                .arg(revocation.until().as_millis())
                .arg(now.as_millis())
                .arg(self.channel());
            self.run::<i64>(&call).await.map(drop)
        })
    }

    fn changes(&self, after: Cursor, _now: Timestamp) -> Answer<'_, Changes> {
        Box::pin(async move {
            let mut call = self.changes.key(self.key("last"));
            call.key(self.key("by-place"))
                .arg(after.position())
                .arg(BATCH);
            let (after, found) = self.run::<(u64, Vec<(Vec<u8>, u64)>)>(&call).await?;
            let revocations = found.iter().map(|(entry, _)| from_entry(entry));
            let revocations = revocations.collect::<Option<_>>();
            Ok(Changes {
                revocations: revocations.ok_or(StoreErrorKind::Corrupt)?,
                cursor: Cursor::new(found.last().map_or(after, |(_, place)| *place)),
                more: found.len() == usize::from(BATCH),
            })
        })
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.told.notified())
    }

    fn purge(&self, now: Timestamp, limit: u32) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut call = self.purge.key(self.key("by-place"));
            call.key(self.key("by-end")).arg(now.as_millis()).arg(limit);
            self.run(&call).await
        })
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
