//! The server's settings: flags, then `PORTCULLIS_*` variables, then a TOML file, then defaults.
//!
//! Read once, at the start, into types that cannot be wrong; whatever is misspelt, unknown or out of
//! range is told in one go, and the server does not start.

mod breaches;
mod secrets;
mod sources;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ArgMatches;
use portcullis_auth_core::jwt::SigningKey;
use portcullis_auth_core::password::BreachFilter;
use portcullis_auth_core::refresh::RefreshPolicy;
use portcullis_layer_core::origin::{ForwardedHeaders, OriginPolicy, TrustedProxies};
use portcullis_secrets::SecretString;
use portcullis_security_layers::allowed_hosts::AllowedHosts;
use portcullis_security_layers::rate_limit::Quota;
use tracing_subscriber::filter::Targets;

use self::sources::{Gathered, Given, Source};
use self::table::{Default, SETTINGS};
pub(crate) use self::values::{
    Environment, Https, LogFilter, LogFormat, Registration, SignInLimit,
};
use self::values::{IssuerName, OrOff, Size, Time};
use crate::domain::email::{self, Email};
use crate::domain::name::{self, Name};
use crate::redaction::redactor;
use crate::store::{Location, NotALocation};

/// The tenant of whoever names none.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Task {
    Serve(Box<Settings>),
    /// `--check-config`, with settings that are right.
    Checked,
    HealthCheck(SocketAddr),
    CreateAdmin(Box<NewAdmin>),
}

/// `create-admin`: the account to be made, and where.
#[derive(Debug)]
pub(crate) struct NewAdmin {
    pub(crate) database: Location,
    pub(crate) tenant: Name,
    /// None if it is to be asked for.
    pub(crate) email: Option<Email>,
    pub(crate) breaches: Option<BreachFilter>,
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: Option<SocketAddr>,
    pub(crate) environment: Environment,
    pub(crate) database: Location,
    /// What keys are derived from. Strong in production.
    pub(crate) token_secret: SecretString,
    /// What signs access tokens, if that is no derived key.
    pub(crate) signing_key: Option<SigningKey>,
    /// None for the address that is served on.
    pub(crate) issuer: Option<String>,
    pub(crate) registration: Registration,
    /// Passwords that nobody may choose.
    pub(crate) breaches: Option<BreachFilter>,
    pub(crate) refresh: RefreshPolicy,
    pub(crate) auth_rate_limit: Option<Quota>,
    pub(crate) sign_in_limit: SignInLimit,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) origin: OriginPolicy,
    pub(crate) https: Https,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) rate_limit: Option<Quota>,
    pub(crate) concurrency_limit: Option<NonZeroU32>,
    pub(crate) max_body: NonZeroUsize,
    pub(crate) body_timeout: Duration,
    pub(crate) drain_delay: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) log: Targets,
    pub(crate) log_format: LogFormat,
    /// What is accepted and should not stay so, as sentences for the log.
    pub(crate) warnings: Vec<String>,
}

/// One thing that is wrong, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands before the colon is the name of a setting. Together they would look like a secret and its value.
        let redactor = redactor();
        match self.0.split_once(": ") {
            Some((source, text)) => write!(f, "{source}: {}", redactor.redact(text)),
            None => f.write_str(&redactor.redact(&self.0)),
        }
    }
}

/// Why there is no [`Task`].
#[derive(Debug)]
pub(crate) enum Stop {
    /// The command line: an error, or a help text that was asked for.
    Usage(clap::Error),
    Faults(Vec<Fault>),
}

