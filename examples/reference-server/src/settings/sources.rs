//! Where settings come from, and which source wins: flags, then the environment, then the file.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};
use portcullis_secrets::zeroize::Zeroizing;

use super::table::{LATER, PREFIX, SECRETS, SETTINGS, Setting, all};
use super::{Fault, Stop};

/// A value as text, and where it was found.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source: Source,
}

// Any value may be a secret, also one that was given to the wrong setting.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Flag(String),
    Variable(String),
    Key(String, PathBuf),
    Default(&'static str),
}

impl Source {
    /// Of two sources, the one with the higher rank wins.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 3,
            Self::Variable(_) => 2,
            Self::Key(..) => 1,
            Self::Default(_) => 0,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::Key(name, path) => write!(f, "{name} in {}", path.display()),
            Self::Default(key) => write!(f, "the default of {key}"),
        }
    }
}

/// The values that were given, by key; of several for one key, the one that wins.
pub(super) type Gathered = HashMap<&'static str, Given>;

/// The command line: a flag per setting, and the commands.
pub(super) fn command() -> Command {
    let flags = SETTINGS.iter().map(|setting| {
        let (variable, default) = (setting.variable(), setting.default_text());
        Arg::new(setting.key)
            .long(setting.flag())
            .value_name(setting.value)
            .help(format!(
                "{} [env: {variable}] [default: {default}]",
                setting.help
            ))
            .global(true)
    });
    Command::new("reference-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A configuration service behind every Portcullis layer")
        .after_help(after_help())
        .args(flags)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help("A TOML file with settings")
                .value_parser(clap::value_parser!(PathBuf))
                .global(true),
        )
        .arg(
            Arg::new("check-config")
                .long("check-config")
                .help("Say whether the settings are right, and do nothing else")
                .action(ArgAction::SetTrue),
        )
        .subcommand(Command::new("healthcheck").about(
            "Ask the server that runs with these settings whether it is ready; exit with 0 if so",
        ))
        .subcommand(create_admin())
}

fn create_admin() -> Command {
    Command::new("create-admin")
        .about("Make an account that may do everything within a tenant, and the tenant if there is none")
        .long_about(
            "Make an account that may do everything within a tenant, and the tenant if there is none. The password is asked \
             for, or read from the first line of the standard input if that is no terminal. The server may be running.",
        )
        .arg(
            Arg::new("tenant")
                .long("tenant")
                .value_name("NAME")
                .help("The tenant [default: default]"),
        )
        .arg(
            Arg::new("email")
                .long("email")
                .value_name("ADDRESS")
                .help("The e-mail address to sign in with; asked for if it is missing"),
        )
}

fn after_help() -> String {
    let secrets = SECRETS.iter().map(|setting| {
        let (variable, default) = (setting.variable(), setting.default_text());
        format!("\n{} [env: {variable}] [default: {default}]", setting.help)
    });
    let secrets: String = secrets.collect();
    format!(
        "Secrets have no flags, because everybody on the machine can read the arguments of a process:\
         {secrets}\n\n\
         A setting is taken from its flag, else from its environment variable, else from the file, \
         where its key is the variable's name in lower case and without {PREFIX}."
    )
}

/// What is wrong with the command line, without repeating any value of it: one may be a secret that
/// was pasted into the wrong place, and what is printed here ends in logs.
pub(super) fn usage(mut error: clap::Error) -> Stop {
    error.remove(ContextKind::InvalidSubcommand);
    error.remove(ContextKind::InvalidValue);
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
    {
        let flag = argument.strip_prefix("--").unwrap_or_default();
        if let Some(secret) = SECRETS.iter().find(|setting| setting.flag() == flag) {
            let variable = secret.variable();
            return Stop::Faults(vec![Fault(format!(
                "secrets have no flags, because everybody on the machine can read the arguments of a process; \
                 set {variable}_FILE or {variable}"
            ))]);
        }
        let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if flag.is_empty() || !is_name(flag) {
            error.remove(ContextKind::InvalidArg);
            error.remove(ContextKind::Suggested);
        }
    }
    Stop::Usage(error)
}

