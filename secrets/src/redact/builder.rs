use std::sync::Arc;

use super::bytes::is_token;
use super::names::{AllowlistMode, Names};
use super::scan::Scanner;
use super::{Engine, KnownSecrets, Redactor, RedactorError, RedactorErrorKind};
use crate::common::names::SEPARATORS;

/// The settings of a [`Redactor`]. Made by [`Redactor::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is redacted until the redactor is built and used"]
pub struct RedactorBuilder {
    sensitive: Vec<String>,
    allowed: Vec<String>,
    mode: AllowlistMode,
    prefixes: Vec<String>,
    emails: bool,
    known: Option<KnownSecrets>,
}

impl RedactorBuilder {
    /// More names of fields that hold secrets, in addition to those [that are known](super#names).
    /// The words of a name are separated by `_`: `tax_number` stands for `taxNumber` and
    /// `x-tax-number` as well.
    pub fn sensitive(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.sensitive.extend(names.into_iter().map(Into::into));
        self
    }

    /// Names of fields that are shown although they look like those of secrets, `csrf_token` for
    /// instance; with [`AllowlistMode::DropUnlisted`] all that are shown. They stand for whole names,
    /// in whatever case and with whatever separators.
    pub fn allow(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.allowed.extend(names.into_iter().map(Into::into));
        self
    }

    /// Whether fields that are not [allowed](Self::allow) are left out, [`AllowlistMode::Exempt`]
    /// if not set.
    pub fn allowlist_mode(mut self, mode: AllowlistMode) -> Self {
        self.mode = mode;
        self
    }

    /// What the tokens of your own service begin with, `acme_live_` for instance. The prefix itself
    /// is shown, if at least eight characters follow it.
    pub fn prefixes(mut self, prefixes: impl IntoIterator<Item: Into<String>>) -> Self {
        self.prefixes.extend(prefixes.into_iter().map(Into::into));
        self
    }

    /// Shows of the local part of e-mail addresses the first letter only: `j***@example.com`.
    /// They are shown whole if this is not set.
    pub fn emails(mut self) -> Self {
        self.emails = true;
        self
    }

    /// Looks for the values of `secrets` as well, those of today and those that it learns later.
    pub fn known_secrets(mut self, secrets: KnownSecrets) -> Self {
        self.known = Some(secrets);
        self
    }

    /// Builds the redactor. It takes some milliseconds; clones of a redactor share what is built.
    ///
    /// # Errors
    ///
    /// If a name or prefix is [not one](RedactorErrorKind), or there are too many.
    pub fn build(self) -> Result<Redactor, RedactorError> {
        let names = self.sensitive.iter().chain(&self.allowed);
        for name in names {
            let in_name = |byte: u8| byte.is_ascii_alphanumeric() || SEPARATORS.contains(&byte);
            let has_word = name.bytes().any(|byte| byte.is_ascii_alphanumeric());
            if !has_word || !name.bytes().all(in_name) {
                return Err(RedactorError::new(RedactorErrorKind::Name(name.clone())));
            }
        }
        for prefix in &self.prefixes {
            const SHORTEST: usize = 4;
            let in_prefix = |byte: u8| is_token(byte) || byte == b'.';
            if prefix.len() < SHORTEST || !prefix.bytes().all(in_prefix) {
                let kind = RedactorErrorKind::Prefix(prefix.clone());
                return Err(RedactorError::new(kind));
            }
        }
        let scanner = Scanner::new(&self.sensitive, &self.prefixes, self.emails)
            .map_err(RedactorError::too_many)?;
        let names = Names::new(&self.sensitive, &self.allowed, self.mode);
        let known = self.known;
        Ok(Redactor(Arc::new(Engine {
            names,
            scanner,
            known,
        })))
    }
}
