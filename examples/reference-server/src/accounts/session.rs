//! The tokens of a session.

use portcullis_auth_core::jwt::{IssueError, IssuedToken, NewToken};
use portcullis_auth_core::refresh::Issued;
use portcullis_secrets::SecretString;

use super::Accounts;

/// A session that began or goes on, and the access token beside it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) issued: Issued,
    pub(crate) access: IssuedToken,
}

impl Session {
    pub(crate) fn refresh_token(&self) -> &SecretString {
        self.issued.refresh_token()
    }
}

impl Accounts {
    /// Signs the access token of a session, with the roles that its owner has now.
    pub(crate) fn sign(&self, issued: Issued, roles: &[String]) -> Result<Session, IssueError> {
        let token = NewToken::access(
            issued.subject(),
            issued.tenant(),
            issued.client(),
            issued.session(),
        )
        .roles(roles.iter().map(String::as_str))
        .amr(issued.amr().iter())
        .auth_time(issued.auth_time())
        .epoch(issued.epoch());
        let access = self.issuer.issue(&token, self.now())?;
        self.numbers.token_issued();
        Ok(Session { issued, access })
    }
}
