//! What a store takes to rotate a refresh token, and how many can sign in at a time. These are no layers, and what they wait
//! for (a disk, a server, the memory that a hash fills) is the larger part: they stand in no table that is judged.
//!
//! `cargo bench -p portcullis-benches --bench accounts`. Redis and PostgreSQL are measured where they are installed.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_auth_core::audit::{AuditSink, Context, Event};
use portcullis_auth_core::password::{HashParams, Hasher, Match, PasswordHash};
use portcullis_auth_core::refresh::postgres::PostgresStore;
use portcullis_auth_core::refresh::redis::RedisStore;
use portcullis_auth_core::refresh::sqlite::SqliteStore;
use portcullis_auth_core::refresh::{
    Issued, Login, MemoryStore, RefreshKeys, RefreshRequest, RefreshService, RefreshStore,
};
use portcullis_secrets::{Password, SecretBytes};
use portcullis_test_services::{Postgres, Redis};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

type Group<'c> = BenchmarkGroup<'c, criterion::measurement::WallTime>;

/// Where somebody reads the events, it is they who are measured.
#[derive(Debug)]
struct Nobody;

impl AuditSink for Nobody {
    fn record(&self, _event: &Event) {}
}

/// One session after the other, and as many as there are connections at once.
const SESSIONS: [usize; 2] = [1, 8];

fn rotation(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("there are threads");
    let mut group = criterion.benchmark_group("rotation");
    group.sample_size(20);

    let room = NonZeroUsize::new(1000).expect("it is not zero");
    rotate(
        &mut group,
        &runtime,
        "memory",
        Arc::new(MemoryStore::new(room)),
    );

    let folder = tempfile::tempdir().expect("there is a disk");
    let path = folder.path().join("sessions.db");
    let sqlite = runtime.block_on(sqlite(&path));
    rotate(&mut group, &runtime, "SQLite, each commit on disk", sqlite);

    if let Some(server) = Redis::shared() {
        let redis = runtime.block_on(redis(server));
        rotate(&mut group, &runtime, "Redis", redis);
    }
    if let Some(server) = Postgres::shared() {
        let database = server.database();
        let postgres = runtime.block_on(postgres(database.url()));
        rotate(&mut group, &runtime, "PostgreSQL", postgres);
    }
    group.finish();
}

async fn sqlite(path: &std::path::Path) -> Arc<dyn RefreshStore> {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(8);
    let pool = pool.connect_with(SqliteStore::options(options)).await;
    let pool = pool.expect("the file can be made");
    let migrated = SqliteStore::migrate(&pool).await;
    migrated.expect("the tables can be made");
    Arc::new(SqliteStore::new(pool))
}

async fn redis(server: &Redis) -> Arc<dyn RefreshStore> {
    let client = redis::Client::open(server.url()).expect("it is a URL");
    let connection = client.get_connection_manager().await;
    let connection = connection.expect("it answers");
    Arc::new(RedisStore::new(connection).prefix(&server.key_prefix()))
}

async fn postgres(url: &str) -> Arc<dyn RefreshStore> {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(8);
    let pool = pool.connect(url).await.expect("it answers");
    let migrated = PostgresStore::migrate(&pool).await;
    migrated.expect("the tables can be made");
    Arc::new(PostgresStore::new(pool))
}

fn rotate(group: &mut Group<'_>, runtime: &Runtime, store: &str, shared: Arc<dyn RefreshStore>) {
    let secret = SecretBytes::generate(32).expect("the system has random bytes");
    let keys = RefreshKeys::new(1, &secret).expect("it is long enough");
    let service = RefreshService::builder(shared, keys).audit(Arc::new(Nobody));
    let service = runtime.block_on(service.start());
    let service = service.expect("the store is empty");
    for sessions in SESSIONS {
        group.throughput(Throughput::Elements(sessions as u64));
        group.bench_function(format!("{store}, {sessions} at once"), |bencher| {
            let mut sessions: Vec<Issued> = (0..sessions)
                .map(|_| runtime.block_on(login(&service)))
                .collect();
            bencher.iter_custom(|times| {
                let start = Instant::now();
                let all = std::mem::take(&mut sessions);
                sessions = runtime.block_on(async {
                    let rotating = all.into_iter();
                    let rotating = rotating.map(|session| follow(service.clone(), session, times));
                    rotating.collect::<JoinSet<_>>().join_all().await
                });
                start.elapsed()
            });
        });
    }
}

async fn login(service: &RefreshService) -> Issued {
    let (acme, ann) = (id("acme"), id("ann"));
    let login = Login::new(acme, ann, id("web"));
    let issued = service.login(&login, 0, &Context::default()).await;
    issued.expect("the store answers")
}

/// Exchanges a token, what it was exchanged for, and so on.
async fn follow(service: RefreshService, mut session: Issued, times: u64) -> Issued {
    let (acme, web) = (id("acme"), id("web"));
    let context = Context::default();
    for _ in 0..times {
        let token = session.refresh_token().expose_secret();
        let request = RefreshRequest::new(token, &acme, &web);
        let issued = service.refresh(&request, &context).await;
        session = issued.expect("the token is the current one");
    }
    session
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("it is an id")
}

fn logins(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("there are threads");
    let mut group = criterion.benchmark_group("login");
    group.sample_size(10);
    let hasher = Hasher::settings(HashParams::OWASP)
        // Nobody is sent away: how long many take together is what is measured.
        .patience(Duration::from_secs(600))
        .build()
        .expect("there is the memory");
    let password = || Password::from("correct horse battery staple".to_owned());
    let hash = runtime.block_on(hasher.hash(&password()));
    let hash: Arc<PasswordHash> = Arc::new(hash.expect("it is a password"));
    // One alone; as many as are hashed at once; far more, most of whom wait.
    let hashed = hasher.stats().concurrency;
    for waiting in [1, hashed, 30 * hashed] {
        group.throughput(Throughput::Elements(u64::from(waiting)));
        group.bench_function(
            format!("argon2id of 19 MiB, {waiting} at once"),
            |bencher| {
                bencher.iter(|| {
                    let checking = (0..waiting).map(|_| {
                        let (hasher, hash, password) = (hasher.clone(), hash.clone(), password());
                        async move { hasher.verify(&password, Some(&hash)).await }
                    });
                    let checked = runtime.block_on(async {
                        let checking: JoinSet<_> =
                            checking.fold(JoinSet::new(), |mut set, check| {
                                set.spawn(check);
                                set
                            });
                        checking.join_all().await
                    });
                    for result in checked {
                        assert!(matches!(result, Ok(Match::Right { .. })));
                    }
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, rotation, logins);
criterion_main!(benches);
