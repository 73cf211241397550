use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http::{Answer, Call, Http, HttpError, is_visible};
use super::lease::{Step, Term, jitter};
use super::login::{Credentials, Login};
use super::secret::{VaultSource, is_path};
use crate::SecretString;
use crate::source::{SourceError, SourceErrorKind};

/// A client of Vault's. Clones share its token.
#[derive(Clone, Debug)]
pub struct Vault(pub(super) Arc<Client>);

#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    namespace: Option<Box<str>>,
    login: Login,
    /// Held while logging in or renewing, so that one login serves all.
    token: Mutex<Option<Arc<Token>>>,
}

#[derive(Debug)]
pub(super) struct Token {
    value: SecretString,
    pub(super) term: Option<Term>,
}

impl Token {
    /// Whether it is the same token, with perhaps another term.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.value.ct_eq(&other.value)
    }
}

impl Vault {
    /// A client of the agent or proxy at `url`, such as `http://127.0.0.1:8100`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When `url` is not `http://` with a loopback address, or `localhost`, and a port; or when the mount of `login` is not
    /// a path.
    pub fn new(url: &str, login: Login) -> Result<Self, SourceError> {
        let Some(http) = Http::parse(url) else {
            // It may have a password in it, so it is not repeated.
            let subject = "vault address that is not of this machine";
            return Err(SourceError::new(SourceErrorKind::Malformed, subject));
        };
        Self::of(http, login)
    }

    /// A client of the server at `url`, such as `https://vault.example:8200`, whose certificate must be signed by one of the
    /// authorities in `ca`, which is PEM text: the file of `VAULT_CACERT`, or the system's bundle if Vault has a public
    /// certificate. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When `url` is not `https://` with a host and a port, when there are no certificates in `ca` or one that cannot be
    /// read, or when the mount of `login` is not a path.
    #[cfg(feature = "vault-tls")]
    pub fn with_tls(url: &str, ca: &[u8], login: Login) -> Result<Self, SourceError> {
        let Some(http) = Http::parse_tls(url, ca) else {
            let subject = "vault address or certificate";
            return Err(SourceError::new(SourceErrorKind::Malformed, subject));
        };
        Self::of(http, login)
    }

    fn of(http: Http, login: Login) -> Result<Self, SourceError> {
        if let Some(path) = login.path()
            && !is_path(&path)
        {
            return Err(Client::error(SourceErrorKind::BadName, &path));
        }
        Ok(Self(Arc::new(Client {
            http,
            namespace: None,
            login,
            token: Mutex::default(),
        })))
    }

    /// Works in a namespace. Default: the root.
    ///
    /// # Errors
    ///
    /// When the name cannot stand in a header, or when the client has been cloned already.
    pub fn namespace(mut self, name: &str) -> Result<Self, SourceError> {
        let client = Arc::get_mut(&mut self.0).filter(|_| is_visible(name));
        let fail = || {
            SourceError::new(
                SourceErrorKind::BadName,
                format_args!("vault namespace {name:?}"),
            )
        };
        client.ok_or_else(fail)?.namespace = Some(name.into());
        Ok(self)
    }

    /// The secret at `path` of the KV engine, version 2, at `mount`.
    ///
    /// # Errors
    ///
    /// When one of them is not a path: see [`credentials`](Self::credentials).
    pub fn kv2(&self, mount: &str, path: &str) -> Result<VaultSource, SourceError> {
        VaultSource::kv2(self, mount, path)
    }

    /// The credentials that an engine makes when `path` is read, such as `database/creds/app`, with their lease.
    ///
    /// # Errors
    ///
    /// When `path` is not a path of visible ASCII characters without `?`, `#` and `%`, or has empty segments or dots only.
    pub fn credentials(&self, path: &str) -> Result<VaultSource, SourceError> {
        VaultSource::credentials(self, path)
    }
}

#[derive(Deserialize)]
struct LoginAnswer<'a> {
    #[serde(borrow)]
    auth: Option<Auth<'a>>,
}

#[derive(Deserialize)]
struct Auth<'a> {
    client_token: &'a str,
    lease_duration: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct LookupAnswer {
    data: Lookup,
}

#[derive(Deserialize)]
struct Lookup {
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

impl Client {
    pub(super) fn error(kind: SourceErrorKind, path: &str) -> SourceError {
        SourceError::new(kind, format_args!("vault path {path:?}"))
    }

    /// A token that is good for now, and whose term is not up for renewal, if Vault can be asked for that.
    pub(super) async fn token(&self) -> Result<Arc<Token>, SourceError> {
        let mut held = self.token.lock().await;
        let now = Instant::now();
        if let Some(token) = &*held {
            let step = token.term.map_or(Step::Keep, |term| term.step(now));
            let replaced = match step {
                Step::Keep => return Ok(token.clone()),
                Step::Renew => self.renew(token).await,
                Step::Replace => Ok(None),
            };
            let replaced = match replaced {
                Ok(Some(renewed)) => Ok(renewed),
                // It will not get any longer, or was refused.
                Ok(None) => self.log_in().await,
                Err(error) => Err(error),
            };
            return match replaced {
                Ok(token) => Ok(held.insert(Arc::new(token)).clone()),
                // What cannot be renewed now is good until its end.
                Err(_) if !token.term.is_some_and(|term| term.ended(now)) => Ok(token.clone()),
                Err(error) => {
                    *held = None;
                    Err(error)
                }
            };
        }
        let token = self.log_in().await?;
        Ok(held.insert(Arc::new(token)).clone())
    }

