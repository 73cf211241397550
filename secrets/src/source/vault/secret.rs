use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client::{Client, Token, Vault};
use super::http::{Answer, is_visible};
use super::lease::{Step, Term, jitter};
use super::login::json;
use crate::SecretBytes;
use crate::source::{
    Lease, Loading, MAX_BYTES, SecretSource, SourceError, SourceErrorKind, Versioned,
};

/// One secret of a [`Vault`]: the JSON text of all its fields, or the text of one.
pub struct VaultSource {
    client: Arc<Client>,
    path: Box<str>,
    field: Option<Box<str>>,
    kind: Kind,
}

enum Kind {
    Kv2,
    /// Kept for as long as they last: to read them again would make new ones.
    Credentials(Mutex<Option<Leased>>),
}

struct Leased {
    id: Box<str>,
    value: SecretBytes,
    term: Option<Term>,
    /// Vault revokes the credentials together with the token under which they were made.
    token: Arc<Token>,
}

impl VaultSource {
    pub(super) fn kv2(vault: &Vault, mount: &str, path: &str) -> Result<Self, SourceError> {
        Self::new(vault, format!("{mount}/data/{path}"), Kind::Kv2)
    }

    pub(super) fn credentials(vault: &Vault, path: &str) -> Result<Self, SourceError> {
        Self::new(vault, path.to_owned(), Kind::Credentials(Mutex::default()))
    }

    fn new(vault: &Vault, path: String, kind: Kind) -> Result<Self, SourceError> {
        if !is_path(&path) {
            return Err(Client::error(SourceErrorKind::BadName, &path));
        }
        Ok(Self {
            client: vault.0.clone(),
            path: path.into(),
            field: None,
            kind,
        })
    }

    /// Only the field `name`, which must be a JSON string. Default: all fields, as a JSON object.
    #[must_use]
    pub fn field(mut self, name: &str) -> Self {
        self.field = Some(name.into());
        self
    }

    fn error(&self, kind: SourceErrorKind) -> SourceError {
        Client::error(kind, &self.path)
    }

