//! Stores on real servers, each with what has to live as long as it does; and a service with all that it needs.
#![allow(dead_code, reason = "each of the tests needs another part of it")]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use portcullis_auth_core::audit::{AuditSink, Context, Event, EventKind};
use portcullis_auth_core::id::{ClientId, SessionId, SubjectId, TenantId};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use portcullis_auth_core::refresh::testing::Fleet;
use portcullis_auth_core::refresh::{
    Issued, Login, MemoryStore, RefreshError, RefreshErrorKind, RefreshKeys, RefreshPolicy,
    RefreshRequest, RefreshService, RefreshStore,
};
use portcullis_auth_core::testing::ManualClock;
use portcullis_secrets::SecretBytes;

pub(crate) type Shared = Arc<dyn RefreshStore>;

pub(crate) async fn memory() -> Option<(Shared, ())> {
    let capacity = NonZeroUsize::new(10_000).unwrap();
    Some((Arc::new(MemoryStore::new(capacity)), ()))
}

#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite_at(path: &std::path::Path) -> (Shared, sqlx::SqlitePool) {
    use portcullis_auth_core::refresh::sqlite::SqliteStore;

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let options = options.create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(8)
        .connect_with(SqliteStore::options(options))
        .await
        .unwrap();
    SqliteStore::migrate(&pool).await.unwrap();
    (Arc::new(SqliteStore::new(pool.clone())), pool)
}

/// Four instances on one file, as in memory there is only one connection.
#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite() -> Option<(Shared, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(sqlite_at(&path).await.0);
    }
    Some((Arc::new(Fleet::new(stores)), folder))
}

/// For what has many steps and would wait for the disk.
#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite_in_memory() -> (Shared, sqlx::SqlitePool) {
    use portcullis_auth_core::refresh::sqlite::SqliteStore;

    let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    SqliteStore::migrate(&pool).await.unwrap();
    (Arc::new(SqliteStore::new(pool.clone())), pool)
}

#[cfg(feature = "postgres")]
pub(crate) type Database = portcullis_test_services::Database<'static>;

#[cfg(feature = "postgres")]
pub(crate) async fn postgres_at(url: &str) -> (Shared, sqlx::PgPool) {
    use portcullis_auth_core::refresh::postgres::PostgresStore;

    let options = sqlx::postgres::PgPoolOptions::new().max_connections(4);
    let pool = options.connect(url).await.unwrap();
    PostgresStore::migrate(&pool).await.unwrap();
    (Arc::new(PostgresStore::new(pool.clone())), pool)
}

#[cfg(feature = "postgres")]
pub(crate) async fn postgres() -> Option<(Shared, Database)> {
    let database = portcullis_test_services::Postgres::shared()?.database();
    Some((postgres_fleet(database.url()).await, database))
}

/// Eight instances.
#[cfg(feature = "postgres")]
async fn postgres_fleet(url: &str) -> Shared {
    let mut stores = Vec::new();
    for _ in 0..8 {
        stores.push(postgres_at(url).await.0);
    }
    Arc::new(Fleet::new(stores))
}

/// As a careful operator may have set it up for everything.
#[cfg(feature = "postgres")]
pub(crate) async fn postgres_repeatable_read() -> Option<(Shared, Database)> {
    let database = portcullis_test_services::Postgres::shared()?.database();
    database.default_setting("default_transaction_isolation", "repeatable read");
    Some((postgres_fleet(database.url()).await, database))
}

/// How many families there are.
pub(crate) mod rows {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    const COUNT: &str = "SELECT COUNT(*) FROM auth_refresh_family";

    #[cfg(feature = "sqlite")]
    pub(crate) async fn sqlite(pool: &sqlx::SqlitePool) -> i64 {
        sqlx::query_scalar(COUNT).fetch_one(pool).await.unwrap()
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn postgres(pool: &sqlx::PgPool) -> i64 {
        sqlx::query_scalar(COUNT).fetch_one(pool).await.unwrap()
    }
}

#[cfg(feature = "redis")]
pub(crate) async fn redis_at(url: &str, prefix: &str) -> (Shared, redis::aio::ConnectionManager) {
    use portcullis_auth_core::refresh::redis::RedisStore;

    let client = redis::Client::open(url).unwrap();
    let connection = client.get_connection_manager().await.unwrap();
    let store = RedisStore::new(connection.clone()).prefix(prefix);
    (Arc::new(store), connection)
}

#[cfg(feature = "redis")]
pub(crate) async fn redis() -> Option<(Shared, ())> {
    let server = portcullis_test_services::Redis::shared()?;
    let (store, _) = redis_at(server.url(), &server.key_prefix()).await;
    Some((store, ()))
}

/// Tokens that are signed as well.
#[cfg(feature = "jwt")]
pub(crate) mod signed {
    use std::time::Duration;

