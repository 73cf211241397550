//! Passwords that others have lost.

mod error;
mod file;
mod filter;
#[cfg(test)]
mod tests;

use std::fmt;

use sha1::{Digest as _, Sha1};

pub use self::error::{BreachFilterError, BreachFilterErrorKind};
pub use self::filter::{BreachFilter, Precision};
use crate::store::Answer;

/// Knows which passwords are public from breaches.
///
/// It is asked when a password is chosen, and refuses it then; and after a sign-in, where a hit leads to `must_change`. It gets
/// the SHA-1 of the password in NFC, which is what [Have I Been Pwned] goes by, and never the password: to guess the one from
/// the other is easy, so an implementation keeps it as secret as the password.
///
/// [Have I Been Pwned]: https://haveibeenpwned.com/API/v3#PwnedPasswords
pub trait BreachChecker: fmt::Debug + Send + Sync + 'static {
    /// Whether the password with this SHA-1 is known.
    fn is_breached<'a>(&'a self, sha1: &'a [u8; 20]) -> Answer<'a, bool>;
}

impl BreachChecker for BreachFilter {
    fn is_breached<'a>(&'a self, sha1: &'a [u8; 20]) -> Answer<'a, bool> {
        let hit = self.contains(sha1);
        Box::pin(std::future::ready(Ok(hit)))
    }
}

pub(super) fn sha1(prepared: &[u8]) -> [u8; 20] {
    Sha1::digest(prepared).into()
}
