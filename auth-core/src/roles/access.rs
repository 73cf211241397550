use std::fmt;

use super::bits::Bits;
use super::{Permission, Roles, Scopes};

/// What somebody may do. Made by [`Roles`]; it can be narrowed and never widened.
#[derive(Clone)]
pub struct Access {
    roles: Roles,
    bits: Bits,
}

impl Access {
    pub(super) fn new(roles: Roles, bits: Bits) -> Self {
        Self { roles, bits }
    }

    /// Whether this may be done. A `*` asks for everything that it stands for. What the catalogue does not know may never
    /// be done.
    #[must_use]
    pub fn may(&self, permission: &Permission) -> bool {
        if permission.is_wildcard() {
            let asked = self.roles.matching(permission);
            return !asked.is_empty() && self.bits.contains_all(&asked);
        }
        let index = self.roles.index(permission);
        index.is_some_and(|index| self.bits.contains(index))
    }

    /// What of it remains within `scopes`: those of a token, of an API key, or of both in turn.
    #[must_use]
    pub fn within(&self, scopes: &Scopes) -> Self {
        let mut within = self.roles.scoped(scopes);
        within.bits.intersect(&self.bits);
        within
    }

    /// What both may do.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut bits = self.bits.clone();
        if self.roles.is(&other.roles) {
            bits.intersect(&other.bits);
        } else {
            // Another catalogue has other numbers.
            let mut shared = Bits::none(self.roles.permissions().count());
            for (index, permission) in self.roles.permissions().enumerate() {
                if other.may(permission) {
                    shared.add(index);
                }
            }
            bits.intersect(&shared);
        }
        Self::new(self.roles.clone(), bits)
    }

    /// Whether all that `other` may do may be done here too. If it does not hold of the new rights of somebody and their old
    /// ones, rights have shrunk, and the subject's epoch has to be raised.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self.holds(&other.roles, &other.bits)
            .unwrap_or_else(|| other.permissions().all(|permission| self.may(permission)))
    }

    /// Whether nothing may be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// What may be done, in the order of the catalogue.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        let known = self.roles.permissions().enumerate();
        known.filter_map(|(index, permission)| self.bits.contains(index).then_some(permission))
    }

    /// Whether all of `mask` may be done, if that is of the same catalogue.
    pub(super) fn holds(&self, roles: &Roles, mask: &Bits) -> Option<bool> {
        self.roles.is(roles).then(|| self.bits.contains_all(mask))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.permissions().map(Permission::as_str);
        f.write_str("Access ")?;
        f.debug_set().entries(names).finish()
    }
}
