use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Lease, Loading, SecretSource, SourceError, SourceErrorKind, Version, Versioned};
use crate::SecretBytes;

type Loaded = Result<Versioned<SecretBytes>, SourceError>;

/// Secrets that belong together, such as a user name and its password, each under its name.
#[derive(Debug, Default)]
pub struct SecretGroup(Vec<(Arc<str>, SecretBytes)>);

impl SecretGroup {
    /// The member called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretBytes> {
        let (_, value) = self.0.iter().find(|(member, _)| **member == *name)?;
        Some(value)
    }

    /// The names of the members, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Puts together what was loaded. One member that is missing while others are there makes the group unusable; if
    /// none is there, there is no group.
    pub(super) fn gather(
        subject: &dyn fmt::Display,
        members: Vec<(Arc<str>, Loaded)>,
    ) -> Result<Versioned<Self>, SourceError> {
        let wanted = members.len();
        let mut group = Self(Vec::with_capacity(wanted));
        let mut lease: Option<Lease> = None;
        for (name, loaded) in members {
            let loaded = match loaded {
                Err(error) if error.kind() == SourceErrorKind::NotFound => continue,
                loaded => loaded?,
            };
            lease = match (lease, loaded.lease_ref()) {
                (Some(one), Some(other)) => Some(one.shorter(other)),
                (one, other) => one.or(other),
            };
            group.0.push((name, loaded.into_value()));
        }
        match group.0.len() {
            0 => Err(SourceError::new(SourceErrorKind::NotFound, subject)),
            found if found < wanted => Err(SourceError::new(SourceErrorKind::Incomplete, subject)),
            _ => {
                let parts = group
                    .0
                    .iter()
                    .flat_map(|(name, value)| [name.as_bytes(), value.expose_secret()]);
                let version = Version::of(&parts.collect::<Vec<_>>());
                Ok(Versioned::new(group, version).lease(lease))
            }
        }
    }
}

/// Loads each member of a [`SecretGroup`] from a source of its own, one after the other.
///
/// Nothing binds the sources together: if they change while the group is loaded, it may hold one member of before and
/// one of after. For files of one directory, [`Directory::group`](super::Directory::group) sees to that; otherwise try
/// the group out before it is taken over.
#[derive(Clone, Debug)]
pub struct GroupSource {
    name: Arc<str>,
    members: Vec<(Arc<str>, Arc<dyn SecretSource>)>,
}

impl GroupSource {
    /// A group without members; `name` is for error messages.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            members: Vec::new(),
        }
    }

    /// Adds a member. Of two with the same name, the last counts.
    #[must_use]
    pub fn secret(mut self, name: &str, source: impl SecretSource) -> Self {
        self.members.retain(|(member, _)| **member != *name);
        self.members.push((name.into(), Arc::new(source)));
        self
    }
}

impl fmt::Display for GroupSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {:?}", self.name)
    }
}

impl SecretSource<SecretGroup> for GroupSource {
    fn load(&self) -> Loading<'_, SecretGroup> {
        Box::pin(async move {
            let mut loaded = Vec::with_capacity(self.members.len());
            for (name, source) in &self.members {
                loaded.push((name.clone(), source.load().await));
            }
            SecretGroup::gather(self, loaded)
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        let sources = self.members.iter();
        sources.flat_map(|(_, source)| source.files()).collect()
    }
}