/// Puts the sources together. Every fault of every source is found, not only the first.
pub(super) fn gather(
    flags: &ArgMatches,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    faults: &mut Vec<Fault>,
) -> Gathered {
    let mut gathered = Gathered::new();
    if let Some(path) = flags.get_one::<PathBuf>("config") {
        file(path, &mut gathered, faults);
    }
    for (name, value) in variables {
        variable(&name, value, &mut gathered, faults);
    }
    for setting in SETTINGS {
        if let Some(text) = flags.get_one::<String>(setting.key) {
            let (text, source) = (text.clone(), Source::Flag(setting.flag()));
            gathered.insert(setting.key, Given { text, source });
        }
    }
    gathered
}

fn file(path: &Path, gathered: &mut Gathered, faults: &mut Vec<Fault>) {
    let fault = |text| Fault(format!("{}: {text}", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => return faults.push(fault(format!("the file cannot be read: {error}"))),
    };
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => return faults.push(fault(not_toml(&text, &error))),
    };
    for (key, value) in table {
        let Some(setting) = all().find(|setting| setting.key == key) else {
            faults.push(fault(unknown(&key, |setting| setting.key.to_owned())));
            continue;
        };
        match plain(&value) {
            Some(text) => {
                let source = Source::Key(key, path.to_owned());
                gathered.insert(setting.key, Given { text, source });
            }
            None => faults.push(fault(format!(
                "{key} has to be a string, a number or a list of strings"
            ))),
        }
    }
}

/// Where the file is wrong. The error's own text shows the line, which may hold a secret.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let before = error.span().and_then(|span| text.get(..span.start));
    let Some(before) = before else {
        return format!("the file is not TOML: {message}");
    };
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[start..].chars().count() + 1;
    format!("the file is not TOML: line {line}, column {column}: {message}")
}

/// A value of the file as it would be written in a flag.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(list) => {
            let texts: Option<Vec<_>> = list.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        _ => None,
    }
}

fn variable(name: &OsStr, value: OsString, gathered: &mut Gathered, faults: &mut Vec<Fault>) {
    if name == "SENTRY_DSN" && !value.is_empty() {
        faults.push(Fault(format!("{} {NOT_YET}", name.display())));
    }
    // A name that is not text is nobody's misspelling of ours.
    let ours = |name: &&str| name.starts_with(PREFIX) && *name != OF_THE_TESTS;
    let Some(name) = name.to_str().filter(ours) else {
        return;
    };
    let Some(setting) = all().find(|setting| setting.variable() == name) else {
        return faults.push(Fault(unknown(name, Setting::variable)));
    };
    match value.into_string() {
        Ok(text) => {
            let source = Source::Variable(name.to_owned());
            gathered.insert(setting.key, Given { text, source });
        }
        Err(_) => faults.push(Fault(format!("{name} is not UTF-8"))),
    }
}

/// Told to the project's tests, which run this server among others.
const OF_THE_TESTS: &str = "PORTCULLIS_REQUIRE_SERVICES";

const NOT_YET: &str = "is not supported by this version yet";

/// What to say of a name that is none of ours, or none of ours yet; `spelt` spells ours like it.
fn unknown(name: &str, spelt: impl Fn(&Setting) -> String) -> String {
    let key = name.strip_prefix(PREFIX).unwrap_or(name);
    let key = key.to_lowercase().replace('-', "_");
    if LATER.contains(&key.as_str()) {
        return format!("{name} {NOT_YET}");
    }
    let nearest = all()
        .map(|setting| (strsim::jaro_winkler(setting.key, &key), setting))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, setting)) => format!("{name} is not a setting; is {} meant?", spelt(setting)),
        None => format!("{name} is not a setting"),
    }
}