/// Reads the command line and the environment.
pub(crate) fn read(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Task, Stop> {
    let flags = sources::command()
        .try_get_matches_from(arguments)
        .map_err(sources::usage)?;
    let variables: Vec<_> = variables.into_iter().collect();
    let data_directory = data_directory(&variables);
    let mut faults = Vec::new();
    let gathered = sources::gather(&flags, variables, &mut faults);
    let mut reader = Reader {
        gathered,
        faults,
        warnings: Vec::new(),
    };
    let asks_for_health = flags.subcommand_matches("healthcheck").is_some();
    if asks_for_health {
        // It can be large, and the question comes every few seconds.
        reader.gathered.remove("breach_list");
    }
    let settings = reader.settings(data_directory);
    match settings {
        Some(settings) if reader.faults.is_empty() => Ok(match flags.subcommand_name() {
            _ if flags.get_flag("check-config") => Task::Checked,
            Some("create-admin") => {
                let admin = flags.subcommand_matches("create-admin");
                Task::CreateAdmin(Box::new(new_admin(admin, settings)?))
            }
            Some(_) => Task::HealthCheck(settings.listen),
            None => Task::Serve(Box::new(settings)),
        }),
        _ => Err(Stop::Faults(reader.faults)),
    }
}

fn new_admin(flags: Option<&ArgMatches>, settings: Settings) -> Result<NewAdmin, Stop> {
    let Settings {
        database, breaches, ..
    } = settings;
    let given = |name| flags.and_then(|flags| flags.get_one::<String>(name));
    let mut faults = Vec::new();
    let tenant = Name::parse(given("tenant").map_or(DEFAULT_TENANT, String::as_str));
    if tenant.is_err() {
        faults.push(Fault(format!("--tenant: {}", name::RULE)));
    }
    let email = given("email").map(|text| Email::parse(text));
    if let Some(Err(_)) = email {
        faults.push(Fault(format!("--email: {}", email::RULE)));
    }
    if database.is_memory() {
        faults.push(Fault(
            "a database in memory belongs to one process; the account would end with this command"
                .to_owned(),
        ));
    }
    match (tenant, email.transpose()) {
        (Ok(tenant), Ok(email)) if faults.is_empty() => Ok(NewAdmin {
            database,
            tenant,
            email,
            breaches,
        }),
        _ => Err(Stop::Faults(faults)),
    }
}

/// As the XDG Base Directory Specification says; a relative path is as good as none.
fn data_directory(variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    let directory = |name: &str| {
        let found = variables.iter().find(|(variable, _)| variable == name);
        found
            .map(|(_, value)| PathBuf::from(value))
            .filter(|path| path.is_absolute())
    };
    let data = directory("XDG_DATA_HOME").or_else(|| Some(directory("HOME")?.join(".local/share")));
    Some(data?.join("portcullis"))
}

struct Reader {
    gathered: Gathered,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

/// A fault was found, and noted.
struct Noted;

impl Reader {
    /// `None` when there is a fault; all of them are found before that.
    fn settings(&mut self, data_directory: Option<PathBuf>) -> Option<Settings> {
        let listen = self.listen();
        let admin_listen = self.admin_listen();
        let environment = self.parsed("env");
        let database = self.database(data_directory);
        let token_secret = self.token_secret(environment);
        let signing_key = self.signing_key().ok();
        let issuer = self.issuer().ok();
        let registration = self.parsed("registration");
        let breaches = self.breach_list().ok();
        let refresh = self.refresh();
        let auth_rate_limit = self.parsed::<OrOff<Quota>>("auth_rate_limit");
        let sign_in_limit = self.sign_in_limit(environment);
        let trusted_proxies = self.parsed::<TrustedProxies>("trusted_proxies");
        let header = self.forwarded_header();
        let https = self.parsed("https");
        let allowed_hosts = self.parsed("allowed_hosts");
        let rate_limit = self.parsed::<OrOff<Quota>>("rate_limit");
        let concurrency_limit = self.value::<OrOff<NonZeroU32>>(
            "concurrency_limit",
            "it has to be a number above zero, or `off`",
        );
        let max_body = self.parsed::<Size>("max_body");
        let body_timeout = self.time("body_timeout");
        let production = environment == Some(Environment::Production);
        self.depends("drain_delay", if production { "5s" } else { "1s" });
        self.depends("log_format", if production { "json" } else { "pretty" });
        let drain_delay = self.parsed::<Time>("drain_delay");
        let drain_timeout = self.parsed::<Time>("drain_timeout");
        let log = self.parsed::<LogFilter>("log");
        let log_format = self.parsed("log_format");
        let trusted_proxies = trusted_proxies?;
        Some(Settings {
            listen: listen?,
            admin_listen: admin_listen?.0,
            environment: environment?,
            database: database?,
            token_secret: token_secret?,
            signing_key: signing_key?,
            issuer: issuer?,
            registration: registration?,
            breaches: breaches?,
            refresh: refresh?,
            auth_rate_limit: auth_rate_limit?.0,
            sign_in_limit: sign_in_limit?,
            origin: OriginPolicy::new(trusted_proxies.clone(), header?),
            trusted_proxies,
            https: https?,
            allowed_hosts: allowed_hosts?,
            rate_limit: rate_limit?.0,
            concurrency_limit: concurrency_limit?.0,
            max_body: max_body?.0,
            body_timeout: body_timeout?,
            drain_delay: drain_delay?.0,
            drain_timeout: drain_timeout?.0,
            log: log?.0,
            log_format: log_format?,
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        self.value(
            "listen",
            "it has to be an address such as 127.0.0.1:8080 or [::1]:8080",
        )
    }

    fn issuer(&mut self) -> Result<Option<String>, Noted> {
        if self.given("issuer").is_none() {
            return Ok(None);
        }
        let name = self.parsed::<IssuerName>("issuer").ok_or(Noted)?;
        Ok(Some(name.0))
    }

    fn refresh(&mut self) -> Option<RefreshPolicy> {
        let Time(grace) = self.parsed("refresh_grace")?;
        match RefreshPolicy::settings().grace(grace).build() {
            Ok(policy) => Some(policy),
            Err(error) => self.fault("refresh_grace", &error.to_string()),
        }
    }

    fn sign_in_limit(&mut self, environment: Option<Environment>) -> Option<SignInLimit> {
        let limit = self.parsed("sign_in_limit")?;
        if limit == SignInLimit::Off {
            if environment == Some(Environment::Production) {
                return self.fault(
                    "sign_in_limit",
                    "anybody could guess at passwords without end, so in production it has to be `default`",
                );
            }
            let text = "sign_in_limit is off: anybody can guess at passwords without end";
            self.warnings.push(text.to_owned());
        }
        Some(limit)
    }

    fn admin_listen(&mut self) -> Option<OrOff<SocketAddr>> {
        let address = self.value::<OrOff<SocketAddr>>(
            "admin_listen",
            "it has to be an address such as 127.0.0.1:9090, or `off`",
        )?;
        // The proxies stand before the other listener. Where their number is believed, whoever comes
        // here without them could name an address that operators have.
        let counted = |given: Given| given.text.trim_start().starts_with("hops=");
        let elsewhere = |address: SocketAddr| !address.ip().to_canonical().is_loopback();
        if address.0.is_some_and(elsewhere) && self.given("trusted_proxies").is_some_and(counted) {
            return self.fault(
                "admin_listen",
                "with trusted_proxies `hops=N`, it has to be a loopback address: who reaches it around the \
                 proxies would choose their own address; name the proxies' addresses instead",
            );
        }
        Some(address)
    }

    fn database(&mut self, data_directory: Option<PathBuf>) -> Option<Location> {
        let Some((url, source)) = self.secret("database_url", "database_url_file").ok()? else {
            let Some(directory) = data_directory else {
                let text = "there is no HOME and no XDG_DATA_HOME to keep a database in; set database_url, \
                            for example to sqlite::memory:";
                self.faults.push(Fault(text.to_owned()));
                return None;
            };
            return Some(Location::file(&directory.join("reference-server.db")));
        };
        // The value is not shown: it may hold a password.
        let fault = match url.expose(Location::parse) {
            Ok(location) => return Some(location),
            Err(NotALocation::Unsupported) => "PostgreSQL is not supported by this version yet",
            Err(NotALocation::Malformed) => {
                "it has to be a URL such as sqlite:/var/lib/portcullis/data.db or sqlite::memory:"
            }
        };
        self.note(&source, fault).ok()
    }

    fn note<T>(&mut self, source: &Source, text: &str) -> Result<T, Noted> {
        self.faults.push(Fault(format!("{source}: {text}")));
        Err(Noted)
    }

    fn forwarded_header(&mut self) -> Option<ForwardedHeaders> {
        match self.given("forwarded_header")?.text.as_str() {
            "x-forwarded" => Some(ForwardedHeaders::XForwarded),
            "forwarded" => Some(ForwardedHeaders::Forwarded),
            _ => self.fault(
                "forwarded_header",
                "it has to be `x-forwarded` or `forwarded`",
            ),
        }
    }

    fn time(&mut self, key: &'static str) -> Option<Duration> {
        let Time(time) = self.parsed(key)?;
        if time.is_zero() {
            return self.fault(key, "it has to be above zero");
        }
        Some(time)
    }

    /// The value of a setting whose type says itself what is wrong with a text.
    fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        match self.given(key)?.text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.fault(key, &error.to_string()),
        }
    }

    /// The value of a setting whose type says only that something is wrong.
    fn value<T: FromStr>(&mut self, key: &'static str, expected: &str) -> Option<T> {
        match self.given(key)?.text.parse() {
            Ok(value) => Some(value),
            Err(_) => self.fault(key, expected),
        }
    }

    fn given(&self, key: &'static str) -> Option<Given> {
        self.gathered.get(key).cloned().or_else(|| {
            let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
            let Default::Value(text) = setting.default else {
                return None;
            };
            Some(Given {
                text: text.to_owned(),
                source: Source::Default(key),
            })
        })
    }

    fn depends(&mut self, key: &'static str, default: &str) {
        self.gathered.entry(key).or_insert_with(|| Given {
            text: default.to_owned(),
            source: Source::Default(key),
        });
    }

    fn fault<T>(&mut self, key: &'static str, text: &str) -> Option<T> {
        let source = self
            .given(key)
            .map_or(Source::Default(key), |given| given.source);
        self.note(&source, text).ok()
    }
}
