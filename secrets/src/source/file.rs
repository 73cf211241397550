use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use super::content::Content;
use super::{Directory, Loading, MAX_BYTES, SecretSource, SourceError, SourceErrorKind, Versioned};
use crate::SecretBytes;

/// A file whose content is the secret.
///
/// Each load opens the path anew, so a file that was replaced, also through a symbolic link further up, is seen. Defaults:
/// text (see the [module docs](super)); a file that group or others may read or write is used, and said in one
/// `secret_weak` event.
#[derive(Clone, Debug)]
pub struct FileSource {
    path: Arc<Path>,
    rules: FileRules,
    warned: Arc<AtomicBool>,
}

/// What a file must be like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileRules {
    pub(super) content: Content,
    pub(super) access: Access,
}

/// What to do about a file that group or others may read or write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Access {
    #[default]
    Warn,
    Refuse,
    Ignore,
}

/// What can be asked of one file and of all in a directory.
macro_rules! rules {
    ($($name:ident),*) => {$(
        impl $name {
            /// Takes the bytes of a file as they are: nothing is stripped, NUL is fine.
            #[must_use]
            pub fn binary(mut self) -> Self {
                self.rules.content = Content::Binary;
                self
            }

            /// Refuses a file that group or others may read or write, instead of only saying so. Those of a Kubernetes
            /// volume have mode 0644 unless `defaultMode` says otherwise.
            #[must_use]
            pub fn strict(mut self) -> Self {
                self.rules.access = Access::Refuse;
                self
            }
        }
    )*};
}

rules!(FileSource, Directory);

impl FileSource {
    /// The file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_rules(path.into(), FileRules::default())
    }

    pub(super) fn with_rules(path: PathBuf, rules: FileRules) -> Self {
        Self {
            path: path.into(),
            rules,
            warned: Arc::default(),
        }
    }

    /// Reads the file now, on this thread: for the start of a program, before there is a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`load`](SecretSource::load).
    pub fn read(&self) -> Result<Versioned<SecretBytes>, SourceError> {
        self.read_at(&self.path)
    }

    /// Reads the same file by another path.
    pub(super) fn read_at(&self, path: &Path) -> Result<Versioned<SecretBytes>, SourceError> {
        let fail = |kind| SourceError::new(kind, self);
        let bytes = read(path, |mode| self.permit(mode)).map_err(|fault| match fault {
            Fault::Kind(kind) => fail(kind),
            Fault::Io(error) if error.kind() == ErrorKind::NotFound => {
                fail(SourceErrorKind::NotFound)
            }
            Fault::Io(error) => SourceError::io(self, error),
        })?;
        let secret = self.rules.content.of_file(&bytes).map_err(fail)?;
        Ok(SecretBytes::from(secret).into())
    }

    fn permit(&self, mode: u32) -> Result<(), SourceErrorKind> {
        if mode & 0o066 == 0 {
            return Ok(());
        }
        match self.rules.access {
            Access::Ignore => {}
            Access::Refuse => return Err(SourceErrorKind::Permissions),
            Access::Warn if self.warned.swap(true, Ordering::Relaxed) => {}
            Access::Warn => tracing::warn!(
                target: "portcullis::audit",
                event = "secret_weak",
                outcome = "observed",
                reason = SourceErrorKind::Permissions.as_str(),
                path = ?self.path,
                mode = %format_args!("{mode:04o}"),
            ),
        }
        Ok(())
    }
}

impl fmt::Display for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Quoted and escaped: a path may contain line ends.
        write!(f, "file {:?}", self.path)
    }
}

impl SecretSource for FileSource {
    fn load(&self) -> Loading<'_> {
        let this = self.clone();
        Box::pin(async move {
            let read = this.clone();
            blocking(move || read.read())
                .await
                .map_err(|error| SourceError::io(this, error))?
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.to_path_buf()]
    }
}

enum Fault {
    Kind(SourceErrorKind),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn read(
    path: &Path,
    permit: impl FnOnce(u32) -> Result<(), SourceErrorKind>,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    // Before it is opened: to open a pipe would wait for someone to write into it.
    if !fs::metadata(path)?.is_file() {
        return Err(Fault::Kind(SourceErrorKind::NotAFile));
    }
    let mut file = File::open(path)?;
    // Of the open file, since the path may lead to another one by now.
    let metadata = file.metadata()?;
    permit(mode(&metadata)).map_err(Fault::Kind)?;
    let expected = match usize::try_from(metadata.len()) {
        Ok(len) if len <= MAX_BYTES => len,
        _ => return Err(Fault::Kind(SourceErrorKind::TooLarge)),
    };
    // Never grows, so that no copy is left behind; the one byte more is there to see a file that did grow.
    let mut bytes = Zeroizing::new(vec![0; expected + 1]);
    let mut len = 0;
    while len < bytes.len() {
        match file.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    if len != expected {
        return Err(Fault::Kind(SourceErrorKind::Changing));
    }
    bytes.truncate(len);
    Ok(bytes)
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

/// Elsewhere access is not told by a mode, and nothing is said about it.
#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0
}

/// Runs `work` where it may block: a file system can hang.
pub(crate) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> io::Result<R> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => Ok(runtime.spawn_blocking(work).await?),
        Err(_) => Ok(work()),
    }
}