    use portcullis_auth_core::jwt::{
        Algorithm, Algorithms, SigningKey, SigningRing, TokenIssuer, TokenIssuerSettings,
    };
    use portcullis_auth_core::testing::ManualClock;
    use portcullis_auth_core::time::Clock as _;
    use portcullis_secrets::rotate::RingPolicy;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    tokio::task_local! {
        /// Who signs the tokens of the worlds that a test makes.
        pub(crate) static BY: TokenIssuer;
    }

    pub(crate) fn ring() -> SigningRing {
        let policy = RingPolicy::settings(14 * DAY, Duration::from_secs(30));
        let policy = policy.build().unwrap();
        let ring = SigningRing::new("token", policy, Algorithms::own());
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        ring.publish(key, ManualClock::default().now()).unwrap();
        ring
    }

    pub(crate) fn settings() -> TokenIssuerSettings {
        TokenIssuer::settings("https://id.example", "https://api.example", ring())
    }

    pub(crate) fn issuer() -> TokenIssuer {
        settings().refresh_ring(ring()).build().unwrap()
    }
}

/// Events in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Event>>>);

impl AuditSink for Recorder {
    fn record(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Recorder {
    /// All that came since the last time.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Their kinds.
    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        self.take().iter().map(Event::kind).collect()
    }
}

/// Somebody with a client, a service, a clock that only the test moves, and what the service tells.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) service: RefreshService,
    pub(crate) clock: ManualClock,
    pub(crate) events: Recorder,
    pub(crate) tenant: TenantId,
    pub(crate) subject: SubjectId,
    pub(crate) client: ClientId,
}

impl World {
    pub(crate) async fn new(store: Shared) -> Self {
        Self::with(store, RefreshPolicy::default()).await
    }

    pub(crate) async fn with(store: Shared, policy: RefreshPolicy) -> Self {
        let key = SecretBytes::generate(32).unwrap();
        let keys = RefreshKeys::new(1, &key).unwrap();
        Self::of(store, keys, policy).await
    }

    pub(crate) async fn of(store: Shared, keys: RefreshKeys, policy: RefreshPolicy) -> Self {
        let (clock, events) = (ManualClock::default(), Recorder::default());
        let builder = RefreshService::builder(store, keys)
            .policy(policy)
            .clock(Arc::new(clock.clone()))
            .audit(Arc::new(events.clone()));
        #[cfg(feature = "jwt")]
        let builder = match signed::BY.try_with(Clone::clone) {
            Ok(issuer) => builder.signed(issuer),
            Err(_) => builder,
        };
        let service = builder.start().await.unwrap();
        Self {
            service,
            clock,
            events,
            tenant: "acme".parse().unwrap(),
            subject: "u-1".parse().unwrap(),
            client: "web".parse().unwrap(),
        }
    }

    pub(crate) fn who(&self) -> Login {
        let who = Login::new(
            self.tenant.clone(),
            self.subject.clone(),
            self.client.clone(),
        );
        who.scopes("orders:read orders:write".parse().unwrap())
            .amr("pwd otp".parse().unwrap())
    }

    pub(crate) async fn login(&self) -> Issued {
        let epoch = self.service.epoch(&self.tenant, &self.subject).await;
        let context = Context::default();
        let login = self
            .service
            .login(&self.who(), epoch.unwrap(), &context)
            .await;
        login.unwrap()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Result<Issued, RefreshError> {
        let request = RefreshRequest::new(token, &self.tenant, &self.client);
        self.service.refresh(&request, &Context::default()).await
    }

    pub(crate) async fn refused(&self, token: &str) -> RefreshErrorKind {
        self.refresh(token).await.unwrap_err().kind()
    }

    pub(crate) async fn revoke(&self, token: &str) -> Option<SessionId> {
        let request = RefreshRequest::new(token, &self.tenant, &self.client);
        let revoked = self.service.revoke(&request, &Context::default()).await;
        revoked.unwrap()
    }
}

pub(crate) fn text(issued: &Issued) -> String {
    issued.refresh_token().expose_secret().to_owned()
}
