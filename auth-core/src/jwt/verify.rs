use std::sync::Arc;

use super::JwtError;
use super::claims::{Claims, Name};
use super::error::JwtErrorKind;
use super::header::LastHeader;
use super::issuer::{Issuer, IssuerError, Profile};
use super::jws::Jws;
use super::source::Lookup;
use crate::audit::{Context, Event, EventKind};
use crate::time::Timestamp;

/// Tells the tokens of one or several issuers from all others.
///
/// The rules are looked at in one order, and the first that is broken decides: the form of the token and of its header; who
/// it says it is from; the issuer's algorithms and its kind of token; the issuer's key of that name; the signature; only then
/// what else the token says. A key verifies tokens of its own issuer and nobody else's.
///
/// A clone shares everything.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuers: Arc<[Issuer]>,
    strict_headers: bool,
    last_header: Arc<LastHeader>,
}

impl Verifier {
    /// Accepts tokens of these issuers.
    ///
    /// # Errors
    ///
    /// When there are none, or two of the same name: one kind of token is what an endpoint takes.
    pub fn new(issuers: impl IntoIterator<Item = Issuer>) -> Result<Self, IssuerError> {
        let issuers: Arc<[Issuer]> = issuers.into_iter().collect();
        if issuers.is_empty() {
            return Err(IssuerError("there must be at least one issuer"));
        }
        for (index, issuer) in issuers.iter().enumerate() {
            let mut others = issuers.iter().skip(index + 1);
            if others.any(|other| other.name() == issuer.name()) {
                return Err(IssuerError("two issuers must not have the same name"));
            }
        }
        Ok(Self {
            issuers,
            strict_headers: false,
            last_header: Arc::default(),
        })
    }

    /// Refuses tokens that bring a key, a certificate or an address of one along (`jwk`, `x5c`, `jku`, `x5u`). By default
    /// what they bring is not looked at, and [`VerifiedToken::embedded_key_event`] tells of it.
    #[must_use]
    pub fn strict_headers(mut self) -> Self {
        self.strict_headers = true;
        self
    }

    /// Judges `token` with the keys that are at hand. It never waits.
    ///
    /// # Errors
    ///
    /// When the token is not valid, and when the keys of its issuer [cannot be had](JwtError::is_unavailable). For
    /// [`JwtErrorKind::StaleKeys`], [`refresh`](Self::refresh) may help.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, JwtError> {
        let mut jws = Jws::parse_with(token, |header| self.last_header.parse(header))?;
        if self.strict_headers && jws.embeds_key() {
            return Err(JwtErrorKind::EmbeddedKey.into());
        }
        let claims = Claims::parse(jws.take_payload())?;
        let issuer = self.issuer_of(&claims)?;
        issuer.check_header(jws.header())?;
        let key = match issuer.keys().find(jws.key_id(), jws.algorithm(), now) {
            Lookup::Found(key) => key,
            Lookup::Unknown => return Err(JwtErrorKind::UnknownKey.into()),
            Lookup::Stale => return Err(JwtErrorKind::StaleKeys.into()),
            Lookup::Unavailable(retry_after) => return Err(JwtError::unavailable(retry_after)),
        };
        if jws.key_id().is_some() && jws.key_id() != key.id() {
            return Err(JwtErrorKind::UnknownKey.into());
        }
        jws.verify(&key)?;
        let expires = issuer.check_claims(&claims, now)?;
        self.last_header.keep(jws.header());
        Ok(VerifiedToken {
            claims,
            issuer: issuer.shared_name().clone(),
            expires,
            own: matches!(issuer.profile(), Profile::Own(_)),
            embeds_key: jws.embeds_key(),
        })
    }

    /// [`verify`](Self::verify), with one [`refresh`](Self::refresh) if the keys at hand do not have the token's.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn verify_or_refresh(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, JwtError> {
        match self.verify(token, now) {
            Err(error) if error.kind() == JwtErrorKind::StaleKeys => {
                self.refresh(token, now).await;
                self.verify(token, now)
            }
            judged => judged,
        }
    }

    /// Lets the issuer of `token` ask for newer keys, after [`JwtErrorKind::StaleKeys`]. How often that is done is up to its
    /// [`KeySource`](super::KeySource).
    pub async fn refresh(&self, token: &str, now: Timestamp) {
        let Ok(mut jws) = Jws::parse(token) else {
            return;
        };
        let claims = Claims::parse(jws.take_payload());
        if let Ok(issuer) = claims.and_then(|claims| self.issuer_of(&claims)) {
            issuer.keys().refresh(jws.key_id(), now).await;
        }
    }

    /// A number that changes when a key that verified something does not any more: whoever remembers tokens that were
    /// accepted forgets them then.
    #[must_use]
    pub fn version(&self) -> u64 {
        let versions = self.issuers.iter().map(|issuer| issuer.keys().version());
        versions.fold(0, u64::wrapping_add)
    }

    /// The issuers whose tokens are accepted.
    #[must_use]
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    fn issuer_of(&self, claims: &Claims) -> Result<&Issuer, JwtError> {
        let iss = claims.known(Name::Issuer).ok_or(JwtErrorKind::Issuer)?;
        let mut issuers = self.issuers.iter();
        issuers
            .find(|issuer| issuer.is_called(iss))
            .ok_or(JwtErrorKind::Issuer.into())
    }
}

/// A token that was accepted.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    claims: Claims,
    issuer: Arc<str>,
    expires: Timestamp,
    own: bool,
    embeds_key: bool,
}

impl VerifiedToken {
    /// What it says.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The name of the issuer under whose rules it was accepted: its `iss`, or for
    /// [`Profile::AzureTemplate`] the template.
    #[must_use]
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Whether it was accepted as one of our own ([`Profile::Own`]): its `sid` is a session of ours then. That of another
    /// issuer is not, though it may look like one.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// Its `exp`, without leeway: whoever remembers that it was accepted forgets it then.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether its header brought a key, a certificate or an address of one along, which was not looked at.
    #[must_use]
    pub fn embeds_key(&self) -> bool {
        self.embeds_key
    }

    /// The event `jwt_key_ignored`, if its header brought a key, a certificate or an address of one along.
    #[must_use]
    pub fn embedded_key_event(&self, at: Timestamp, context: &Context) -> Option<Event> {
        self.embeds_key.then(|| {
            let event = Event::new(EventKind::JwtKeyIgnored, at).context(context);
            match self.claims.token_id() {
                Some(id) => event.key_id(id),
                None => event,
            }
        })
    }
}
