//! Where secrets come from: the environment, files, directories of files, and chains of these.
//!
//! ```
//! use portcullis_secrets::source::{Chain, Directory, EnvSource, FileSource, SecretSource, SourceErrorKind};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # std::fs::write(directory.path().join("token_key"), "correct horse\n")?;
//! # std::fs::write(directory.path().join("empty"), "")?;
//! let secrets = Directory::new(directory.path());
//! let token_key = Chain::new()
//!     .then(Directory::systemd().secret("token_key")?)
//!     .then(secrets.secret("token_key")?)
//!     .then(EnvSource::or_file("TOKEN_KEY"));
//! let loaded = token_key.load().await?;
//! assert_eq!(loaded.value().expose_secret(), b"correct horse");
//!
//! let empty = secrets.secret("empty")?.load().await.unwrap_err();
//! assert_eq!(empty.kind(), SourceErrorKind::Empty);
//! let missing = FileSource::new("/nowhere/key").load().await.unwrap_err();
//! assert_eq!(missing.kind(), SourceErrorKind::NotFound);
//! # Ok(())
//! # }
//! ```
//!
//! A source that has nothing says [`NotFound`](SourceErrorKind::NotFound), and a [`Chain`] goes on to the next. Anything
//! else that goes wrong ends the chain: a store that is down must not silently put a default in force. Nothing counts
//! as found that cannot be a secret: an empty file or variable is an error.
//!
//! Everything is **text** unless it is declared [`binary`](FileSource::binary): valid UTF-8 without NUL and without a byte
//! order mark. Of a text file, one line end at the very end is not part of the secret: `\n` or `\r\n`, never more. Nothing
//! else is trimmed. No secret may have more than [`MAX_BYTES`].
//!
//! Each load reads anew, except from the environment. To take over new values while a service runs, give the source to
//! [`Rotating`](crate::rotate::Rotating) (feature `rotate`). Files are read on tokio's threads for blocking work when
//! there is a tokio runtime, and in place otherwise.
//!
//! A source is not where values are judged: strength, parsing and trial runs belong to who uses the secret.

mod chain;
mod content;
mod directory;
mod env;
mod error;
mod file;
mod group;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(test)]
mod tests;
#[cfg(feature = "vault")]
pub mod vault;
mod version;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

pub use chain::Chain;
pub use content::MAX_BYTES;
pub use directory::{Directory, DirectoryGroup, DirectorySource};
pub use env::EnvSource;
pub use error::{SourceError, SourceErrorKind};
pub use file::FileSource;
#[cfg(all(feature = "rotate", target_os = "linux"))]
pub(crate) use file::blocking;
pub use group::{GroupSource, SecretGroup};
pub use version::{Lease, Version, Versioned};

use crate::SecretBytes;

/// What [`SecretSource::load`] returns. Boxed, so that sources of different kinds can stand in one [`Chain`].
pub type Loading<'a, V = SecretBytes> =
    Pin<Box<dyn Future<Output = Result<Versioned<V>, SourceError>> + Send + 'a>>;

/// Where a secret, or a [`SecretGroup`], is loaded from.
pub trait SecretSource<V = SecretBytes>: fmt::Debug + Send + Sync + 'static {
    /// Loads the value that is current now.
    ///
    /// The future fails with [`SourceErrorKind::NotFound`] if the source works and has no such secret, and with another
    /// kind if that cannot be told or what is there cannot be used. Dropping it leaves nothing behind.
    fn load(&self) -> Loading<'_, V>;

    /// The files that the value is read from, for [`Rotating`](crate::rotate::Rotating) to watch. Default: none.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

impl<V, S: SecretSource<V> + ?Sized> SecretSource<V> for Arc<S> {
    fn load(&self) -> Loading<'_, V> {
        (**self).load()
    }

    fn files(&self) -> Vec<PathBuf> {
        (**self).files()
    }
}

impl<V: 'static, S: SecretSource<V> + ?Sized> SecretSource<V> for Box<S> {
    fn load(&self) -> Loading<'_, V> {
        (**self).load()
    }

    fn files(&self) -> Vec<PathBuf> {
        (**self).files()
    }
}
