//! Tokens of our own.

mod error;
mod token;

use std::sync::Arc;
use std::time::Duration;

pub use error::{IssueError, IssueErrorKind};
use portcullis_secrets::SecretString;
use serde::Serialize;
pub use token::{ClaimError, NewToken};
use uuid::Uuid;

use super::issuer::{Issuer, IssuerError, Profile};
use super::kind::TokenKind;
use super::ring::SigningRing;
use super::{MAX_TOKEN_BYTES, base64};
use crate::time::Timestamp;

const LEEWAY: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues tokens of every [kind](TokenKind), and says how to verify them. A clone shares everything.
#[derive(Clone, Debug)]
pub struct TokenIssuer(Arc<TokenIssuerSettings>);

/// The settings of a [`TokenIssuer`].
#[derive(Clone, Debug)]
#[must_use = "settings are checked when they are built"]
pub struct TokenIssuerSettings {
    name: Box<str>,
    audiences: [Box<str>; KINDS],
    lifetimes: [Duration; KINDS],
    ring: SigningRing,
    refresh_ring: Option<SigningRing>,
}

const KINDS: usize = TokenKind::ALL.len();

/// A token, and what its receiver is told of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// Its id (`jti`), for logs and lists: it opens nothing.
    pub id: Box<str>,
    /// Until when it is valid (`exp`).
    pub expires: Timestamp,
}

impl TokenIssuer {
    /// The issuer called `name` (`iss`: the URL of the service), whose access tokens are for `audience` (`aud`), and which
    /// signs with the active key of `ring`.
    ///
    /// Defaults: access tokens are valid for 10 minutes; refresh tokens for 14 days; those for the second factor for 5, for a
    /// new password for 20, for logouts for 2 minutes. The audience of a kind other than access tokens is the issuer's name,
    /// `#` and the name of the kind. Refresh tokens are not signed: see
    /// [`refresh_ring`](TokenIssuerSettings::refresh_ring).
    pub fn settings(name: &str, audience: &str, ring: SigningRing) -> TokenIssuerSettings {
        const MINUTE: Duration = Duration::from_secs(60);
        let audience = |kind| match kind {
            TokenKind::Access => audience.into(),
            _ => format!("{name}#{kind}").into(),
        };
        let lifetime = |kind| match kind {
            TokenKind::Access => 10 * MINUTE,
            TokenKind::Refresh => 14 * 24 * 60 * MINUTE,
            TokenKind::Mfa => 5 * MINUTE,
            TokenKind::Reset => 20 * MINUTE,
            TokenKind::Logout => 2 * MINUTE,
        };
        TokenIssuerSettings {
            name: name.into(),
            audiences: TokenKind::ALL.map(audience),
            lifetimes: TokenKind::ALL.map(lifetime),
            ring,
            refresh_ring: None,
        }
    }

    /// Signs a token that is valid from `now` on for as long as tokens of its kind are.
    ///
    /// # Errors
    ///
    /// When no key signs, when the key fails, and when the token would be larger than verifiers take.
    pub fn issue(&self, token: &NewToken, now: Timestamp) -> Result<IssuedToken, IssueError> {
        let id = Uuid::now_v7().hyphenated().to_string();
        let lifetime = (now, now.plus(self.lifetime(token.kind)));
        self.issue_as(token, &id, lifetime, now)
    }

    /// [`issue`](Self::issue), with an id and times of the caller's: from when and until when it is valid.
    pub(crate) fn issue_as(
        &self,
        token: &NewToken,
        id: &str,
        (issued, expires): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        #[derive(Serialize)]
        struct Payload<'a> {
            iss: &'a str,
            aud: &'a str,
            exp: i64,
            iat: i64,
            jti: &'a str,
            #[serde(flatten)]
            claims: &'a token::Claimed,
        }
        let kind = token.kind;
        let ring = self.ring(kind).ok_or(IssueErrorKind::NoKey)?;
        let key = ring.signing(now).ok_or(IssueErrorKind::NoKey)?;
        // Whole seconds: those who read it may not know others.
        let expires = Timestamp::from_secs(expires.as_secs()).unwrap_or(expires);
        let payload = Payload {
            iss: &self.0.name,
            aud: self.audience(kind),
            exp: expires.as_secs(),
            iat: issued.as_secs(),
            jti: id,
            claims: &token.claims,
        };
        let payload = serde_json::to_vec(&payload).map_err(|_| IssueErrorKind::Claims)?;
        let (algorithm, typ, key_id) = (key.algorithm(), kind.typ(), key.id());
        let header = format!(r#"{{"alg":"{algorithm}","typ":"{typ}","kid":"{key_id}"}}"#);
        let mut text = base64::encode(header);
        text.push('.');
        base64::encode_to(payload, &mut text);
        let signature = key.sign(text.as_bytes()).map_err(IssueError::signing)?;
        text.push('.');
        base64::encode_to(signature, &mut text);
        if text.len() > MAX_TOKEN_BYTES {
            return Err(IssueErrorKind::TooLarge.into());
        }
        Ok(IssuedToken {
            token: text.into(),
            id: id.into(),
            expires,
        })
    }

