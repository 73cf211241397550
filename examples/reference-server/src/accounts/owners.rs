//! What owners of API keys may do now.

use portcullis_auth_core::api_key::Owners;
use portcullis_auth_core::id::{SubjectId, TenantId};
use portcullis_auth_core::roles::{Access, Roles};
use portcullis_auth_core::store::Answer;

use crate::store::Store;

/// Reads the accounts.
#[derive(Debug)]
pub(super) struct KeyOwners {
    store: Store,
    roles: Roles,
}

impl KeyOwners {
    pub(super) fn new(store: Store, roles: Roles) -> Self {
        Self { store, roles }
    }
}

impl Owners for KeyOwners {
    fn rights<'a>(
        &'a self,
        tenant: &'a TenantId,
        owner: &'a SubjectId,
    ) -> Answer<'a, Option<Access>> {
        Box::pin(async move {
            let user = self.store.user(tenant, owner).await?;
            let enabled = user.filter(crate::store::User::is_enabled);
            Ok(enabled.map(|user| self.roles.access(&user.roles)))
        })
    }
}
