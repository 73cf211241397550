//! Tokens for those who have forgotten their password.

mod memory;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use portcullis_secrets::{SecretBytes, SecretString};
use sha2::{Digest as _, Sha256};

pub use self::memory::MemoryResetStore;
use super::{Account, PasswordError};
use crate::store::Answer;
use crate::time::Timestamp;

/// How long a reset token is good for.
pub(super) const LIFETIME: Duration = Duration::from_secs(20 * 60);
const BYTES: usize = 32;
/// Lets scanners of repositories and mail archives recognise it.
const PREFIX: &str = "rst_";

/// What is sent to the owner of an account: `rst_` and 256 random bits. Nothing that could stand in for it is stored.
#[must_use = "a reset token is of no use but to the one it is sent to"]
pub struct ResetToken(SecretString);

impl ResetToken {
    pub(super) fn generate() -> Result<(Self, [u8; 32]), PasswordError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        let bytes = SecretBytes::from(&bytes[..]);
        let text = bytes.to_base64url();
        let mut token = String::with_capacity(PREFIX.len() + text.expose(str::len));
        token.push_str(PREFIX);
        token.push_str(text.expose_secret());
        let digest = digest(&bytes);
        Ok((Self(token.into()), digest))
    }

    /// The token as it goes into the mail.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetToken([REDACTED])")
    }
}

fn digest(token: &SecretBytes) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

/// What is stored of what somebody presents as a token; none if it cannot be one.
pub(super) fn presented(token: &SecretString) -> Option<[u8; 32]> {
    let text = token.expose_secret().strip_prefix(PREFIX)?;
    let bytes = SecretBytes::from_base64(text).ok()?;
    // The reader takes two alphabets and padding; a token is written in one way.
    let canonical = bytes.to_base64url().ct_matches(text);
    (canonical && bytes.expose(<[u8]>::len) == BYTES).then(|| digest(&bytes))
}

/// A reset token was presented that is good. It is spent only when the new password is taken.
///
/// It says whose account it is and nothing about who is asking: whoever has a second factor is asked for it all the same, after
/// the reset as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetTicket {
    pub(super) account: Account,
    pub(super) digest: [u8; 32],
}

impl ResetTicket {
    /// Whose password may be set.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }
}

/// Where the digests of reset tokens are kept. Each method is one atomic operation.
pub trait ResetStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps `digest` until `expires`, in the place of any other of the same account.
    fn put<'a>(
        &'a self,
        account: &'a Account,
        digest: &'a [u8; 32],
        expires: Timestamp,
        now: Timestamp,
    ) -> Answer<'a, ()>;

    /// Whose it is, if it is kept and `now` is before its end.
    fn find<'a>(&'a self, digest: &'a [u8; 32], now: Timestamp) -> Answer<'a, Option<Account>>;

    /// As [`find`](Self::find), and forgets it: of several who ask for the same, one gets the account.
    fn take<'a>(&'a self, digest: &'a [u8; 32], now: Timestamp) -> Answer<'a, Option<Account>>;

    /// Forgets the one of the account, if there is one.
    fn forget<'a>(&'a self, account: &'a Account) -> Answer<'a, ()>;
}
