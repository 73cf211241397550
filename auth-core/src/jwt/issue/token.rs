use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::id::{ClientId, SessionId, SubjectId, TenantId};
use crate::jwt::claims::Name;
use crate::jwt::kind::TokenKind;
use crate::time::Timestamp;

/// What a token of ours is to say. What its kind requires is asked for at once; setters add the rest.
#[derive(Clone, Debug)]
#[must_use = "a token is issued by a `TokenIssuer`"]
pub struct NewToken {
    pub(super) kind: TokenKind,
    pub(super) claims: Claimed,
}

/// The claims that are known before the token is issued, in the order in which they are written.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Claimed {
    sub: String,
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sep: Option<u64>,
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl NewToken {
    fn new(kind: TokenKind, subject: &SubjectId, tenant: &TenantId) -> Self {
        Self {
            kind,
            claims: Claimed {
                sub: subject.as_str().into(),
                tenant: tenant.as_str().into(),
                client_id: None,
                sid: None,
                scope: None,
                roles: Vec::new(),
                amr: Vec::new(),
                acr: None,
                auth_time: None,
                sep: None,
                generation: None,
                others: Map::new(),
            },
        }
    }

    fn of_session(
        kind: TokenKind,
        subject: &SubjectId,
        tenant: &TenantId,
        client: &ClientId,
        session: SessionId,
    ) -> Self {
        let mut token = Self::new(kind, subject, tenant).client(client);
        token.claims.sid = Some(session.to_string());
        token
    }

    fn client(mut self, client: &ClientId) -> Self {
        self.claims.client_id = Some(client.as_str().into());
        self
    }

    /// An access token: `subject` uses `client` within `session`.
    pub fn access(
        subject: &SubjectId,
        tenant: &TenantId,
        client: &ClientId,
        session: SessionId,
    ) -> Self {
        Self::of_session(TokenKind::Access, subject, tenant, client, session)
    }

    /// A refresh token of the given generation. It must be looked up in the store each time it is used: the signature alone
    /// says nothing about whether it was used before.
    pub fn refresh(
        subject: &SubjectId,
        tenant: &TenantId,
        client: &ClientId,
        session: SessionId,
        generation: u32,
    ) -> Self {
        let mut token = Self::of_session(TokenKind::Refresh, subject, tenant, client, session);
        token.claims.generation = Some(generation);
        token
    }

    /// A token that says that the first factor was right.
    pub fn mfa(subject: &SubjectId, tenant: &TenantId, client: &ClientId) -> Self {
        Self::new(TokenKind::Mfa, subject, tenant).client(client)
    }

    /// A token that lets a password be set anew. That it is used once is for a store to see to.
    pub fn reset(subject: &SubjectId, tenant: &TenantId) -> Self {
        Self::new(TokenKind::Reset, subject, tenant)
    }

    /// A token that tells `client` that `session` has ended. Receivers expect the claim `events`: see
    /// [`claim`](Self::claim).
    pub fn logout(
        subject: &SubjectId,
        tenant: &TenantId,
        client: &ClientId,
        session: SessionId,
    ) -> Self {
        Self::of_session(TokenKind::Logout, subject, tenant, client, session)
    }

    /// What was granted (`scope`).
    pub fn scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        let mut words = String::new();
        for scope in scopes {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(scope.as_ref());
        }
        self.claims.scope = Some(words);
        self
    }

    /// The names of roles (`roles`).
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.claims.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// By which proofs somebody signed in (`amr`, RFC 8176).
    pub fn amr<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.claims.amr = methods.into_iter().map(Into::into).collect();
        self
    }

    /// How well somebody signed in (`acr`).
    pub fn acr(mut self, acr: &str) -> Self {
        self.claims.acr = Some(acr.into());
        self
    }

    /// When somebody signed in (`auth_time`). Refreshing does not change it.
    pub fn auth_time(mut self, at: Timestamp) -> Self {
        self.claims.auth_time = Some(at.as_secs());
        self
    }

    /// How often everything of the subject has been revoked so far (`sep`).
    pub fn epoch(mut self, epoch: u64) -> Self {
        self.claims.sep = Some(epoch);
        self
    }

    /// Adds a claim of your own.
    ///
    /// # Errors
    ///
    /// When the claim is one that this crate writes or gives a meaning to, and when `value` has no JSON.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Result<Self, ClaimError> {
        if Name::of(name).is_some() {
            return Err(ClaimError("the claim has a meaning of its own".into()));
        }
        let value = serde_json::to_value(value)
            .map_err(|error| ClaimError(format!("the claim cannot be written: {error}").into()))?;
        self.claims.others.insert(name.into(), value);
        Ok(self)
    }
}

/// A claim that cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimError(Cow<'static, str>);

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ClaimError {}