    async fn load_kv2(&self) -> Result<Versioned<SecretBytes>, SourceError> {
        let token = self.client.token().await?;
        let (answer, _) = self.read(token).await?;
        let Some(parsed) = answer.parse::<ReadAnswer<'_>>().and_then(|read| read.data) else {
            return Err(self.error(SourceErrorKind::Malformed));
        };
        let inner: Kv2Data<'_> = serde_json::from_str(parsed.get())
            .map_err(|_| self.error(SourceErrorKind::Malformed))?;
        let data = inner
            .data
            .ok_or_else(|| self.error(SourceErrorKind::Dangling))?;
        self.pick(data).map(Versioned::from)
    }

    async fn load_credentials(
        &self,
        held: &Mutex<Option<Leased>>,
    ) -> Result<Versioned<SecretBytes>, SourceError> {
        let mut held = held.lock().await;
        let token = self.client.token().await?;
        if let Some(leased) = held.as_mut().filter(|leased| leased.token.is(&token)) {
            // The same, but its term may be another.
            leased.token = token.clone();
            let step = leased
                .term
                .map_or(Step::Keep, |term| term.step(Instant::now()));
            match step {
                Step::Keep => return Ok(leased.versioned()),
                Step::Renew => {
                    if self.renew(leased, &token).await? {
                        return Ok(leased.versioned());
                    }
                }
                Step::Replace => {}
            }
        }
        let now = Instant::now();
        let (answer, token) = self.read(token).await?;
        let Some(read) = answer.parse::<ReadAnswer<'_>>() else {
            return Err(self.error(SourceErrorKind::Malformed));
        };
        let data = read
            .data
            .ok_or_else(|| self.error(SourceErrorKind::Malformed))?;
        let leased = Leased {
            id: read.lease_id.into(),
            value: self.pick(data)?,
            term: Term::new(
                now,
                Duration::from_secs(read.lease_duration),
                read.renewable,
                jitter(),
            ),
            token,
        };
        Ok(held.insert(leased).versioned())
    }

    /// Reads, with another token if this one is refused.
    async fn read(&self, token: Arc<Token>) -> Result<(Answer, Arc<Token>), SourceError> {
        let mut token = token;
        let mut answer = self.client.send_as(&token, "GET", &self.path, b"").await?;
        if answer.status == 403 {
            token = self.client.another_token(&token).await?;
            answer = self.client.send_as(&token, "GET", &self.path, b"").await?;
        }
        match answer.status {
            200 => Ok((answer, token)),
            403 => Err(self.error(SourceErrorKind::Denied)),
            404 => Err(self.error(self.why_missing(&answer))),
            _ => Err(self.error(SourceErrorKind::Malformed)),
        }
    }

    /// Vault says 404 for three things, of which only one is "there is no such secret".
    fn why_missing(&self, answer: &Answer) -> SourceErrorKind {
        match answer.parse::<Missing>() {
            Some(Missing { data: None, errors }) if errors.is_empty() => SourceErrorKind::NotFound,
            // It was deleted, and its metadata is still there; or there is no engine at this path.
            Some(_) => SourceErrorKind::Dangling,
            None => SourceErrorKind::Malformed,
        }
    }

    /// Whether the lease goes on; if not, it is time for others.
    async fn renew(&self, leased: &mut Leased, token: &Token) -> Result<bool, SourceError> {
        const PATH: &str = "sys/leases/renew";
        let body = json(&BTreeMap::from([("lease_id", &*leased.id)]));
        let body = body.ok_or_else(|| self.error(SourceErrorKind::Malformed))?;
        let now = Instant::now();
        let answer = self.client.send_as(token, "POST", PATH, &body).await?;
        if answer.status != 200 {
            // The lease is not known any more, or not ours.
            return Ok(false);
        }
        let Some(read) = answer.parse::<ReadAnswer<'_>>() else {
            return Err(Client::error(SourceErrorKind::Malformed, PATH));
        };
        let granted = Duration::from_secs(read.lease_duration);
        let term = leased
            .term
            .and_then(|term| term.renewed(now, granted, read.renewable, jitter()));
        leased.term = term.or(leased.term);
        Ok(term.is_some())
    }

    fn pick(&self, data: &RawValue) -> Result<SecretBytes, SourceError> {
        let malformed = || self.error(SourceErrorKind::Malformed);
        if !data.get().starts_with('{') {
            return Err(malformed());
        }
        let Some(field) = &self.field else {
            return self.check(SecretBytes::from(data.get().as_bytes()));
        };
        let fields: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(data.get()).map_err(|_| malformed())?;
        let raw = fields
            .get(&**field)
            .ok_or_else(|| self.error(SourceErrorKind::Dangling))?;
        // One with escapes goes through serde's own buffer, which is not wiped.
        let text = serde_json::from_str::<String>(raw.get()).map_err(|_| malformed())?;
        self.check(SecretBytes::from(text.into_bytes()))
    }

    fn check(&self, value: SecretBytes) -> Result<SecretBytes, SourceError> {
        match value.expose_secret().len() {
            0 => Err(self.error(SourceErrorKind::Empty)),
            1..=MAX_BYTES => Ok(value),
            _ => Err(self.error(SourceErrorKind::TooLarge)),
        }
    }
}

impl Leased {
    fn versioned(&self) -> Versioned<SecretBytes> {
        let now = Instant::now();
        let terms = [self.term, self.token.term].into_iter().flatten();
        let lease = terms.map(|term| term.left(now)).reduce(Lease::shorter);
        Versioned::from(SecretBytes::from(self.value.expose_secret())).lease(lease)
    }
}

/// What is common to all answers to a read, and to the renewal of a lease.
#[derive(Deserialize)]
struct ReadAnswer<'a> {
    #[serde(borrow, default)]
    lease_id: Cow<'a, str>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kv2Data<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Missing {
    data: Option<IgnoredAny>,
    #[serde(default)]
    errors: Vec<IgnoredAny>,
}

/// Whether `path` can stand behind `/v1/` as it is, and means there what it says.
pub(super) fn is_path(path: &str) -> bool {
    is_visible(path)
        && !path.contains(['?', '#', '%', '\\'])
        && path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
}

impl SecretSource for VaultSource {
    fn load(&self) -> Loading<'_> {
        match &self.kind {
            Kind::Kv2 => Box::pin(self.load_kv2()),
            Kind::Credentials(held) => Box::pin(self.load_credentials(held)),
        }
    }
}

impl fmt::Debug for VaultSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultSource")
            .field("path", &self.path)
            .field("field", &self.field)
            .finish_non_exhaustive()
    }
}