    /// How tokens of one kind are verified: for a [`Verifier`](super::Verifier) that takes that kind and no other. None of
    /// refresh tokens if they are not signed.
    #[must_use]
    pub fn issuer(&self, kind: TokenKind) -> Option<Issuer> {
        let ring = self.ring(kind)?.clone();
        let algorithms = ring.algorithms().clone();
        let settings = Issuer::settings(self.name(), self.audience(kind), Profile::Own(kind), ring);
        settings
            .algorithms(algorithms)
            .leeway(LEEWAY)
            // Those that were issued before their lifetime was shortened are good until their end.
            .max_lifetime(self.lifetime(kind).max(DAY))
            .build()
            .ok()
    }

    /// Its name (`iss`).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whom tokens of this kind are meant for (`aud`).
    #[must_use]
    pub fn audience(&self, kind: TokenKind) -> &str {
        &self.0.audiences[kind as usize]
    }

    /// How long tokens of this kind are valid.
    #[must_use]
    pub fn lifetime(&self, kind: TokenKind) -> Duration {
        self.0.lifetimes[kind as usize]
    }

    /// The keys that sign tokens of this kind: the [`jwks`](SigningRing::jwks) of those of access tokens is what others read.
    #[must_use]
    pub fn ring(&self, kind: TokenKind) -> Option<&SigningRing> {
        match kind {
            TokenKind::Refresh => self.0.refresh_ring.as_ref(),
            _ => Some(&self.0.ring),
        }
    }
}

impl TokenIssuerSettings {
    /// How long tokens of this kind are valid: a second at least, and all but refresh tokens 24 hours at most. Parts of a second
    /// are dropped. Defaults: those of [`TokenIssuer::settings`].
    pub fn lifetime(mut self, kind: TokenKind, lifetime: Duration) -> Self {
        self.lifetimes[kind as usize] = Duration::from_secs(lifetime.as_secs());
        self
    }

    /// Whom tokens of this kind are meant for: a name that is not empty, and no other kind's. Defaults: those of
    /// [`TokenIssuer::settings`].
    pub fn audience(mut self, kind: TokenKind, audience: &str) -> Self {
        self.audiences[kind as usize] = audience.into();
        self
    }

    /// Also issues signed refresh tokens, with keys that sign nothing else.
    pub fn refresh_ring(mut self, ring: SigningRing) -> Self {
        self.refresh_ring = Some(ring);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// When a name is empty, when two kinds have the same audience, when access tokens are valid for less than a second or
    /// for more than 24 hours, when a ring drops its keys before the last that they signed has expired, and when refresh
    /// tokens would be signed with the keys of others.
    pub fn build(self) -> Result<TokenIssuer, IssuerError> {
        if self.name.is_empty() || self.audiences.iter().any(|name| name.is_empty()) {
            return Err(IssuerError("an issuer and its audiences must have names"));
        }
        for (index, audience) in self.audiences.iter().enumerate() {
            if self
                .audiences
                .iter()
                .skip(index + 1)
                .any(|other| other == audience)
            {
                return Err(IssuerError("each kind of token must have its own audience"));
            }
        }
        if self
            .refresh_ring
            .as_ref()
            .is_some_and(|ring| ring.is(&self.ring))
        {
            return Err(IssuerError("refresh tokens must have keys of their own"));
        }
        for kind in TokenKind::ALL {
            let lifetime = self.lifetimes[kind as usize];
            if lifetime < Duration::from_secs(1) || (kind != TokenKind::Refresh && lifetime > DAY) {
                return Err(IssuerError(
                    "tokens are valid for a second at least, and all but refresh tokens for 24 hours at most",
                ));
            }
            let ring = match kind {
                TokenKind::Refresh => self.refresh_ring.as_ref(),
                _ => Some(&self.ring),
            };
            if ring.is_some_and(|ring| ring.retires_after() < lifetime.saturating_add(LEEWAY)) {
                return Err(IssuerError(
                    "keys must verify until the last token that they signed has expired",
                ));
            }
        }
        Ok(TokenIssuer(Arc::new(self)))
    }
}