    /// A token in the place of `refused`, unless somebody has replaced it already.
    pub(super) async fn another_token(
        &self,
        refused: &Arc<Token>,
    ) -> Result<Arc<Token>, SourceError> {
        let mut held = self.token.lock().await;
        if let Some(token) = &*held
            && !Arc::ptr_eq(token, refused)
        {
            return Ok(token.clone());
        }
        *held = None;
        let token = self.log_in().await?;
        Ok(held.insert(Arc::new(token)).clone())
    }

    async fn log_in(&self) -> Result<Token, SourceError> {
        let (path, body) = match self.login.credentials().await? {
            Credentials::Token(token) => return self.look_up(token).await,
            Credentials::Login { path, body } => (path, body),
        };
        let fail = |kind| Self::error(kind, &path);
        let now = Instant::now();
        let answer = self.send("POST", &path, None, &body).await?;
        match answer.status {
            200 => {}
            // The role or the secret id is wrong, which Vault says with 400.
            400 | 403 => return Err(fail(SourceErrorKind::Denied)),
            _ => return Err(fail(SourceErrorKind::Malformed)),
        }
        let auth = Self::auth(&answer, &path)?;
        let granted = Duration::from_secs(auth.lease_duration);
        let value = SecretString::from(auth.client_token);
        let term = Term::new(now, granted, auth.renewable, jitter());
        Ok(Token { value, term })
    }

    async fn look_up(&self, value: SecretString) -> Result<Token, SourceError> {
        const PATH: &str = "auth/token/lookup-self";
        if !is_visible(value.expose_secret()) {
            return Err(SourceError::new(SourceErrorKind::Malformed, "vault token"));
        }
        let now = Instant::now();
        let answer = self
            .send("GET", PATH, Some(value.expose_secret()), b"")
            .await?;
        match answer.status {
            200 => {}
            403 => return Err(Self::error(SourceErrorKind::Denied, PATH)),
            _ => return Err(Self::error(SourceErrorKind::Malformed, PATH)),
        }
        let Some(answer) = answer.parse::<LookupAnswer>() else {
            return Err(Self::error(SourceErrorKind::Malformed, PATH));
        };
        let Lookup { ttl, renewable } = answer.data;
        let term = Term::new(now, Duration::from_secs(ttl), renewable, jitter());
        Ok(Token { value, term })
    }

    /// `None`: it is time for another.
    async fn renew(&self, token: &Token) -> Result<Option<Token>, SourceError> {
        const PATH: &str = "auth/token/renew-self";
        let now = Instant::now();
        let answer = self
            .send("POST", PATH, Some(token.value.expose_secret()), b"{}")
            .await?;
        match answer.status {
            200 => {}
            400 | 403 => return Ok(None),
            _ => return Err(Self::error(SourceErrorKind::Malformed, PATH)),
        }
        let auth = Self::auth(&answer, PATH)?;
        let granted = Duration::from_secs(auth.lease_duration);
        let renewed = token
            .term
            .and_then(|term| term.renewed(now, granted, auth.renewable, jitter()));
        Ok(renewed.map(|term| Token {
            value: SecretString::from(token.value.expose_secret()),
            term: Some(term),
        }))
    }

    fn auth<'a>(answer: &'a Answer, path: &str) -> Result<Auth<'a>, SourceError> {
        let parsed = answer.parse::<LoginAnswer<'_>>();
        let auth = parsed
            .and_then(|answer| answer.auth)
            .filter(|auth| is_visible(auth.client_token));
        auth.ok_or_else(|| Self::error(SourceErrorKind::Malformed, path))
    }

    pub(super) async fn send_as(
        &self,
        token: &Token,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Answer, SourceError> {
        self.send(method, path, Some(token.value.expose_secret()), body)
            .await
    }

    /// Answers that only say "not now" are errors here, the same for every request.
    async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, SourceError> {
        let namespace = self.namespace.as_deref();
        let call = Call {
            method,
            path,
            token,
            namespace,
            body,
        };
        let answer = self.http.send(&call).await.map_err(|error| match error {
            HttpError::Unavailable => Self::error(SourceErrorKind::Unavailable, path),
            HttpError::Malformed => Self::error(SourceErrorKind::Malformed, path),
        })?;
        match answer.status {
            // A redirect is how a standby says that it is not the one.
            300..400 | 412 | 429 | 500.. => Err(Self::error(SourceErrorKind::Unavailable, path)),
            _ => Ok(answer),
        }
    }
}
