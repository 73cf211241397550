mod cache;
mod create;
mod format;
mod verify;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use portcullis_secrets::SecretBytes;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::audit::{Context, Event, EventKind, Severity};
use crate::id::{SubjectId, TenantId};
use crate::principal::{Credential, Principal};
use crate::roles::{Access, Permission, Requirement, Role, Roles};
use crate::store::{Answer, StoreError, StoreErrorKind};
use crate::testing::{ManualClock, Recorder};
use crate::time::{Clock, Timestamp};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const ISSUER: &str = "https://accounts.example.com";

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// The same for the same number.
fn pepper(number: u8) -> SecretBytes {
    SecretBytes::from(&Sha256::digest([number])[..])
}

/// What the events since the last time were, and why.
fn told(events: &Recorder) -> Vec<(&'static str, Option<&'static str>)> {
    let events = events.take();
    let told = events.iter();
    told.map(|event| (event.kind().as_str(), event.reason_ref()))
        .collect()
}

/// Counts what is read, and fails if told to.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<CountedStore>);

#[derive(Debug, Default)]
struct CountedStore {
    store: MemoryStore,
    reads: AtomicU64,
    touches: AtomicU64,
    down: AtomicBool,
    forgets_uses: AtomicBool,
    /// Is waited for before what was read is handed out.
    held: tokio::sync::RwLock<()>,
}

impl Counted {
    fn reads(&self) -> u64 {
        self.0.reads.swap(0, Ordering::SeqCst)
    }

    fn works(&self, down: &AtomicBool) -> Result<(), StoreError> {
        if down.load(Ordering::SeqCst) {
            return Err(StoreErrorKind::Unavailable.into());
        }
        Ok(())
    }
}

impl ApiKeyStore for Counted {
    fn insert<'a>(&'a self, key: &'a StoredApiKey, max_live: u32) -> Answer<'a, Inserted> {
        self.0.store.insert(key, max_live)
    }

    fn replace<'a>(
        &'a self,
        successor: &'a StoredApiKey,
        ends_at: Timestamp,
    ) -> Answer<'a, Replaced> {
        self.0.store.replace(successor, ends_at)
    }

    fn find(&self, id: KeyId) -> Answer<'_, Option<StoredApiKey>> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.works(&self.0.down)?;
            let found = self.0.store.find(id).await;
            drop(self.0.held.read().await);
            found
        })
    }

    fn list<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: Option<&'a SubjectId>,
    ) -> Answer<'a, Vec<ApiKey>> {
        self.0.store.list(tenant, owner)
    }

    fn revoke<'a>(
        &'a self,
        tenant: &'a TenantId,
        id: KeyId,
        now: Timestamp,
    ) -> Answer<'a, Option<ApiKey>> {
        self.0.store.revoke(tenant, id, now)
    }

    fn touch(&self, id: KeyId, now: Timestamp, every: Duration) -> Answer<'_, Touched> {
        self.0.touches.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.works(&self.0.forgets_uses)?;
            self.0.store.touch(id, now, every).await
        })
    }

    fn remove_owner<'a>(&'a self, tenant: &'a TenantId, owner: &'a SubjectId) -> Answer<'a, u64> {
        self.0.store.remove_owner(tenant, owner)
    }

    fn purge(&self, before: Timestamp, limit: u32) -> Answer<'_, u64> {
        self.0.store.purge(before, limit)
    }
}

/// What everybody may do at the moment.
#[derive(Clone, Debug)]
struct Everybody(Arc<Mutex<Option<Access>>>);

impl Owners for Everybody {
    fn rights<'a>(&'a self, _: &'a TenantId, owner: &'a SubjectId) -> Answer<'a, Option<Access>> {
        let rights = self.0.lock().unwrap().clone();
        let known = owner.as_str() != "nobody";
        Box::pin(async move { Ok(rights.filter(|_| known)) })
    }
}

struct Fixture {
    keys: ApiKeys,
    roles: Roles,
    rights: Arc<Mutex<Option<Access>>>,
    store: Counted,
    clock: ManualClock,
    events: Recorder,
    peppers: Peppers,
}

impl Fixture {
    fn new() -> Self {
        let roles = Roles::builder()
            .permissions(["orders:read", "orders:write", "users:read"])
            .role(Role::new("viewer").allows(["*:read"]))
            .role(
                Role::new("editor")
                    .includes(["viewer"])
                    .allows(["orders:*"]),
            )
            .build()
            .unwrap();
        let rights = Arc::new(Mutex::new(Some(roles.access(["editor"]))));
        let clock = ManualClock::default();
        let (store, events) = (Counted::default(), Recorder::default());
        let peppers = Peppers::new(1, pepper(7)).unwrap();
        let mut fixture = Self {
            keys: ApiKeys::builder(
                KeyFormat::new("acme", Environment::Live).unwrap(),
                peppers.clone(),
                ISSUER,
                store.clone(),
                Everybody(rights.clone()),
            )
            .build(),
            roles,
            rights,
            store,
            clock,
            events,
            peppers,
        };
        fixture.keys = fixture.instance();
        fixture
    }

    /// Another instance of the service, with a cache of its own.
    fn instance(&self) -> ApiKeys {
        self.instance_with(self.peppers.clone())
    }

    fn instance_with(&self, peppers: Peppers) -> ApiKeys {
        ApiKeys::builder(
            KeyFormat::new("acme", Environment::Live).unwrap(),
            peppers,
            ISSUER,
            self.store.clone(),
            Everybody(self.rights.clone()),
        )
        .clock(self.clock.clone())
        .audit(self.events.clone())
        .max_per_owner(5)
        .build()
    }

    fn ann(&self, roles: &[&'static str]) -> Principal {
        Principal::new(ISSUER, id("ann"))
            .tenant(id("acme"))
            .roles(roles.iter().copied())
            .authorized(&self.roles)
    }

    async fn create(&self, new: NewApiKey) -> CreatedKey {
        let ann = self.ann(&["editor"]);
        let created = self.keys.create(new, &ann, anywhere()).await.unwrap();
        drop(self.events.take());
        created
    }

    async fn key(&self, scopes: &str) -> CreatedKey {
        self.create(NewApiKey::new("a key", id(scopes))).await
    }

    async fn verify(&self, key: &CreatedKey) -> Result<Arc<VerifiedKey>, VerifyErrorKind> {
        verify(&self.keys, key).await
    }

    fn may(&self, verified: &VerifiedKey, permission: &str) -> bool {
        let requirement = self.roles.require(permission).unwrap();
        let now = self.clock.now();
        requirement.check(verified.principal(), None, now).is_ok()
    }
}

async fn verify(keys: &ApiKeys, key: &CreatedKey) -> Result<Arc<VerifiedKey>, VerifyErrorKind> {
    let verified = keys.verify(key.secret.expose_secret(), None, anywhere());
    verified.await.map_err(|error| error.kind())
}

fn acme() -> &'static TenantId {
    static ACME: LazyLock<TenantId> = LazyLock::new(|| id("acme"));
    &ACME
}

fn anywhere() -> &'static Context {
    static ANYWHERE: LazyLock<Context> = LazyLock::new(Context::default);
    &ANYWHERE
}
