use std::fmt;

use super::PasswordHash;
use crate::id::{SubjectId, TenantId};
use crate::store::Answer;

/// Whose password it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The tenant that the subject belongs to.
    pub tenant: TenantId,
    /// The subject.
    pub subject: SubjectId,
}

/// Where the caller keeps hashes: usually a column of the table of accounts. Each method is one atomic operation.
pub trait PasswordStore: fmt::Debug + Send + Sync + 'static {
    /// Puts `new` in the place of `old`, and changes nothing else, if `old` still stands there: `UPDATE .. SET hash = new WHERE
    /// id = account AND hash = old`. Whether it did.
    ///
    /// Both are hashes of the same password. If somebody has changed the password meanwhile, theirs is the one that must stay.
    fn rehash<'a>(
        &'a self,
        account: &'a Account,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool>;

    /// Puts a password in place that its owner has chosen. Whether it did.
    ///
    /// In the same transaction it raises the subject's epoch, so that sessions of before end, and clears `must_change`. With
    /// `old`, only if that still stands there; without, whatever stands there. False as well if there is no such account.
    fn change<'a>(
        &'a self,
        account: &'a Account,
        old: Option<&'a PasswordHash>,
        new: &'a PasswordHash,
    ) -> Answer<'a, bool>;
}
