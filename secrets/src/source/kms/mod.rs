//! Envelope encryption: what lies in a file, a repository or a variable is ciphertext, and the key to it never leaves a
//! key management service.
//!
//! ```
//! use portcullis_secrets::SecretBytes;
//! use portcullis_secrets::source::kms::{Envelope, Kms, LocalKeys};
//! use portcullis_secrets::source::{FileSource, SecretSource, SourceErrorKind};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("smtp_password.sealed");
//! let kms = Kms::new(LocalKeys::new("2026-01", SecretBytes::generate(32)?)?);
//! let password = SecretBytes::from(&b"correct horse"[..]);
//! let sealed = kms.seal("smtp_password", &password).await?;
//! std::fs::write(&path, &sealed)?;
//!
//! let source = Envelope::new("smtp_password", FileSource::new(&path), &kms);
//! assert_eq!(source.load().await?.value().expose_secret(), b"correct horse");
//!
//! // Each envelope is for one name: one secret cannot be put in the place of another.
//! let wrong = Envelope::new("database_password", FileSource::new(&path), &kms).load().await.unwrap_err();
//! assert_eq!(wrong.kind(), SourceErrorKind::Undecryptable);
//! # Ok(())
//! # }
//! ```
//!
//! Each secret is encrypted with a data key of its own (XChaCha20-Poly1305), and the data key by the service, to which
//! [`KeyService`] is the way: write one for yours. [`LocalKeys`] is for development, and for machines whose master key comes
//! from elsewhere, such as systemd's credentials.
//!
//! Decryption happens at each load, four at a time at most, since services limit their rate; the plaintext is kept in
//! the result alone.

mod envelope;
mod local;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

pub use envelope::Envelope;
pub use local::LocalKeys;

use super::{SourceError, SourceErrorKind};
use crate::SecretBytes;

/// How many requests a [`Kms`] has under way at most.
const CONCURRENCY: usize = 4;

/// What a [`KeyService`] returns.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// A key management service, as far as envelopes need one.
///
/// `context` is authenticated together with the key and not stored with it: the encryption context of AWS, the additional
/// authenticated data of Google Cloud.
pub trait KeyService: fmt::Debug + Send + Sync + 'static {
    /// Encrypts a data key under the key that is current now, and returns that key's id with the ciphertext.
    fn wrap_key<'a>(
        &'a self,
        data_key: &'a SecretBytes,
        context: &'a str,
    ) -> Answer<'a, (String, Vec<u8>)>;

    /// Decrypts what [`wrap_key`](Self::wrap_key) has made under the key called `key_id`.
    ///
    /// The future fails with [`Unavailable`](SourceErrorKind::Unavailable) if the service does not answer, with
    /// [`Denied`](SourceErrorKind::Denied) if it does not let us, and with
    /// [`Undecryptable`](SourceErrorKind::Undecryptable) if `wrapped` is not of this key and context.
    fn unwrap_key<'a>(
        &'a self,
        key_id: &'a str,
        wrapped: &'a [u8],
        context: &'a str,
    ) -> Answer<'a, SecretBytes>;
}

/// A [`KeyService`], and the rule that it gets four requests at a time at most. Clones share both.
#[derive(Clone, Debug)]
pub struct Kms {
    service: Arc<dyn KeyService>,
    permits: Arc<Semaphore>,
}

impl Kms {
    /// Uses `service`.
    pub fn new(service: impl KeyService) -> Self {
        Self {
            service: Arc::new(service),
            permits: Arc::new(Semaphore::new(CONCURRENCY)),
        }
    }

    /// Encrypts `secret` for the name `name`, as one line of text to be stored.
    ///
    /// # Errors
    ///
    /// Those of the service; when `secret` is empty or too large to be loaded again; when there is no randomness.
    pub async fn seal(&self, name: &str, secret: &SecretBytes) -> Result<String, SourceError> {
        envelope::seal(self, name, secret).await
    }

    async fn wrap_key(
        &self,
        data_key: &SecretBytes,
        context: &str,
    ) -> Result<(String, Vec<u8>), SourceError> {
        // It is never closed; if it were, there would be no limit and no harm.
        let _permit = self.permits.acquire().await;
        self.service.wrap_key(data_key, context).await
    }

    async fn unwrap_key(
        &self,
        key_id: &str,
        wrapped: &[u8],
        context: &str,
    ) -> Result<SecretBytes, SourceError> {
        let _permit = self.permits.acquire().await;
        let unwrapped = self.service.unwrap_key(key_id, wrapped, context).await;
        unwrapped.map_err(|error| match error.kind() {
            // The envelope is there, so its secret is: a chain must not go on.
            SourceErrorKind::NotFound => SourceError::new(
                SourceErrorKind::Undecryptable,
                format_args!("key {key_id:?}"),
            ),
            _ => error,
        })
    }
}
