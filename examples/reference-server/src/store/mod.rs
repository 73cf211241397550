//! Where projects, configurations, accounts and the audit trail are kept.
//!
//! The only module that knows of SQL; sessions, API keys and second factors lie in the same database, in tables of the stores of
//! `portcullis-auth-core`. Its statements keep to what SQLite and PostgreSQL share, and
//! every decision about a conflict is one comparison inside one statement.

mod audit;
mod configs;
mod projects;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use portcullis_auth_core::{api_key, refresh, revocation, store as auth, throttle, totp};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use sqlx::SqlitePool;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub(crate) use self::audit::{AuditFilter, AuditRecord};
pub(crate) use self::configs::{Head, Revision, Summary};
pub(crate) use self::projects::{Deleted, Project};
pub(crate) use self::sessions::Ending;
pub(crate) use self::users::{Changed, Created, NewUser, User, UserChange};

/// How long a statement waits for a writer, and a request for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_CONNECTIONS: u32 = 8;

/// Where the database is: parsed, and not yet opened.
#[derive(Clone)]
pub(crate) struct Location {
    options: SqliteConnectOptions,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Memory,
    File(PathBuf),
}

/// Why a URL is not a [`Location`]. The URL itself is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotALocation {
    Unsupported,
    Malformed,
}

/// The store, or the reason why a request cannot have it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

#[derive(Debug)]
pub(crate) enum StoreError {
    /// Others hold what is needed; a later attempt may succeed.
    Busy(sqlx::Error),
    /// Everything else.
    Broken(sqlx::Error),
}

/// Why the database cannot be used at all.
#[derive(Debug)]
pub(crate) enum OpenError {
    Directory(PathBuf, std::io::Error),
    File(PathBuf, std::io::Error),
    Connect(Place, sqlx::Error),
    Migrate(Place, sqlx::migrate::MigrateError),
    Accounts(Place, auth::StoreError),
    Write(Place, sqlx::Error),
}

/// The place of a database, for a person.
#[derive(Debug)]
pub(crate) struct Place(Kind);

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

impl Location {
    pub(crate) fn parse(url: &str) -> std::result::Result<Self, NotALocation> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Err(NotALocation::Unsupported);
        }
        if !url.starts_with("sqlite:") {
            return Err(NotALocation::Malformed);
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|_| NotALocation::Malformed)?;
        let memory = url.contains(":memory:") || url.contains("mode=memory");
        let kind = if memory {
            Kind::Memory
        } else {
            // Without a name, SQLite makes a database for each connection, and deletes it afterwards.
            if options.get_filename().as_os_str().is_empty() {
                return Err(NotALocation::Malformed);
            }
            Kind::File(options.get_filename().to_owned())
        };
        Ok(Self { options, kind })
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.kind, Kind::Memory)
    }

    pub(crate) fn file(path: &Path) -> Self {
        Self {
            options: SqliteConnectOptions::new().filename(path),
            kind: Kind::File(path.to_owned()),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt_for_people(f)
    }
}

impl Kind {
    fn fmt_for_people(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("a database in memory"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_for_people(f)
    }
}

impl Store {
    /// Opens the database, makes it if there is none, and brings its tables up to date.
    pub(crate) async fn open(location: &Location) -> std::result::Result<Self, OpenError> {
        let kind = || Place(location.kind.clone());
        let mut pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE);
        match &location.kind {
            // A database in memory lives as long as its one connection.
            Kind::Memory => {
                pool = pool
                    .max_connections(1)
                    .min_connections(1)
                    .idle_timeout(None)
                    .max_lifetime(None);
            }
            Kind::File(path) => {
                make_parent(path)?;
                make_file(path)?;
                pool = pool.max_connections(MAX_CONNECTIONS);
            }
        }
        let options = location
            .options
            .clone()
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that a power cut takes back would make good refresh tokens look forged.
            .synchronous(SqliteSynchronous::Full)
            // Whoever deletes their account is not to be found in what the file does not use any more.
            .pragma("secure_delete", "ON")
            .busy_timeout(PATIENCE);
        let pool = pool
            .connect_with(options)
            .await
            .map_err(|error| OpenError::Connect(kind(), error))?;
        migrator()
            .run(&pool)
            .await
            .map_err(|error| OpenError::Migrate(kind(), error))?;
        migrate_accounts(&pool)
            .await
            .map_err(|error| OpenError::Accounts(kind(), error))?;
        // Nothing so far had to write if the tables were there; a database that only can be read
        // would be found out by the first change that a client asks for.
        sqlx::query("DELETE FROM projects WHERE 1 = 0")
            .execute(&pool)
            .await
            .map_err(|error| OpenError::Write(kind(), error))?;
        Ok(Self { pool })
    }

