use std::error::Error;
use std::fmt;

use super::{InvalidPermission, MAX_DEPTH, MAX_PERMISSIONS, MAX_ROLES};

/// Why a catalogue could not be built, or something is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolesError {
    kind: RolesErrorKind,
    role: Option<Box<str>>,
    name: Box<str>,
}

/// The causes of a [`RolesError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RolesErrorKind {
    /// A text is not a permission.
    InvalidPermission,
    /// A permission of the catalogue itself has a `*`.
    Wildcard,
    /// A role's name has other characters than `a-z`, `0-9`, `_` and `-`, none, or more than 64.
    InvalidName,
    /// Two roles have one name.
    DuplicateRole,
    /// A permission that is not in the catalogue, or a `*` that stands for none of it.
    UnknownPermission,
    /// A role that is not in the catalogue.
    UnknownRole,
    /// A role includes itself, directly or through others.
    Cycle,
    /// Roles include roles more than 8 deep.
    TooDeep,
    /// More than 4096 permissions or 4096 roles.
    TooMany,
}

impl RolesError {
    pub(super) fn new(kind: RolesErrorKind, role: Option<&str>, name: &str) -> Self {
        let (role, name) = (role.map(Into::into), name.into());
        Self { kind, role, name }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> RolesErrorKind {
        self.kind
    }
}

impl fmt::Display for RolesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(role) = &self.role {
            write!(f, "role `{role}`: ")?;
        }
        let name = &self.name;
        match self.kind {
            RolesErrorKind::InvalidPermission => {
                write!(
                    f,
                    "`{}` is no permission: {}",
                    name.escape_debug(),
                    InvalidPermission(())
                )
            }
            RolesErrorKind::Wildcard => write!(
                f,
                "`{name}` stands for several permissions: the catalogue lists each one"
            ),
            RolesErrorKind::InvalidName => write!(
                f,
                "`{}` cannot be the name of a role: it has 1 to 64 of a-z, 0-9, _ and -",
                name.escape_debug()
            ),
            RolesErrorKind::DuplicateRole => write!(f, "there are two roles `{name}`"),
            RolesErrorKind::UnknownPermission => {
                write!(f, "the catalogue has no permission `{name}`")
            }
            RolesErrorKind::UnknownRole => write!(f, "the catalogue has no role `{name}`"),
            RolesErrorKind::Cycle => write!(f, "it includes itself by way of `{name}`"),
            RolesErrorKind::TooDeep => {
                write!(
                    f,
                    "what `{name}` includes is more than {MAX_DEPTH} roles deep"
                )
            }
            RolesErrorKind::TooMany => write!(
                f,
                "a catalogue has {MAX_PERMISSIONS} permissions and {MAX_ROLES} roles at most"
            ),
        }
    }
}

impl Error for RolesError {}
