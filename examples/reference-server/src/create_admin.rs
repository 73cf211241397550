//! `reference-server create-admin`: the account by which all others get their rights.

use std::fmt;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use portcullis_auth_core::audit::{Actor, Event, EventKind};
use portcullis_auth_core::id::InvalidId;
use portcullis_auth_core::password::{
    Account, BreachFilter, PasswordError, PasswordPolicy, Reason,
};
use portcullis_auth_core::time::{Clock as _, SystemClock};
use portcullis_secrets::Password;
use portcullis_secrets::zeroize::Zeroizing;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::accounts::{Accounts, hasher, new_subject, rights};
use crate::domain::email::{self, Email};
use crate::redaction::redactor;
use crate::settings::NewAdmin;
use crate::store::{Created, NewUser, OpenError, Store, StoreError};

/// More than any password has, and less than fills the memory.
const MAX_INPUT: u64 = 4096;

/// Why there is no new account.
enum Failure {
    /// What was typed cannot be used: as for a command line that cannot.
    Input(String),
    Other(String),
}

impl Failure {
    fn other(error: impl fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let text = format!("the input cannot be read: {error}");
        match error.kind() {
            // It was read, and is no UTF-8.
            io::ErrorKind::InvalidData => Self::Input(text),
            _ => Self::Other(text),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::other(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::other(error)
    }
}

impl From<InvalidId> for Failure {
    fn from(error: InvalidId) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        use portcullis_auth_core::password::PasswordErrorKind as Kind;

        match error.kind() {
            Kind::Length | Kind::Refused => Self::Input(error.to_string()),
            _ => Self::other(error),
        }
    }
}

pub(crate) fn run(admin: &NewAdmin) -> ExitCode {
    let (text, code) = match create(admin) {
        Ok(text) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Failure::Input(text)) => (text, ExitCode::from(2)),
        Err(Failure::Other(text)) => (text, ExitCode::FAILURE),
    };
    for sentence in text.split("; ") {
        eprintln!("error: {}", redactor().redact(sentence));
    }
    code
}

fn create(admin: &NewAdmin) -> Result<String, Failure> {
    let email = match &admin.email {
        Some(email) => email.clone(),
        None => ask_for_email()?,
    };
    let password = ask_for_password()?;
    let words = Accounts::words(admin.tenant.as_str(), &email);
    PasswordPolicy::single_factor().check(&password, &words)?;
    let is_known = |list: &BreachFilter| password.expose(|text| list.contains_password(text));
    if admin.breaches.as_ref().is_some_and(is_known) {
        return Err(Failure::Input(Reason::Breached.to_string()));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::other)?;
    runtime.block_on(keep(admin, &email, &password))
}

async fn keep(admin: &NewAdmin, email: &Email, password: &Password) -> Result<String, Failure> {
    let store = Store::open(&admin.database).await?;
    let account = Account {
        tenant: admin.tenant.as_str().parse()?,
        subject: new_subject(),
    };
    let hash = hasher().map_err(Failure::other)?.hash(password).await?;
    let now = SystemClock.now();
    store
        .create_tenant(&account.tenant, now.as_millis())
        .await?;
    let user = NewUser {
        account: &account,
        email,
        password: &hash,
        roles: &[rights::ADMIN],
    };
    let created = store.create_user(&user, now.as_millis()).await?;
    if created != Created::Yes {
        let text = "somebody has an account with this address in this tenant already";
        return Err(Failure::Other(text.to_owned()));
    }
    let event = Event::new(EventKind::UserCreated, now)
        .tenant(&account.tenant)
        .subject(&account.subject)
        .actor(Actor::System)
        .reason("create_admin");
    store.add_events(&[event]).await?;
    store.close().await;
    Ok(format!(
        "{} may do everything in the tenant {}; the account is {}",
        email.as_str(),
        account.tenant,
        account.subject
    ))
}

fn ask_for_email() -> Result<Email, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Input("--email is missing".to_owned()));
    }
    eprint!("E-mail address: ");
    let mut line = String::new();
    io::stdin().lock().take(MAX_INPUT).read_line(&mut line)?;
    Email::parse(line.trim()).map_err(|_| Failure::Input(email::RULE.to_owned()))
}

fn ask_for_password() -> Result<Password, Failure> {
    if !io::stdin().is_terminal() {
        return read_password();
    }
    let password = without_echo("Password: ")?;
    let again = without_echo("Once more: ")?;
    if password.ct_eq(&again) {
        Ok(password)
    } else {
        Err(Failure::Input("the two passwords differ".to_owned()))
    }
}

fn without_echo(prompt: &str) -> Result<Password, Failure> {
    let _silence = Silence::new()?;
    eprint!("{prompt}");
    io::stderr().flush()?;
    let password = read_password();
    eprintln!();
    password
}

/// The first line of the standard input.
fn read_password() -> Result<Password, Failure> {
    // As large as it can get, so that no copy is left behind by a string that grew.
    let capacity = usize::try_from(MAX_INPUT).unwrap_or_default() + 1;
    let mut line = Zeroizing::new(String::with_capacity(capacity));
    io::stdin().lock().take(MAX_INPUT).read_line(&mut line)?;
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::Input("there is no password".to_owned()));
    }
    Ok(Password::from(text))
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Silence(rustix::termios::Termios);

impl Silence {
    fn new() -> Result<Self, Failure> {
        let before = tcgetattr(rustix::stdio::stdin()).map_err(io::Error::from)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &silent)
            .map_err(io::Error::from)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0) {
            eprintln!("the terminal stays silent, `stty echo` helps: {error}");
        }
    }
}
