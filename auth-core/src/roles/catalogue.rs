use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::bits::Bits;
use super::permission::is_name;
use super::{
    Access, Grant, MAX_DEPTH, MAX_PERMISSIONS, MAX_ROLES, Permission, Requirement, RolesError,
    RolesErrorKind, Scopes,
};
use crate::id::{SubjectId, TenantId};

/// All permissions that there are, and what each role allows. A clone shares it.
///
/// Built once, by [`Roles::builder`]: each permission becomes a number and each role a set of bits, with the roles that it
/// includes resolved.
#[derive(Clone)]
pub struct Roles(Arc<Catalogue>);

struct Catalogue {
    permissions: Vec<Permission>,
    indices: HashMap<Permission, usize>,
    roles: HashMap<Box<str>, Bits>,
}

/// What one role allows. See [`RolesBuilder::role`].
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until it is in a catalogue"]
pub struct Role {
    name: String,
    allows: Vec<String>,
    includes: Vec<String>,
}

impl Role {
    /// A role that allows nothing. Its name has 1 to 64 of `a-z`, `0-9`, `_` and `-`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            allows: Vec::new(),
            includes: Vec::new(),
        }
    }

    /// Adds permissions: such as are in the catalogue, or with a `*` for those that it stands for.
    pub fn allows<P: Into<String>>(mut self, permissions: impl IntoIterator<Item = P>) -> Self {
        self.allows.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Adds all that other roles allow.
    pub fn includes<N: Into<String>>(mut self, roles: impl IntoIterator<Item = N>) -> Self {
        self.includes.extend(roles.into_iter().map(Into::into));
        self
    }
}

/// Builds a catalogue. Started by [`Roles::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "there is no catalogue until `build`"]
pub struct RolesBuilder {
    permissions: Vec<String>,
    roles: Vec<Role>,
}

impl RolesBuilder {
    /// Adds permissions that there are. Each is listed as itself, without `*`.
    pub fn permissions<P: Into<String>>(
        mut self,
        permissions: impl IntoIterator<Item = P>,
    ) -> Self {
        self.permissions
            .extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Adds a role. The order does not matter.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Builds the catalogue.
    ///
    /// # Errors
    ///
    /// When a text is no permission or cannot be a role's name, when a role allows or includes what is not there, when two
    /// roles have one name, when roles include each other in a circle or more than 8 deep, and when there are more than
    /// 4096 permissions or roles. A typing error in a configuration is found here, not when somebody is denied.
    pub fn build(self) -> Result<Roles, RolesError> {
        if self.permissions.len() > MAX_PERMISSIONS || self.roles.len() > MAX_ROLES {
            return Err(RolesError::new(RolesErrorKind::TooMany, None, ""));
        }
        let mut catalogue = Catalogue {
            permissions: Vec::new(),
            indices: HashMap::new(),
            roles: HashMap::new(),
        };
        for text in &self.permissions {
            let permission = parse(text, None)?;
            if permission.is_wildcard() {
                return Err(RolesError::new(RolesErrorKind::Wildcard, None, text));
            }
            if !catalogue.indices.contains_key(&permission) {
                let index = catalogue.permissions.len();
                catalogue.indices.insert(permission.clone(), index);
                catalogue.permissions.push(permission);
            }
        }
        let mut by_name = HashMap::new();
        for role in &self.roles {
            if !is_name(&role.name) {
                return Err(RolesError::new(
                    RolesErrorKind::InvalidName,
                    None,
                    &role.name,
                ));
            }
            if by_name.insert(&*role.name, role).is_some() {
                return Err(RolesError::new(
                    RolesErrorKind::DuplicateRole,
                    None,
                    &role.name,
                ));
            }
        }
        let mut resolved = HashMap::new();
        for role in &self.roles {
            resolve(role, &by_name, &catalogue, &mut Vec::new(), &mut resolved)?;
        }
        let named = resolved.into_iter();
        catalogue.roles = named.map(|(name, (bits, _))| (name.into(), bits)).collect();
        Ok(Roles(Arc::new(catalogue)))
    }
}

fn parse(text: &str, role: Option<&str>) -> Result<Permission, RolesError> {
    let kind = RolesErrorKind::InvalidPermission;
    text.parse().map_err(|_| RolesError::new(kind, role, text))
}

/// Works out what `role` allows and how many roles deep it goes. `path` holds the roles that led here.
fn resolve<'a>(
    role: &'a Role,
    by_name: &HashMap<&'a str, &'a Role>,
    catalogue: &Catalogue,
    path: &mut Vec<&'a str>,
    resolved: &mut HashMap<&'a str, (Bits, usize)>,
) -> Result<usize, RolesError> {
    if let Some((_, depth)) = resolved.get(&*role.name) {
        return Ok(*depth);
    }
    let fault = |kind, name| Err(RolesError::new(kind, Some(&role.name), name));
    let mut bits = Bits::none(catalogue.permissions.len());
    for text in &role.allows {
        let matching = catalogue.matching(&parse(text, Some(&role.name))?);
        if matching.is_empty() {
            return fault(RolesErrorKind::UnknownPermission, text);
        }
        bits.unite(&matching);
    }
    path.push(&role.name);
    let mut depth = 1;
    for name in &role.includes {
        let Some(included) = by_name.get(&**name) else {
            return fault(RolesErrorKind::UnknownRole, name);
        };
        if path.contains(&&**name) {
            return fault(RolesErrorKind::Cycle, name);
        }
        // Looked at before going on, so that no configuration makes this recurse for long.
        if path.len() >= MAX_DEPTH {
            return fault(RolesErrorKind::TooDeep, name);
        }
        let below = resolve(included, by_name, catalogue, path, resolved)?;
        if path.len() + below > MAX_DEPTH {
            return fault(RolesErrorKind::TooDeep, name);
        }
        depth = depth.max(1 + below);
        if let Some((inherited, _)) = resolved.get(&**name) {
            bits.unite(inherited);
        }
    }
    path.pop();
    resolved.insert(&role.name, (bits, depth));
    Ok(depth)
}

