use std::net::IpAddr;
use std::sync::Arc;

use portcullis_secrets::SecretString;

use crate::id::{ClientId, SessionId, SubjectId, TenantId};
use crate::refresh::{Family, State};
use crate::roles::Scopes;
use crate::time::Timestamp;

/// A session that goes on: its refresh token, and what the access token beside it has to say.
#[derive(Debug)]
pub struct Issued {
    family: Arc<Family>,
    state: State,
    token: SecretString,
    scopes: Scopes,
    replay: bool,
    evicted: Vec<SessionId>,
}

impl Issued {
    pub(super) fn new(
        family: Arc<Family>,
        state: State,
        token: SecretString,
        scopes: Scopes,
        replay: bool,
    ) -> Self {
        Self {
            family,
            state,
            token,
            scopes,
            replay,
            evicted: Vec::new(),
        }
    }

    pub(super) fn instead_of(self, evicted: Vec<SessionId>) -> Self {
        Self { evicted, ..self }
    }

    /// The refresh token that is good from now on. All repetitions within the grace get the same.
    pub fn refresh_token(&self) -> &SecretString {
        &self.token
    }

    /// When it is over unless it is used: `refresh_expires_in` and a cookie's `Max-Age` end here.
    #[must_use]
    pub fn refresh_expires_at(&self) -> Timestamp {
        self.state.idle_expires_at
    }

    /// When the session is over in any case.
    #[must_use]
    pub fn session_expires_at(&self) -> Timestamp {
        self.family.expires_at
    }

    /// Whether this is the answer to a repetition.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.replay
    }

    /// The sessions that ended because this one began: there were too many. Their access tokens are to be revoked,
    /// unless the service has [revocations](super::RefreshServiceBuilder::revocations) and did that itself.
    #[must_use]
    pub fn evicted(&self) -> &[SessionId] {
        &self.evicted
    }

    /// The claim `sid`.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.family.id
    }

    /// Whose data it gives access to.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.family.tenant
    }

    /// The claim `sub`.
    #[must_use]
    pub fn subject(&self) -> &SubjectId {
        &self.family.subject
    }

    /// The claim `client_id`.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.family.client
    }

    /// The claim `scope`: what was asked for, which is all of the session's if nothing was.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The claim `amr`, as it was when they signed in.
    #[must_use]
    pub fn amr(&self) -> &Scopes {
        &self.family.amr
    }

    /// The claim `acr`, as it was when they signed in.
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        self.family.acr.as_deref()
    }

    /// The claim `auth_time`: when they signed in, not when the token was refreshed.
    #[must_use]
    pub fn auth_time(&self) -> Timestamp {
        self.family.auth_time
    }

    /// The claim `sep`: the subject's epoch that the session belongs to.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// The thumbprint of the key that the refresh token is bound to.
    #[must_use]
    pub fn dpop_jkt(&self) -> Option<&str> {
        self.family.dpop_jkt.as_deref()
    }
}

/// A session as its owner sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    family: Arc<Family>,
    refreshed_at: Timestamp,
    expires_at: Timestamp,
    current: bool,
}

impl SessionInfo {
    pub(super) fn new(family: Arc<Family>, state: &State, current: Option<SessionId>) -> Self {
        Self {
            refreshed_at: state.refreshed_at(&family),
            expires_at: state.idle_expires_at,
            current: current == Some(family.id),
            family,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.family.id
    }

    /// The program that was signed in with.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.family.client
    }

    /// When it began.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.family.created_at
    }

    /// When it was last refreshed or, if it never was, began.
    #[must_use]
    pub fn refreshed_at(&self) -> Timestamp {
        self.refreshed_at
    }

    /// When it is over unless it is refreshed.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// From where it was begun.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.family.ip
    }

    /// What the client called itself when it began; escaped.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.family.user_agent.as_deref()
    }

    /// Whether it is the one that asked for the list.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.current
    }
}
