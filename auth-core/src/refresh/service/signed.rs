//! Refresh tokens that are signed as well: JWTs of the type `rt+jwt`.

use portcullis_secrets::SecretString;

use super::error::Source;
use crate::jwt::{NewToken, TokenIssuer, TokenKind, Verifier};
use crate::refresh::{Family, RefreshKeys, RefreshPolicy, RefreshToken, State};
use crate::time::Timestamp;

/// Writes and reads them.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    issuer: TokenIssuer,
    /// None without keys for them.
    verifier: Option<Verifier>,
}

impl Signed {
    pub(super) fn new(issuer: TokenIssuer) -> Self {
        let verifier = Verifier::new(issuer.issuer(TokenKind::Refresh)).ok();
        Self { issuer, verifier }
    }

    /// Whether there are tokens, which last for as long as a session that nobody refreshes.
    pub(super) fn lasts(&self, policy: &RefreshPolicy) -> bool {
        let lifetime = self.issuer.lifetime(TokenKind::Refresh);
        self.verifier.is_some() && lifetime >= policy.idle_lifetime()
    }

    /// The same claims each time, so that tabs get the same token: what it says of time is when its generation began.
    pub(super) fn write(
        &self,
        keys: &RefreshKeys,
        family: &Family,
        state: &State,
        now: Timestamp,
    ) -> Result<SecretString, Source> {
        let id = keys.signed_id(family, state.generation)?;
        let Family {
            subject,
            tenant,
            client,
            ..
        } = family;
        let token = NewToken::refresh(subject, tenant, client, family.id, state.generation);
        let issued = state.refreshed_at(family);
        let expires = issued.plus(self.issuer.lifetime(TokenKind::Refresh));
        let lifetime = (issued, expires.min(family.expires_at));
        Ok(self.issuer.issue_as(&token, &id, lifetime, now)?.token)
    }

    /// What it claims to be, if we signed that; or a word for why not.
    pub(super) fn read(&self, text: &str, now: Timestamp) -> Result<RefreshToken, &'static str> {
        let verifier = self.verifier.as_ref().ok_or("malformed")?;
        let verified = verifier.verify(text, now);
        let verified = verified.map_err(|error| error.kind().as_str())?;
        let claims = verified.claims();
        claims
            .session()
            .zip(claims.generation())
            .zip(claims.token_id())
            .and_then(|((family, generation), id)| RefreshToken::signed(family, generation, id))
            .ok_or("malformed")
    }
}
