//! Says what somebody may do: roles with permissions, per tenant, within what their token or key was restricted to.
//!
//! ```
//! use portcullis_auth_core::principal::Principal;
//! use portcullis_auth_core::roles::{Role, Roles, Shortfall};
//! use portcullis_auth_core::time::{Clock, SystemClock};
//!
//! let roles = Roles::builder()
//!     .permissions(["orders:read", "orders:write", "users:read"])
//!     .role(Role::new("viewer").allows(["orders:read"]))
//!     .role(Role::new("editor").includes(["viewer"]).allows(["orders:*"]))
//!     .build()?;
//!
//! // An editor, with a token for reading.
//! let principal = Principal::new("https://accounts.example.com", "u-17".parse()?)
//!     .tenant("acme".parse()?)
//!     .roles(["editor"])
//!     .scopes("openid orders:read".parse()?)
//!     .authorized(&roles);
//! let (acme, now) = ("acme".parse()?, SystemClock.now());
//! assert_eq!(roles.require("orders:read")?.check(&principal, Some(&acme), now), Ok(()));
//! assert_eq!(
//!     roles.require("orders:write")?.check(&principal, Some(&acme), now),
//!     Err(Shortfall::Rights { scope: Some("orders:write".into()) }),
//! );
//! let globex = "globex".parse()?;
//! assert_eq!(
//!     roles.require("orders:read")?.check(&principal, Some(&globex), now),
//!     Err(Shortfall::Tenant),
//! );
//!
//! // What is asked for must exist, or nobody would ever have it.
//! assert!(roles.require("order:read").is_err());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing is allowed that no role grants, and nothing takes away again what one does. What a principal may do is what its
//! roles in this tenant allow, **and** what the scopes of its token let through, **and** what those of its API key do.
//!
//! Who was granted what is for the service to store: a [`Grant`] is the form, [`Roles::effective`] the decision. When rights
//! shrink, the subject's epoch must be raised, so that tokens that still say otherwise end.
//!
//! A requirement is checked by a layer around the routes that it is for, inside of the one that finds out who is calling. The
//! tenant that it is given is from the path, or from a host name that no client can make up: behind a proxy, from what the
//! proxy vouches for, and never from a header of its own.
//!
//! # What it does not do
//!
//! It knows kinds of resources and not single ones: that an order belongs to who asks for it is for the handler to check,
//! with the tenant as part of every query. Conditions on time, place or amount are not roles.

mod access;
mod assurance;
mod bits;
mod catalogue;
mod error;
mod grant;
mod permission;
mod requirement;
mod scopes;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use assurance::Aal;
pub use catalogue::{Role, Roles, RolesBuilder};
pub use error::{RolesError, RolesErrorKind};
pub use grant::{Grant, Reach};
pub use permission::{InvalidPermission, Permission};
pub use requirement::{Requirement, Shortfall};
pub use scopes::{InvalidScopes, Scopes};

/// How many roles a chain of roles that include each other may have.
const MAX_DEPTH: usize = 8;
const MAX_PERMISSIONS: usize = 4096;
const MAX_ROLES: usize = 4096;
