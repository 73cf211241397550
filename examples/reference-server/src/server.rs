//! From settings to a server that has answered its last request.

use std::fmt;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::admin::LogLevel;
use portcullis_observability_layers::health::{Check, Group, Health};
use portcullis_observability_layers::shutdown::{Server, Shutdown};
use tokio::net::TcpListener;

use crate::accounts::Accounts;
use crate::accounts::audit::AuditTrail;
use crate::redaction::{known, redactor};
use crate::routes::{self, App};
use crate::settings::{Environment, Settings};
use crate::stack::Watch;
use crate::store::{OpenError, Store};
use crate::{stack, telemetry};

/// Runs until something asks to stop; succeeds if every accepted request was answered.
pub(crate) fn run(settings: Settings) -> ExitCode {
    let is_known = settings
        .token_secret
        .expose(|secret| known().insert("token_secret", secret.as_bytes(), Instant::now()));
    let log_level = telemetry::start(settings.log.clone(), settings.log_format);
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    if let Err(reason) = is_known {
        tracing::warn!("what the server prints may hold its token secret: {reason}");
    }
    let served = tokio::runtime::Runtime::new()
        .map_err(|error| NoStart::Part("the runtime", error.into()))
        .and_then(|runtime| runtime.block_on(serve(settings, log_level)));
    match served {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Not only as a log line, which a filter may hold back.
            eprintln!("error: {}", redactor().redact(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Why the server could not start.
#[derive(Debug)]
enum NoStart {
    Listen(SocketAddr, std::io::Error),
    Store(OpenError),
    Part(&'static str, stack::Error),
}

impl fmt::Display for NoStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "{address} cannot be listened on: {error}"),
            Self::Store(error) => error.fmt(f),
            Self::Part(part, error) => write!(f, "{part} cannot be started: {error}"),
        }
    }
}

async fn serve(mut settings: Settings, log_level: LogLevel) -> Result<bool, NoStart> {
    let part = |part| move |error: stack::Error| NoStart::Part(part, error);
    // First of all: a second server on the same address ends here, without having touched the database.
    let (listener, address) = listen(settings.listen).await?;
    let admin = match settings.admin_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let store = Store::open(&settings.database)
        .await
        .map_err(NoStart::Store)?;
    let (health, _checks) = Health::start([database_check(&store)])
        .map_err(|error| NoStart::Part("the health checks", error.into()))?;
    let (log, flush) = AccessLog::builder("reference-server")
        .redact(redactor().clone())
        .start(std::io::stdout())
        .map_err(|error| NoStart::Part("the access log", error.into()))?;

    let watch = Watch::new(health.clone(), log).map_err(part("the metrics"))?;
    let connections = Box::new(store.connections());
    watch
        .metrics
        .register_with(|registry| registry.register_collector(connections));
    let (audit, writer) = AuditTrail::start(store.clone());
    let accounts = Accounts::open(
        &mut settings,
        store.clone(),
        &format!("http://{address}"),
        audit,
    )
    .await
    .map_err(part("the accounts"))?;
    watch
        .metrics
        .register_with(|registry| accounts.register(registry));
    let upkeep = tokio::spawn(accounts.clone().upkeep());
    let told = accounts.clone();
    let app = App {
        store: store.clone(),
        endpoints: accounts.token_endpoints().map_err(part("the tokens"))?,
        accounts,
        health: health.clone(),
    };
    let settings = &settings;
    let routes = routes::router(app).map_err(part("the routes"))?;
    let public = stack::public(settings, routes, &watch).map_err(part("the stack"))?;
    let operators = stack::operators(settings, &watch, log_level).map_err(part("the stack"))?;

    let shutdown = Shutdown::on_signals()
        .map_err(|error| NoStart::Part("the shutdown", error.into()))?
        .delay(settings.drain_delay)
        .deadline(settings.drain_timeout)
        .readiness(health.drain_switch())
        // In this order: what is told at the end is written as well.
        .flush_with("audit trail and database", move || async move {
            upkeep.abort();
            told.flush_audit();
            writer.flush().await;
            store.close().await;
        })
        .flush_with("access log", move || async move {
            // Waits for the output, and so not on a thread of the runtime.
            let flushed = tokio::task::spawn_blocking(move || drop(flush)).await;
            if let Err(error) = flushed {
                tracing::error!(%error, "the access log was not flushed");
            }
        });
    announce(
        settings,
        address,
        admin.as_ref().map(|(_, address)| *address),
    );
    let report = shutdown
        .run(|stopping| async move {
            let public = Server::new(listener).serve(public, stopping.clone());
            match admin {
                Some((listener, _)) => {
                    let operators = Server::new(listener).serve(operators, stopping);
                    tokio::join!(public, operators);
                }
                None => public.await,
            }
        })
        .await;
    Ok(report.is_clean())
}

fn announce(settings: &Settings, address: SocketAddr, operators: Option<SocketAddr>) {
    let database = &settings.database;
    match operators {
        Some(operators) => tracing::info!(
            "serving on http://{address} and for operators on http://{operators}, with {database}"
        ),
        None => tracing::info!("serving on http://{address}, with {database}"),
    }
    if settings.environment == Environment::Production && settings.issuer.is_none() {
        tracing::warn!(
            "PORTCULLIS_ISSUER is not set: access tokens name the address above, where others may not find this server"
        );
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), NoStart> {
    let failed = |error| NoStart::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn database_check(store: &Store) -> Check {
    let store = store.clone();
    let ping = move || {
        let store = store.clone();
        async move { store.ping().await }
    };
    Check::new("database", ping)
        .interval(Duration::from_secs(5))
        .timeout(Duration::from_secs(2))
        .groups([Group::Readiness, Group::Startup])
}
