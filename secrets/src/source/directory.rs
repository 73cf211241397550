use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fmt, fs, io};

use super::file::{Access, FileRules, FileSource, blocking};
use super::{Loading, SecretGroup, SecretSource, SourceError, SourceErrorKind, Versioned};

/// The link that Kubernetes swaps to change all files of a volume at once.
const KUBERNETES_LINK: &str = "..data";

/// A directory with a file for each secret: Docker's `/run/secrets`, a Kubernetes volume, systemd's credentials.
///
/// A directory that does not exist has no secrets: it is no error until a secret is wanted and found nowhere.
#[derive(Clone, Debug)]
pub struct Directory {
    path: Option<Arc<Path>>,
    pub(super) rules: FileRules,
}

impl Directory {
    /// The directory at `path`: the mount path of a Kubernetes volume, for example.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = Some(path.into().into());
        let rules = FileRules::default();
        Self { path, rules }
    }

    /// Docker's and Podman's `/run/secrets`.
    #[must_use]
    pub fn docker() -> Self {
        Self::new("/run/secrets")
    }

    /// The directory that systemd names in `CREDENTIALS_DIRECTORY`; without the variable, one without secrets.
    ///
    /// The modes of the files are not looked at: systemd grants access by ACLs, which a mode shows as that of the group,
    /// and nobody but the service can enter the directory.
    #[must_use]
    pub fn systemd() -> Self {
        let path = env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty());
        Self {
            path: path.map(|path| PathBuf::from(path).into()),
            rules: FileRules {
                access: Access::Ignore,
                ..FileRules::default()
            },
        }
    }

    /// The secret in the file `name`.
    ///
    /// # Errors
    ///
    /// When `name` is not that of a file in this directory: it is empty, longer than 255 bytes, starts with a dot, or
    /// contains a slash, a backslash, a colon or a control character.
    pub fn secret(&self, name: &str) -> Result<DirectorySource, SourceError> {
        let file = FileName::parse(name)?;
        Ok(DirectorySource {
            file: self.path.as_deref().map(|path| self.file(path, &file)),
            name: file,
        })
    }

    /// The secrets in the files `names`, as they were at one moment.
    ///
    /// In a Kubernetes volume the files change together, and are read from one generation of the volume.
    ///
    /// # Errors
    ///
    /// When one of the names is not that of a file in this directory: see [`secret`](Self::secret).
    pub fn group<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<DirectoryGroup, SourceError> {
        let names = names
            .into_iter()
            .map(FileName::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let files = |path: &Arc<Path>| names.iter().map(|name| self.file(path, name)).collect();
        Ok(DirectoryGroup(Arc::new(Group {
            files: self.path.as_ref().map_or_else(Vec::new, files),
            path: self.path.clone(),
            names,
        })))
    }

    fn file(&self, path: &Path, name: &FileName) -> FileSource {
        FileSource::with_rules(path.join(&*name.0), self.rules)
    }
}

/// A name that stays inside of its directory, and that Kubernetes does not keep for itself.
#[derive(Clone, Debug)]
struct FileName(Arc<str>);

impl FileName {
    fn parse(name: &str) -> Result<Self, SourceError> {
        let fits = (1..=255).contains(&name.len()) && !name.starts_with('.');
        if !fits || name.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control()) {
            return Err(SourceError::new(
                SourceErrorKind::BadName,
                format_args!("{name:?}"),
            ));
        }
        Ok(Self(name.into()))
    }
}

/// One secret of a [`Directory`].
#[derive(Clone, Debug)]
pub struct DirectorySource {
    name: FileName,
    file: Option<FileSource>,
}

impl SecretSource for DirectorySource {
    fn load(&self) -> Loading<'_> {
        if let Some(file) = &self.file {
            return file.load();
        }
        let subject = format!("directory for the secret {:?}", self.name.0);
        Box::pin(async { Err(SourceError::new(SourceErrorKind::NotFound, subject)) })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.file.iter().flat_map(SecretSource::files).collect()
    }
}

/// Several secrets of a [`Directory`] that belong together.
#[derive(Clone, Debug)]
pub struct DirectoryGroup(Arc<Group>);

#[derive(Debug)]
struct Group {
    path: Option<Arc<Path>>,
    names: Vec<FileName>,
    files: Vec<FileSource>,
}

impl Group {
    fn read(&self) -> Result<Versioned<SecretGroup>, SourceError> {
        let Some(path) = &self.path else {
            return Err(SourceError::new(SourceErrorKind::NotFound, self));
        };
        let generation = self.generation(path)?;
        let members = self.names.iter().zip(&self.files).map(|(name, file)| {
            let read = match &generation {
                Some(generation) => file.read_at(&path.join(generation).join(&*name.0)),
                None => file.read(),
            };
            (name.0.clone(), read)
        });
        let group = SecretGroup::gather(self, members.collect());
        // The old generation is removed soon after the swap, so what went wrong may only mean that we came too late.
        if self.generation(path)? != generation {
            return Err(SourceError::new(SourceErrorKind::Changing, self));
        }
        group
    }

    /// What the link points at, if this is a directory of Kubernetes's.
    fn generation(&self, path: &Path) -> Result<Option<PathBuf>, SourceError> {
        match fs::read_link(path.join(KUBERNETES_LINK)) {
            Ok(target) => Ok(Some(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SourceError::io(self, error)),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "group of secrets in {path:?}"),
            None => f.write_str("directory of a group of secrets"),
        }
    }
}

impl SecretSource<SecretGroup> for DirectoryGroup {
    fn load(&self) -> Loading<'_, SecretGroup> {
        let group = self.0.clone();
        Box::pin(async move {
            for _ in 0..2 {
                let read = group.clone();
                let loaded = blocking(move || read.read())
                    .await
                    .map_err(|error| SourceError::io(&group, error))?;
                match loaded {
                    Err(error) if error.kind() == SourceErrorKind::Changing => {}
                    loaded => return loaded,
                }
            }
            Err(SourceError::new(SourceErrorKind::Changing, &group))
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.files.iter().flat_map(SecretSource::files).collect()
    }
}
