//! Which names are treated as those of secrets.

use crate::common::names::{ALLOWED, Place, is_sensitive, letters, normal};

/// What the list of allowed names means. See [`RedactorBuilder::allow`](super::RedactorBuilder::allow).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowlistMode {
    /// Names on the list are shown although they look like those of secrets.
    #[default]
    Exempt,
    /// Only names on the list are shown. A log event loses every other field; a document keeps its
    /// shape and loses their values. Free text has no fields, so it is treated as with `Exempt`.
    DropUnlisted,
}

/// How the value under a name is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Searched for what looks like a secret.
    Plain,
    /// Replaced, together with all that is in it.
    Sensitive,
    /// Left out, because it is not on a list that is exhaustive.
    Unlisted,
}

/// The names that are told, beside those that are built in.
pub(super) struct Names {
    sensitive: Vec<String>,
    /// Sorted.
    allowed: Vec<String>,
    mode: AllowlistMode,
}

impl Names {
    pub(super) fn new(sensitive: &[String], allowed: &[String], mode: AllowlistMode) -> Self {
        let allowed = allowed.iter().map(String::as_str);
        let allowed = ALLOWED.iter().copied().chain(allowed);
        let mut allowed: Vec<_> = allowed.map(normal).collect();
        allowed.sort_unstable();
        Self {
            sensitive: sensitive.iter().map(|name| normal(name)).collect(),
            allowed,
            mode,
        }
    }

    pub(super) fn class(&self, name: &[u8], place: Place) -> Class {
        if self.is_sensitive(name, place) {
            Class::Sensitive
        } else if self.mode == AllowlistMode::DropUnlisted && !self.is_allowed(name) {
            Class::Unlisted
        } else {
            Class::Plain
        }
    }

    pub(super) fn is_sensitive(&self, name: &[u8], place: Place) -> bool {
        is_sensitive(name, place, &self.sensitive) && !self.is_allowed(name)
    }

    fn is_allowed(&self, name: &[u8]) -> bool {
        let found = self
            .allowed
            .binary_search_by(|allowed| allowed.bytes().cmp(letters(name)));
        found.is_ok()
    }
}
