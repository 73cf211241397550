use std::fmt;

use super::envelope::{decrypt, encrypt};
use super::{Answer, KeyService};
use crate::SecretBytes;
use crate::source::{SourceError, SourceErrorKind};

/// Master keys in this process, as a [`KeyService`].
pub struct LocalKeys {
    /// The first encrypts; all decrypt.
    keys: Vec<(Box<str>, SecretBytes)>,
}

impl LocalKeys {
    /// Encrypts and decrypts with `key`, which has 32 bytes; `id` is stored with what it encrypts.
    ///
    /// # Errors
    ///
    /// When the key has another length.
    pub fn new(id: &str, key: SecretBytes) -> Result<Self, SourceError> {
        Self { keys: Vec::new() }.also(id, key)
    }

    /// Also decrypts with `key`: one that has encrypted before the current one did.
    ///
    /// # Errors
    ///
    /// When the key has not 32 bytes, or there is a key of this id.
    pub fn also(mut self, id: &str, key: SecretBytes) -> Result<Self, SourceError> {
        let fail = |kind| SourceError::new(kind, format_args!("master key {id:?}"));
        if key.expose_secret().len() != 32 {
            return Err(fail(SourceErrorKind::Malformed));
        }
        if self.find(id).is_some() {
            return Err(fail(SourceErrorKind::Ambiguous));
        }
        self.keys.push((id.into(), key));
        Ok(self)
    }

    fn find(&self, id: &str) -> Option<&SecretBytes> {
        let (_, key) = self.keys.iter().find(|(known, _)| **known == *id)?;
        Some(key)
    }
}

impl KeyService for LocalKeys {
    fn wrap_key<'a>(
        &'a self,
        data_key: &'a SecretBytes,
        context: &'a str,
    ) -> Answer<'a, (String, Vec<u8>)> {
        Box::pin(async move {
            let fail = |kind| SourceError::new(kind, "master key");
            let (id, key) = self
                .keys
                .first()
                .ok_or_else(|| fail(SourceErrorKind::NotFound))?;
            let wrapped = encrypt(key, context, data_key).map_err(fail)?;
            Ok((id.to_string(), wrapped))
        })
    }

    fn unwrap_key<'a>(
        &'a self,
        key_id: &'a str,
        wrapped: &'a [u8],
        context: &'a str,
    ) -> Answer<'a, SecretBytes> {
        Box::pin(async move {
            let fail =
                |kind| SourceError::new(kind, format_args!("data key under master key {key_id:?}"));
            // Not `NotFound`: the secret is there, and a chain must not go on to a default.
            let key = self
                .find(key_id)
                .ok_or_else(|| fail(SourceErrorKind::Undecryptable))?;
            decrypt(key, context, wrapped).map_err(fail)
        })
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| id).collect();
        f.debug_struct("LocalKeys")
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}