impl Catalogue {
    /// The permissions that `permission` covers.
    fn matching(&self, permission: &Permission) -> Bits {
        let mut bits = Bits::none(self.permissions.len());
        if !permission.is_wildcard() {
            if let Some(index) = self.indices.get(permission) {
                bits.add(*index);
            }
            return bits;
        }
        for (index, known) in self.permissions.iter().enumerate() {
            if permission.covers(known) {
                bits.add(index);
            }
        }
        bits
    }
}

impl Roles {
    /// Starts an empty catalogue.
    pub fn builder() -> RolesBuilder {
        RolesBuilder::default()
    }

    /// What somebody may do who has all these roles and no others. Roles that are not in the catalogue allow nothing.
    #[must_use]
    pub fn access<N: AsRef<str>>(&self, roles: impl IntoIterator<Item = N>) -> Access {
        let mut bits = Bits::none(self.0.permissions.len());
        for name in roles {
            if let Some(allowed) = self.0.roles.get(name.as_ref()) {
                bits.unite(allowed);
            }
        }
        Access::new(self.clone(), bits)
    }

    /// What `subject` may do within `tenant`, by those of `grants` that apply there.
    #[must_use]
    pub fn effective<'a>(
        &self,
        grants: impl IntoIterator<Item = &'a Grant>,
        subject: &SubjectId,
        tenant: &TenantId,
    ) -> Access {
        let here = grants.into_iter();
        self.access(
            here.filter(|grant| grant.applies(subject, tenant))
                .map(Grant::role),
        )
    }

    /// What the scopes let through, whoever has them.
    #[must_use]
    pub fn scoped(&self, scopes: &Scopes) -> Access {
        let mut bits = Bits::none(self.0.permissions.len());
        for scope in scopes.iter() {
            if let Some(index) = self.0.indices.get(scope) {
                bits.add(*index);
            } else if scope.contains('*')
                && let Ok(permission) = scope.parse()
            {
                bits.unite(&self.0.matching(&permission));
            }
        }
        Access::new(self.clone(), bits)
    }

    /// The requirement to have this one permission.
    ///
    /// # Errors
    ///
    /// When the text is no permission, or none of the catalogue's.
    pub fn require(&self, permission: &str) -> Result<Requirement, RolesError> {
        Requirement::default().permission(self, &parse(permission, None)?)
    }

    /// Whether there is a role of this name: grants of others allow nothing, so they are better refused.
    #[must_use]
    pub fn has_role(&self, name: &str) -> bool {
        self.0.roles.contains_key(name)
    }

    /// The permissions that there are, in the order in which they were listed.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.0.permissions.iter()
    }

    /// The permissions that `permission` covers.
    ///
    /// # Errors
    ///
    /// When it covers none.
    pub(super) fn known(&self, permission: &Permission) -> Result<Bits, RolesError> {
        let bits = self.0.matching(permission);
        if bits.is_empty() {
            let kind = RolesErrorKind::UnknownPermission;
            return Err(RolesError::new(kind, None, permission.as_str()));
        }
        Ok(bits)
    }

    pub(super) fn matching(&self, permission: &Permission) -> Bits {
        self.0.matching(permission)
    }

    pub(super) fn index(&self, permission: &Permission) -> Option<usize> {
        self.0.indices.get(permission).copied()
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roles")
            .field("permissions", &self.0.permissions.len())
            .field("roles", &self.0.roles.len())
            .finish()
    }
}