    /// For stores of `portcullis-auth-core`, each on tables of its own.
    pub(crate) fn pool(&self) -> SqlitePool {
        self.pool.clone()
    }

    /// Whether the database answers at all.
    pub(crate) async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Waits for what is under way, and closes the file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// The pool's numbers, for a scrape.
    pub(crate) fn connections(&self) -> Connections {
        Connections(self.pool.clone())
    }
}

/// Collects how many connections to the database are open, and how many of them nobody uses.
#[derive(Debug)]
pub(crate) struct Connections(SqlitePool);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let open = u64::from(self.0.size());
        let idle = u64::try_from(self.0.num_idle()).unwrap_or(u64::MAX);
        for (name, help, value) in [
            (
                "db_connections_open",
                "Open connections to the database",
                open,
            ),
            (
                "db_connections_idle",
                "Open connections that are not in use",
                idle,
            ),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        Ok(())
    }
}

/// The tables of the stores that are not ours.
async fn migrate_accounts(pool: &SqlitePool) -> std::result::Result<(), auth::StoreError> {
    refresh::sqlite::SqliteStore::migrate(pool).await?;
    api_key::SqliteStore::new(pool.clone()).migrate().await?;
    revocation::SqliteStore::new(pool.clone()).migrate().await?;
    throttle::sqlite::SqliteStore::new(pool.clone())
        .migrate()
        .await?;
    totp::sqlite::SqliteStore::new(pool.clone()).migrate().await
}

fn migrator() -> Migrator {
    let migrations = [
        (
            1,
            "configuration",
            include_str!("../../migrations/0001_configuration.sql"),
        ),
        (
            2,
            "accounts",
            include_str!("../../migrations/0002_accounts.sql"),
        ),
        (
            3,
            "must change",
            include_str!("../../migrations/0003_must_change.sql"),
        ),
    ];
    let migrations = migrations.map(|(version, description, sql)| {
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql.into(),
            false,
        )
    });
    Migrator {
        migrations: migrations.to_vec().into(),
        ..Migrator::DEFAULT
    }
}

// The data may be anything that a team configures: nobody else on the machine gets to read it.
fn make_parent(path: &Path) -> std::result::Result<(), OpenError> {
    let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(parent)
        .map_err(|error| OpenError::Directory(parent.to_owned(), error))
}

// The same for a file in a directory of somebody else's. What SQLite puts beside it is open to whom the file is.
fn make_file(path: &Path) -> std::result::Result<(), OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(OpenError::File(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}

/// As services that hold a store of ours hear of it.
impl From<StoreError> for auth::StoreError {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Busy(_) => auth::StoreErrorKind::Contended,
            StoreError::Broken(_) => auth::StoreErrorKind::Unavailable,
        };
        Self::new(kind, error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_BUSY and SQLITE_LOCKED, whatever their extension in the higher bits.
        let waited_in_vain = |code: &str| {
            code.parse::<u32>()
                .is_ok_and(|code| matches!(code & 0xff, 5 | 6))
        };
        let busy = match &error {
            sqlx::Error::PoolTimedOut => true,
            sqlx::Error::Database(database) => {
                database.code().is_some_and(|code| waited_in_vain(&code))
            }
            _ => false,
        };
        if busy {
            Self::Busy(error)
        } else {
            Self::Broken(error)
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy(_) => "the database is busy",
            Self::Broken(_) => "the database failed",
        })
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Busy(error) | Self::Broken(error) => Some(error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => {
                write!(
                    f,
                    "the directory {} cannot be made: {error}",
                    path.display()
                )
            }
            Self::File(path, error) => write!(f, "{} cannot be made: {error}", path.display()),
            Self::Connect(place, error) => write!(f, "{place} cannot be opened: {error}"),
            Self::Migrate(place, error) => {
                write!(f, "{place} cannot be brought up to date: {error}")
            }
            Self::Accounts(place, error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                let cause = cause.unwrap_or_else(|| error.to_string());
                write!(f, "{place} cannot be brought up to date: {cause}")
            }
            Self::Write(place, error) => write!(f, "{place} cannot be written to: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}
